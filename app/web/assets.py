"""The page's scripts and style sheets: compressed files at an address that names their content, which a browser keeps for good."""
from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

from fastapi import APIRouter
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.answers import changed, is_page, takes_gzip
from app.web.refusals import refusal

KINDS = {".js": "text/javascript", ".css": "text/css"}
MAIN = "main.js"                   # imports the others
# At the library's own script, so that ours have run before it: such scripts run in the order in which they stand.
SCRIPT, END = b'<script type="module"', b"</head>"


class Assets:
    """All scripts and style sheets of a folder as they are now; `address` is theirs, relative to the page."""

    def __init__(self, folder: Path) -> None:
        self.files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.suffix in KINDS}
        said = hashlib.sha256()
        for name, content in self.files.items():
            said.update(f"{name}\0{len(content)}\0".encode() + content)
        self.address = f"page/{said.hexdigest()[:16]}"
        self.packed = {name: gzip.compress(content) for name, content in self.files.items()}

    def routes(self) -> APIRouter:
        router = APIRouter()

        @router.get(f"/{self.address}/{{name:path}}")
        def file(name: str, request: Request) -> Response:
            if name not in self.files:
                return refusal("The page has no such part; load it again.", 404)
            packed = takes_gzip(request.headers)
            said = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
            return Response((self.packed if packed else self.files)[name], media_type=KINDS[Path(name).suffix],
                            headers=said | ({"Content-Encoding": "gzip"} if packed else {}))
        return router

    def tags(self) -> tuple[str, str]:
        """What the head of the page says of them: scripts, all of which are asked for at once; style sheets."""
        scripts = "".join(f'<link rel="modulepreload" href="{self.address}/{name}">' for name in self.files if name.endswith(".js"))
        styles = "".join(f'<link rel="stylesheet" href="{self.address}/{name}">' for name in self.files if name.endswith(".css"))
        return scripts + f'<script type="module" src="{self.address}/{MAIN}"></script>', styles


class Head:
    """Puts our scripts and style sheets into the head of the library's page, whose own way to do so has none that were read before its
    components are made."""

    def __init__(self, app: ASGIApp, assets: Assets) -> None:
        self.app, (self.scripts, self.styles) = app, (tags.encode() for tags in assets.tags())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, changed(send, is_page, self._with_tags))

    def _with_tags(self, start: Message, page: bytes) -> bytes:
        return page.replace(SCRIPT, self.scripts + SCRIPT, 1).replace(END, self.styles + END, 1)


class Packed:
    """Compresses the page, an eighth of which remains."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and takes_gzip(Headers(scope=scope)):
            send = changed(send, is_page, _packed)
        await self.app(scope, receive, send)


def _packed(start: Message, page: bytes) -> bytes:
    headers = MutableHeaders(raw=start["headers"])
    headers["Content-Encoding"] = "gzip"
    headers.add_vary_header("Accept-Encoding")
    return gzip.compress(page, 6)
