"""What clients send: how much of it, and whether it is JSON that can be read."""
from __future__ import annotations

import json
import math
from typing import Any

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.refusals import Refused, refusal
from app.web.uploads import Uploads

UPLOAD = "/gradio_api/upload"
LIMIT = 8 << 20                    # bytes of a call: controls, and pictures that a handler drew
FILE = 32 << 20                    # of a file that is uploaded,
ONE = FILE + (1 << 20)             # and of what is around it too
LARGE = f"A file of at most {FILE >> 20} MB can be uploaded; choose a smaller one."
CUT_OFF = "The connection was closed before everything had arrived."
DEPTH = 32                         # of lists and objects inside one another, far more than the page sends


class Bodies:
    """Calls are read whole before they are answered, so that what follows meets nothing unfinished; uploads only if there is room."""

    def __init__(self, app: ASGIApp, uploads: Uploads) -> None:
        self.app, self.uploads = app, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            return await self.app(scope, receive, send)
        path, headers, coming = scope["path"].removeprefix(scope.get("root_path", "")), Headers(scope=scope), 0
        try:
            if path == UPLOAD:
                coming, receive = self._coming(headers), finished(receive)
            else:
                body = await whole(receive)
                if body and headers.get("content-type", "").partition(";")[0].strip() == "application/json":
                    parsed(body)
                receive = replayed(body, receive)
        except Refused as error:
            return await refusal(str(error), error.status)(scope, receive, send)
        self.uploads.coming += coming
        try:
            return await self.app(scope, receive, send)
        finally:
            self.uploads.coming -= coming

    def _coming(self, headers: Headers) -> int:
        """Bytes of an upload. Raises Refused if it is too large, for itself or for what is left."""
        length = headers.get("content-length", "")
        if not (length.isascii() and length.isdigit() and len(length) < 16):
            raise Refused("An upload has to say how long it is; choose the file on the page.", 411)
        if int(length) > ONE:
            raise Refused(LARGE, 413)
        if int(length) > self.uploads.room():
            raise Refused(f"The server holds as many uploads as it may ({self.uploads.total >> 20} MB together); they are removed after "
                          "a day and when it stops.", 413)
        return int(length)


async def whole(receive: Receive) -> bytes:
    """A whole body. Raises Refused for one that is too long, or that its client left unfinished."""
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(CUT_OFF)
        found += message.get("body", b"")
        if len(found) > LIMIT:
            raise Refused(f"A request has at most {LIMIT >> 20} MB; this one is larger.", 413)
        if not message.get("more_body"):
            return bytes(found)


def finished(receive: Receive) -> Receive:
    """An upload as it comes; one that its client leaves unfinished is a form that cannot be read, of which the library keeps nothing."""
    more = True

    async def coming() -> Message:
        nonlocal more
        message = await receive()
        if more and message["type"] == "http.disconnect":
            raise MultiPartException(CUT_OFF)
        more = message.get("more_body", False)
        return message
    return coming


def parsed(body: bytes) -> Any:
    """What JSON says, if it is JSON: finite numbers, not nested without end. Raises Refused."""
    try:
        value = json.loads(body, parse_constant=_number, parse_float=_number)
    except (ValueError, RecursionError) as error:
        raise Refused("What was sent is no JSON that can be read here; use the page itself.") from error
    _judge_depth(value)
    return value


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text} is no number of JSON")
    return value


def _judge_depth(value: Any, depth: int = 0) -> None:
    if depth > DEPTH:
        raise Refused("What was sent is nested too deeply; use the page itself.")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _judge_depth(item, depth + 1)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, followed by what the connection says next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()
    return again
