"""A whole server without a network: our routes and the page behind all that guards them."""
from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import PIL.Image
from fastapi.testclient import TestClient

from app.paths import Paths
from app.web.server import build_app


@contextmanager
def served(data: Path, **settings: Any) -> Iterator[TestClient]:
    """A client of the server of a data folder; its answers are those that go out, errors included."""
    app, service = build_app(Paths(data), warm=False, **settings)
    try:
        with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
            client.service = service                                            # type: ignore[attr-defined]
            yield client
    finally:
        service.close()


def library(client: TestClient) -> Any:
    """The page's library behind all that guards it."""
    found: Any = client.app.routes[-1]                                          # type: ignore[attr-defined]
    while not hasattr(found, "get_blocks"):
        found = found.app
    return found


def uploads() -> Path:
    """Where the server of this process keeps what was uploaded."""
    return Path(os.environ["GRADIO_TEMP_DIR"])


def png(colour: str = "red", side: int = 32) -> bytes:
    """A small picture as a file."""
    file = io.BytesIO()
    PIL.Image.new("RGB", (side, side), colour).save(file, "PNG")
    return file.getvalue()


def in_line(client: TestClient, fn_index: int, data: list[Any], session: str = "s") -> dict[str, Any]:
    """What a handler that stands in line comes to: {success, output}, as the page hears it."""
    joined = client.post("/gradio_api/queue/join", json={"fn_index": fn_index, "data": data, "session_hash": session})
    assert joined.status_code == 200, joined.text
    events = client.get("/gradio_api/queue/data", params={"session_hash": session}).text.splitlines()
    said = [json.loads(line.removeprefix("data: ")) for line in events if line.startswith("data: ")]
    return next(message for message in said if message["msg"] == "process_completed")
