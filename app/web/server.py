"""The page's server: our routes, the page, and the rules for who may talk to it."""
from __future__ import annotations

import atexit
import gc
import os
import socket
import sys
import webbrowser
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from app.errors import BadInput, UserError, tell
from app.paths import Paths
from app.web.bodies import FILE, Bodies
from app.web.guard import Access, Guard
from app.web.policy import Policy
from app.web.refusals import Said
from app.web.seat import Card, Seat, identified
from app.web.uploads import Uploads

LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORT, BACKLOG = 7860, 2048
SESSIONS = 64                      # open pages whose controls are remembered, the latest ones; each takes nearly a megabyte
ANYBODY = Access()                 # on this machine


def build_app(paths: Paths, access: Access = ANYBODY, warm: bool = True):  # type: ignore[no-untyped-def]
    """(ASGI application, service). gradio is imported here, torch is not."""
    try:
        uploads = Uploads()
    except OSError as error:
        raise UserError(f"No folder for temporary files can be written ({error.strerror}); name one with TMPDIR.") from error
    atexit.register(uploads.close)
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["GRADIO_TEMP_DIR"] = str(uploads.folder)
    from fastapi import FastAPI
    from fastapi.exceptions import RequestValidationError
    from huggingface_hub.constants import HF_HOME
    from starlette.exceptions import HTTPException

    from app.service import Service
    from app.ui import gradio as gr
    from app.ui.importing import remembering, without_servers
    from app.ui.page import build_page, look
    from app.web import api
    from app.web.assets import Head, Packed, library, ours
    from app.web.gate import Gate

    service, assets = Service(paths), ours()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, default_response_class=Said, lifespan=partial(leaving, uploads))
    app.router.routes += [*api.routes(service, warm), *(files.route() for files in (assets, *library()))]
    app.add_exception_handler(RequestValidationError, api.misfit)
    app.add_exception_handler(HTTPException, api.nothing)
    app.add_middleware(Bodies, uploads=uploads)
    app.add_middleware(Guard, access=access)
    app.add_middleware(Policy, frames=access.frames)
    app.add_middleware(Packed)
    with without_servers(gr), remembering():
        page = build_page(service)
        page.queue(max_size=16, api_open=False)
    # While nothing waits, Gradio would look a thousand times a second whether something does, and a hundred times for its own progress.
    page._queue.sleep_when_free, page._queue.progress_update_sleep_when_free = 0.02, 0.2
    page.state_session_capacity = SESSIONS
    blocked = [folder for folder in (paths.data, Path(HF_HOME))
               if not uploads.folder.is_relative_to(folder.resolve())]                # a data folder may hold the temporary one
    with remembering():
        app = gr.mount_gradio_app(app, page, path="/", blocked_paths=[str(folder) for folder in blocked], show_error=False,
                                  max_file_size=FILE, ssr_mode=False, enable_monitoring=False, footer_links=[], run_history=False,
                                  root_path=access.root_path or None, **look())
    page.has_launched = True                       # else the library judges no path, which a mounted page never sets
    mounted = app.routes[-1]
    mounted.app = Gate(Head(mounted.app, assets), uploads.folder, page.fns)
    return app, service


@asynccontextmanager
async def leaving(uploads: Uploads, app: Any) -> AsyncIterator[None]:
    """What was uploaded leaves with the server."""
    yield
    uploads.close()


def serve(paths: Paths, access: Access, port: int | None, open_browser: bool) -> None:
    """Serve until it is asked to end, at `PORT` or the next free one if no port is named; only the first server of a data folder does:
    asked for the same address, another opens its page. Raises UserError if it must not or cannot."""
    host = access.host
    if not host.strip():
        raise BadInput("--host names no address; name one of this machine, or leave --host away.")
    if host not in LOOPBACK and not access.password:
        raise BadInput(f"Listening on {host} lets others in, so a password is needed; add --password WORD, or leave --host "
                       "away.")
    seat = Seat(paths.data)
    while not seat.take():
        if _joined(seat, host, port, open_browser):
            return
    try:
        with listen(host, PORT if port is None else port) as listener:
            _run(paths, access, listener, seat.sign(host, listener.getsockname()[1]), open_browser)
    finally:
        seat.leave()


def _joined(seat: Seat, host: str, port: int | None, open_browser: bool) -> bool:
    """Whether the page of the server that has the seat was opened; False if that has ended. Raises UserError if another was asked for."""
    card = seat.holder()
    if card is not None and (host != card.host or port not in (None, card.port)):
        raise UserError(f"This data folder is served at {card.url} already, and one server at a time has it; use that page, end that "
                        "server first, or choose another folder with --data DIR.")
    card = seat.holder(answering=True)
    if card is None:
        return False
    print(f"Sextant is at {card.url} already, with this data folder and the settings it was started with.", file=sys.stderr, flush=True)
    _open(card.url, open_browser)
    return True


@contextmanager
def to_stay() -> Iterator[None]:
    """What is imported and made meanwhile is there until the end: it is looked through for garbage neither now, which takes a tenth of the
    start and more, nor ever after."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


def _run(paths: Paths, access: Access, listener: socket.socket, card: Card, open_browser: bool) -> None:
    from app.web.ending import Server
    from app.web.starting import Starting, answering, config

    starting = Starting(access)
    with to_stay(), answering(listener, starting, config(identified(starting.app, card), access, lifespan="off")):
        _open(card.url, open_browser)
        app, service = build_app(paths, access)
        tell(service.gallery.notices())
    server = Server(config(identified(app, card), access))
    try:
        with suppress(KeyboardInterrupt), server.capture_signals():       # it ends in order, and then says why
            print(f"Sextant is at {card.url} (Ctrl-C stops it); data in {paths.data}", file=sys.stderr, flush=True)
            server.run(sockets=[listener])
    finally:
        service.close()


def _open(url: str, wanted: bool) -> None:
    """Show a page in the browser, where there is one."""
    if wanted and (sys.platform != "linux" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))):
        webbrowser.open(url)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the first free port from `port` on, so that nobody else takes it. Raises UserError after a hundred."""
    if not 1 <= port <= 65535:
        raise BadInput(f"The port must be between 1 and 65535; you asked for {port}.")
    for candidate in range(port, min(port + 100, 65536)):
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        try:
            if os.name != "nt":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, candidate))
            listener.listen(BACKLOG)
        except (socket.gaierror, UnicodeError):
            listener.close()
            raise BadInput(f"There is no address {host!r} here to listen on; name one of this machine with --host.") from None
        except OSError as error:
            listener.close()
            reason = error.strerror
            continue
        if candidate != port:
            print(f"Port {port} is taken; using {candidate}.", file=sys.stderr, flush=True)
        return listener
    raise UserError(f"No port from {port} on could be opened on {host} ({reason}); choose another with --port or --host.")
