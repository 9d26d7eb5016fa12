"""The first screen: what a server answers while the rest of it is still imported and made, which takes a second or two."""
from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import uvicorn
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.server import ServerState

from app.web.assets import library, ours
from app.web.guard import Access, Guard
from app.web.patience import Patient
from app.web.policy import Policy
from app.web.refusals import refusal

HERE = Path(__file__).parent
SOON = {"Retry-After": "1", "Cache-Control": "no-store"}
LINGER = 2.0                       # seconds in which answers that were begun go out
PLACE = "<!-- what the page will ask for -->"


def config(app: ASGIApp, access: Access, **more: Any) -> uvicorn.Config:
    """How we speak HTTP. What a proxy on this machine says of addresses counts if there is one, else anybody could say it."""
    return uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, http=Patient, ws="none",
                          proxy_headers=bool(access.root_path), server_header=False, **more)


class Starting:
    """The first screen at "/", which turns itself into the page; the files that the page will ask for; a sentence for whatever else is
    asked. All behind the guard and the policy of the page."""

    def __init__(self, access: Access) -> None:
        self.over, self.started = asyncio.Event(), False
        self.screen = (HERE / "starting.html").read_text(encoding="utf-8").replace(PLACE, links())
        routes = [Route("/", self._page), Route("/starting", self._end), *(files.route() for files in (ours(), *library()))]
        self.app = Policy(Guard(Router(routes, default=_not_yet), access), access.frames)

    async def _page(self, _: Request) -> Response:
        return HTMLResponse(self.screen, 503, SOON)

    async def _end(self, _: Request) -> Response:
        """Answered when it is over."""
        await self.over.wait()
        return PlainTextResponse("It has started.", headers=SOON) if self.started else refusal("It ended before it had started.", 503)


def links() -> str:
    """What the page will ask for, in words of HTML: loaded.txt names what is gradio's, and tests/browser/test_start.py holds it against a
    page."""
    kinds = {".js": 'rel="modulepreload"', ".css": 'rel="prefetch"'}
    names = [*(f"{ours().address}/{name}" for name in ours().paths), *(HERE / "loaded.txt").read_text(encoding="utf-8").split()]
    return "\n".join(f'<link {kinds[Path(name).suffix]} href="{name}">' for name in names)


async def _not_yet(scope: Scope, receive: Receive, send: Send) -> None:
    await refusal("The program is starting; try again in a moment.", 503, SOON)(scope, receive, send)


@contextmanager
def answering(listener: socket.socket, starting: Starting, settings: uvicorn.Config) -> Iterator[None]:
    """As long as the block lasts, `starting` answers at a socket that listens, on a thread of its own; whoever comes then waits there for
    the next one who does."""
    loop, closed = asyncio.SelectorEventLoop(), threading.Event()            # Windows' usual one would keep the socket for itself

    async def serve() -> None:
        settings.load()
        state = ServerState()
        server = await loop.create_server(lambda: Patient(config=settings, server_state=state, app_state={}), sock=listener.dup())
        await starting.over.wait()
        server.close()
        closed.set()
        if state.tasks:
            await asyncio.wait(state.tasks, timeout=LINGER)
        for connection in list(state.connections):
            connection.shutdown()
        await asyncio.sleep(0.1)

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        finally:
            closed.set()
            loop.close()

    threading.Thread(target=run, name="first screen", daemon=True).start()
    try:
        yield
        starting.started = True
    finally:
        with suppress(RuntimeError):                             # it has ended by itself, and its log says why
            loop.call_soon_threadsafe(starting.over.set)
        closed.wait()
