"""What of a client's may reach the page's library: the routes that the page uses, and files that were uploaded here."""
from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.bodies import UPLOAD, parsed, replayed, whole
from app.refusals import Refused, refusal

log = logging.getLogger(__name__)
LOOKS = re.compile(r"/|/config|/theme\.css|/favicon\.ico|/(?:static|assets)/.+|"
                   r"/gradio_api/(?:queue/data|app_id|heartbeat/[^/]+|upload_progress|startup-events|file=.+)")
CALLS = re.compile(r"/gradio_api/(?:queue/join|run/predict|cancel)")       # JSON bodies, which are judged here
FILE = {"_type": "gradio.FileData"}


class Gate:
    """Wraps the library's application; `folder` is where it puts uploads."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app, self.folder = app, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if scope["type"] != "http" or not self._needed(scope["method"], path, scope["query_string"]):
            return await refusal("There is nothing at that address; use the page itself.", 404)(scope, receive, send)
        try:
            if "/file=" in path:
                self._own(path.partition("/file=")[2])
            if scope["method"] == "POST" and path != UPLOAD:
                receive = replayed(json.dumps(self._judged(parsed(await whole(receive)))).encode(), receive)
                scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"content-length"]}
        except Refused as error:
            return await refusal(str(error), error.status)(scope, receive, send)
        return await self.app(scope, receive, sentences(send))

    @staticmethod
    def _needed(method: str, path: str, query: bytes) -> bool:
        if method == "POST":
            return path == UPLOAD or CALLS.fullmatch(path) is not None
        # A deep link is a file of inputs under a name that a client gives.
        return method in ("GET", "HEAD") and LOOKS.fullmatch(path) is not None and not QueryParams(query).get("deep_link")

    def _own(self, path: Any) -> str:
        """The true place of an uploaded file. Raises Refused for any other path."""
        try:
            if isinstance(path, str) and (true := Path(path).resolve(strict=True)).is_relative_to(self.folder) and true.is_file():
                return str(true)
        except (OSError, ValueError, RuntimeError):        # is not there, cannot be a path, or leads to itself
            pass
        raise Refused("Only files that were uploaded on this page can be used; choose the file again.")

    def _judged(self, value: Any) -> Any:
        """A call with all that it says of files replaced by what is known of them here. Raises Refused."""
        if isinstance(value, list):
            return [self._judged(item) for item in value]
        if not isinstance(value, dict):
            return value
        if "path" not in value and "url" not in value and value.get("meta") != FILE:
            return {key: self._judged(item) for key, item in value.items()}
        name = value.get("orig_name")
        return {"path": self._own(value.get("path")), "meta": FILE,
                "orig_name": Path(name).name if isinstance(name, str) and "\0" not in name else None}


def sentences(send: Send) -> Send:
    """Passes answers on; the library says 500 also where its answer is a sentence for whoever sent something that does not fit."""
    held: list[Message] = []

    async def outgoing(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 500:
            held.append(message)
        elif held:
            held.append(message)
            if message.get("more_body"):
                return
            body = b"".join(part.get("body", b"") for part in held[1:])
            if said(body):
                held[0]["status"] = 400
                for part in held:
                    await send(part)
            else:
                answer = refusal("Something in the program went wrong with that; its log has the details.", 500)
                await send({"type": "http.response.start", "status": 500, "headers": answer.raw_headers})
                await send({"type": "http.response.body", "body": answer.body})
        else:
            await send(message)
    return outgoing


def said(body: bytes) -> bool:
    """Whether an answer holds a sentence for a person."""
    try:
        return isinstance(json.loads(body).get("error"), str)
    except (ValueError, AttributeError):
        return False
