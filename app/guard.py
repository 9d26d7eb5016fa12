"""Who may talk to the server: this host name, this origin, and, if there is one, whoever knows the password."""
from __future__ import annotations

import base64
import binascii
import hmac
import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

LOCAL = ("127.0.0.1", "localhost", "[::1]")
TRIES, PAUSE = 10, 60.0            # wrong passwords, and for how many seconds all are refused after them


class Guard:
    """Refuses foreign Host headers (DNS rebinding), cross-site requests (CSRF) and missing passwords, for every route."""

    def __init__(self, app: ASGIApp, host: str, password: str | None = None) -> None:
        self.app, self.password = app, password
        self.hosts = None if host in ("0.0.0.0", "::") else {*LOCAL, host}
        self.wrong: list[float] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        answer = self._refusal(Request(scope)) if scope["type"] == "http" else None
        await (answer or self.app)(scope, receive, send)

    def _refusal(self, request: Request) -> PlainTextResponse | None:
        name = request.headers.get("host", "")
        if self.hosts is not None and name.rsplit(":", 1)[0] not in self.hosts:
            return PlainTextResponse(f"This server does not answer for {name[:80]!r}; open it by the address that it "
                                     "printed at its start.", 403)
        navigation = request.method == "GET" and request.url.path == "/"
        origin = request.headers.get("origin")
        foreign = request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
        if not navigation and (foreign or (origin is not None and origin.split("://")[-1] != name)):
            return PlainTextResponse("Requests from other sites are refused; use the page itself.", 403)
        if "file=http" in request.url.path:
            return PlainTextResponse("Addresses of other servers are not fetched.", 403)
        return self._password_refusal(request) if self.password is not None else None

    def _password_refusal(self, request: Request) -> PlainTextResponse | None:
        self.wrong = [moment for moment in self.wrong if time.monotonic() - moment < PAUSE]
        if len(self.wrong) >= TRIES:
            return PlainTextResponse("Too many wrong passwords; wait a minute.", 429)
        given = request.headers.get("authorization", "")
        try:
            _, _, word = base64.b64decode(given.removeprefix("Basic ")).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            word = ""
        if hmac.compare_digest(word.encode(), (self.password or "").encode()):
            return None
        if given:
            self.wrong.append(time.monotonic())
        return PlainTextResponse("A password is needed; any user name will do.", 401,
                                 headers={"WWW-Authenticate": 'Basic realm="Sextant", charset="UTF-8"'})
