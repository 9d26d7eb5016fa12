"""The page's server: our routes, the page, and the rules for who may talk to it."""
from __future__ import annotations

import atexit
import os
import shutil
import socket
import sys
import tempfile
import threading
import webbrowser
from pathlib import Path

from app.paths import Paths
from app.views import BadInput, UserError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def build_app(paths: Paths, host: str = "127.0.0.1", password: str | None = None, warm: bool = True):  # type: ignore[no-untyped-def]
    """(ASGI application, service). gradio is imported here, torch is not."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    os.environ["GRADIO_TEMP_DIR"] = private = tempfile.mkdtemp(prefix="sextant-")       # 0700, ours alone
    atexit.register(shutil.rmtree, private, ignore_errors=True)
    import gradio as gr
    from fastapi import FastAPI

    from app.api import routes
    from app.gate import Gate
    from app.guard import Guard
    from app.service import Service
    from app.ui.page import build_page, look

    service = Service(paths)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.include_router(routes(service))
    app.add_middleware(Guard, host=host, password=password)
    page = build_page(service)
    page.queue(max_size=16, api_open=False)
    blocked = [folder for folder in (paths.data, Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface")))
               if not Path(private).resolve().is_relative_to(folder.resolve())]             # a data folder may hold the temporary one
    app = gr.mount_gradio_app(app, page, path="/", blocked_paths=[str(folder) for folder in blocked], show_error=False,
                              max_file_size="32mb", ssr_mode=False, enable_monitoring=False, footer_links=[], run_history=False, **look())
    page.has_launched = True                       # else the library judges no path, which a mounted page never sets
    mounted = app.routes[-1]
    mounted.app = Gate(mounted.app, Path(private))
    if warm:
        threading.Timer(1.5, service.warm).start()
    return app, service


def serve(paths: Paths, host: str, port: int, open_browser: bool, password: str | None = None) -> None:
    """Serve until Ctrl-C. Raises UserError if it must not or cannot."""
    if host not in LOOPBACK and not password:
        raise BadInput(f"Listening on {host} lets others in, so a password is needed; add --password WORD, or leave --host "
                       "away.")
    free = free_port(host, port)
    if free != port:
        print(f"Port {port} is taken; using {free}.", file=sys.stderr, flush=True)
    import uvicorn

    app, service = build_app(paths, host, password)
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(host, host)
    url = f"http://{name}:{free}"
    server = uvicorn.Server(uvicorn.Config(app, host=host, port=free, log_level="warning", timeout_graceful_shutdown=2))

    def announce() -> None:
        print(f"Sextant is at {url} (Ctrl-C stops it); data in {paths.data}", file=sys.stderr, flush=True)
        if open_browser and (sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
            webbrowser.open(url)

    threading.Timer(0.3, announce).start()
    try:
        server.run()
    finally:
        service.close()


def free_port(host: str, port: int) -> int:
    """The first port from `port` on that nobody listens on. Raises UserError after a hundred."""
    if not 1 <= port <= 65535:
        raise BadInput(f"The port must be between 1 and 65535; you asked for {port}.")
    for candidate in range(port, min(port + 100, 65536)):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if os.name != "nt":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, candidate))
                return candidate
            except OSError as error:
                reason = error.strerror
    raise UserError(f"No port from {port} on could be opened on {host} ({reason}); choose another with --port or --host.")
