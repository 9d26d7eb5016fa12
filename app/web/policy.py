"""What browsers may do with our answers: frame them, guess their kind, run scripts, load things from elsewhere."""
from __future__ import annotations

import base64
import hashlib
import logging
import re
from collections.abc import Iterable

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.answers import changed, is_page
from app.web.refusals import refusal

log = logging.getLogger(__name__)
INLINE = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)
# unsafe-eval: the library makes the scripts of its components and events from text (js_on_load, js=). All that text is in its
# configuration, which is ours. Inline styles are how it themes itself.
PAGE = ("default-src 'self'; script-src 'self' 'unsafe-eval' {scripts}; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
        "font-src 'self' data:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {frames}")
# Pictures, files and numbers do nothing by themselves.
CLOSED = {"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
          "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'"}


class Policy:
    """Puts the policy on every answer, refusals and errors included, so it has to be around all that answers.

    frames: origins whose pages may embed ours.
    """

    def __init__(self, app: ASGIApp, frames: Iterable[str] = ()) -> None:
        self.app, self.frames = app, " ".join(frames)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        permitted, started = changed(send, is_page, self._permit), False

        async def outgoing(message: Message) -> None:
            nonlocal started
            started = True
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in CLOSED.items():
                    headers[name] = value
            await permitted(message)

        try:
            await self.app(scope, receive, outgoing)
        except Exception:
            if started:
                raise
            log.exception("%s %s failed", scope["method"], scope["path"])
            await refusal("Something in the program went wrong with that; its log has the details.", 500)(scope, receive, outgoing)

    def _permit(self, start: Message, page: bytes) -> bytes:
        """The policy of a page: its own scripts run, in no foreign frame."""
        headers = MutableHeaders(raw=start["headers"])
        scripts = " ".join(sorted(set(hashes(page.decode(errors="replace")))))
        headers["Content-Security-Policy"] = PAGE.format(scripts=scripts, frames=self.frames or "'none'")
        if self.frames:                        # this older header knows no list
            del headers["X-Frame-Options"]
        return page


def hashes(html: str) -> list[str]:
    """How a policy names the inline scripts of a text."""
    return [f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in INLINE.findall(html)]
