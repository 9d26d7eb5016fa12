"""The page's scripts, style sheets and letters, ours and the library's: files at addresses that name their content, which a browser keeps
for good."""
from __future__ import annotations

import gzip
import hashlib
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.answers import changed, is_page, takes_gzip
from app.web.refusals import refusal

ASSETS = Path(__file__).parents[1] / "ui" / "assets"
KINDS = {".js": "text/javascript", ".css": "text/css"}
LETTERS = {".woff2": "font/woff2", ".woff": "font/woff", ".ttf": "font/ttf", ".svg": "image/svg+xml"}
MAIN = "main.js"                   # imports the others
# At the library's own script, so that ours have run before it: such scripts run in the order in which they stand.
SCRIPT, END = b'<script type="module"', b"</head>"


class Files:
    """Those of a folder that never change at an address."""

    def __init__(self, folder: Path, address: str = "") -> None:
        kinds = KINDS | LETTERS
        self.address = address
        self.paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.suffix in kinds}
        self.packed = cache(lambda name: gzip.compress(self.read(name), 6))

    def read(self, name: str) -> bytes:
        return self.paths[name].read_bytes()

    def route(self) -> Route:
        return Route(f"/{self.address}/{{name:path}}", self._answer)

    async def _answer(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self.paths:
            return refusal("The page has no such part; load it again.", 404)
        kind, suffix = KINDS | LETTERS, Path(name).suffix
        said = {"Cache-Control": "private, max-age=31536000, immutable", "Vary": "Accept-Encoding"}
        if suffix in KINDS and takes_gzip(request.headers):
            return Response(self.packed(name), media_type=kind[suffix], headers=said | {"Content-Encoding": "gzip"})
        return Response(self.read(name), media_type=kind[suffix], headers=said)


class Assets(Files):
    """Ours, as they are now; `address` is theirs, relative to the page."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.files = {name: path.read_bytes() for name, path in self.paths.items()}
        said = hashlib.sha256()
        for name, content in self.files.items():
            said.update(f"{name}\0{len(content)}\0".encode() + content)
        self.address = f"page/{said.hexdigest()[:16]}"

    def read(self, name: str) -> bytes:
        return self.files[name]

    def tags(self) -> tuple[str, str]:
        """What the head of the page says of them: scripts, all of which are asked for at once; style sheets."""
        scripts = "".join(f'<link rel="modulepreload" href="{self.address}/{name}">' for name in self.files if name.endswith(".js"))
        styles = "".join(f'<link rel="stylesheet" href="{self.address}/{name}">' for name in self.files if name.endswith(".css"))
        return scripts + f'<script type="module" src="{self.address}/{MAIN}"></script>', styles


@cache
def ours() -> Assets:
    return Assets(ASSETS)


@cache
def library() -> list[Files]:
    """Those of gradio, which names scripts and style sheets by their content too, and its letters; it is not imported for them."""
    found = find_spec("gradio")
    assert found is not None and found.submodule_search_locations is not None
    folder = Path(found.submodule_search_locations[0]) / "templates" / "frontend"
    return [Files(folder / address, address) for address in ("assets", "static/fonts")]


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
