"""What of a client's may reach the page's library: the routes that the page uses, and files that were uploaded here."""
from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from starlette.datastructures import QueryParams
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOKS = re.compile(r"/|/config|/theme\.css|/favicon\.ico|/(?:static|assets)/.+|"
                   r"/gradio_api/(?:queue/data|heartbeat/[^/]+|upload_progress|startup-events|file=.+)")
CALLS = re.compile(r"/gradio_api/(?:queue/join|run/predict|cancel)")       # JSON bodies, which are judged here
UPLOAD = "/gradio_api/upload"
DEPTH = 32                         # of lists and objects inside one another, far more than the page sends
LIMIT = 8 << 20                    # bytes of a call's body: controls, and pictures that a handler drew
FILE = {"_type": "gradio.FileData"}


class Refused(Exception):
    """What a client sent must not go further; a sentence that says why, and the answer's status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Gate:
    """Wraps the library's application; `folder` is where it puts uploads."""

    def __init__(self, app: ASGIApp, folder: Path) -> None:
        self.app, self.folder = app, folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        if scope["type"] != "http" or not self._needed(scope["method"], path, scope["query_string"]):
            return await JSONResponse({"error": "There is nothing at that address; use the page itself."}, 404)(scope, receive, send)
        try:
            if "/file=" in path:
                self._own(path.partition("/file=")[2])
            if scope["method"] == "POST" and path != UPLOAD:
                receive = replayed(json.dumps(self._judged(parsed(await body_of(receive)))).encode(), receive)
                scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"content-length"]}
        except Refused as error:
            return await JSONResponse({"error": str(error)}, error.status)(scope, receive, send)
        return await self.app(scope, receive, send)

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

    def _judged(self, value: Any, depth: int = 0) -> Any:
        """A call with all that it says of files replaced by what is known of them here. Raises Refused."""
        if depth > DEPTH:
            raise Refused("What was sent is nested too deeply; use the page itself.")
        if isinstance(value, list):
            return [self._judged(item, depth + 1) for item in value]
        if not isinstance(value, dict):
            return value
        if "path" not in value and "url" not in value and value.get("meta") != FILE:
            return {key: self._judged(item, depth + 1) for key, item in value.items()}
        name = value.get("orig_name")
        return {"path": self._own(value.get("path")), "meta": FILE,
                "orig_name": Path(name).name if isinstance(name, str) and "\0" not in name else None}


async def body_of(receive: Receive) -> bytes:
    """A whole body. Raises Refused for one that is too long, or that its client left unfinished."""
    found = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused("The connection was closed before everything had arrived.")
        found += message.get("body", b"")
        if len(found) > LIMIT:
            raise Refused(f"A request has at most {LIMIT >> 20} MB; this one is larger.", 413)
        if not message.get("more_body"):
            return bytes(found)


def parsed(body: bytes) -> Any:
    """What JSON says. Raises Refused."""
    try:
        return json.loads(body, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise Refused("What was sent is no JSON that can be read here; use the page itself.") from error


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def replayed(body: bytes, receive: Receive) -> Receive:
    """A body that was read already, followed by what the connection says next."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return messages.pop() if messages else await receive()
    return again
