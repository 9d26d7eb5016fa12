"""What of a client's may reach the page's library: the routes that the page uses, and files that were uploaded here."""
from __future__ import annotations

import json
import re
from collections.abc import Container
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.answers import changed
from app.web.bodies import LARGE, UPLOAD, parsed, replayed, whole
from app.web.refusals import Refused, Said, refusal

LOOKS = re.compile(r"/|/config|/theme\.css|/favicon\.ico|/(?:static|assets)/.+|"
                   r"/gradio_api/(?:queue/data|app_id|heartbeat/[^/]+|upload_progress|startup-events|file=.+)")
CALLS = re.compile(r"/gradio_api/(?:queue/join|run/predict|cancel)")       # JSON bodies, which are judged here
FILE = {"_type": "gradio.FileData"}
LONGEST = 255                      # characters of a part of a path
WRONG = ("That is no call of this page; reload it and try again.",
         "Something in the program went wrong with that; its log has the details.")
FULL = refusal("The program has as much to do for its pages as it takes at once; wait a moment and press again.", 429, {"Retry-After": "1"})

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,100}$")]


class Call(BaseModel):
    """What the page sends when something is pressed."""
    model_config = ConfigDict(strict=True)
    fn_index: int
    session_hash: Word
    event_id: Word | None = None
    trigger_id: int | None = None
    data: list[Any] | None = None
    event_data: Any = None


class Gate:
    """Wraps the library's application; `folder` is where it puts uploads, `calls` are the numbers of the page's handlers."""

    def __init__(self, app: ASGIApp, folder: Path, calls: Container[int]) -> None:
        self.app, self.folder, self.calls = app, folder.resolve(), calls

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
                receive = replayed(json.dumps(self._call(path, parsed(await whole(receive)))).encode(), receive)
                scope = {**scope, "headers": [(name, value) for name, value in scope["headers"] if name != b"content-length"]}
        except Refused as error:
            return await refusal(str(error), error.status)(scope, receive, send)
        return await self.app(scope, receive, sentences(send))

    @staticmethod
    def _needed(method: str, path: str, query: bytes) -> bool:
        if method == "POST":
            return path == UPLOAD or CALLS.fullmatch(path) is not None
        # A deep link is a file of inputs under a name that a client gives, and there is one page.
        asked = QueryParams(query)
        return (method in ("GET", "HEAD") and LOOKS.fullmatch(path) is not None and not asked.get("deep_link") and not asked.get("page")
                and ("/file=" in path or all(len(part) <= LONGEST for part in path.split("/"))))

    def _own(self, path: Any) -> str:
        """The true place of an uploaded file. Raises Refused for any other path."""
        try:
            if isinstance(path, str) and (true := Path(path).resolve(strict=True)).is_relative_to(self.folder) and true.is_file():
                return str(true)
        except (OSError, ValueError, RuntimeError):        # is not there, cannot be a path, or leads to itself
            pass
        raise Refused("Only files that were uploaded on this page can be used; choose the file again.")

    def _call(self, path: str, value: Any) -> dict[str, Any]:
        """A call of the page with the fields that it has there, and nothing else. Raises Refused."""
        try:
            call = Call.model_validate(value)
        except ValidationError as error:
            raise Refused(WRONG[0]) from error
        if call.fn_index not in self.calls or path.endswith("/cancel") and call.event_id is None:
            raise Refused(WRONG[0])
        return {name: self._judged(given) for name, given in call if given is not None}

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
    """Passes answers on; where the library refuses something, a sentence stands with it, and 500 means an error of the program alone."""
    def change(start: Message, body: bytes) -> bytes:
        status, found = start["status"], told(body)
        if status == 500 and isinstance(found.get("error"), str):
            status = 400                                   # what was said to whoever sent something that does not fit
        if not isinstance(found.get("error"), str):
            detail = found.get("detail")
            found["error"] = LARGE if status == 413 else detail if isinstance(detail, str) and status != 500 else WRONG[status == 500]
        full = status == 503 and found["error"].startswith("Queue is full")           # not what a proxy says when nothing answers
        answer = FULL if full else Said(found, status)
        start.update(status=answer.status_code, headers=list(answer.raw_headers))
        return bytes(answer.body)
    return changed(send, lambda start: start["status"] >= 400, change)


def told(body: bytes) -> dict[str, Any]:
    """What an answer says."""
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}
