"""The server answers its own page and nobody else; pictures only by their ids."""
from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.api import ROOT, explained, routes
from app.guard import TRIES, Guard
from app.paths import Paths
from app.server import listen, serve
from app.service import Service
from app.views import BadInput


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    opened = Service(Paths(tmp_path))
    yield opened
    opened.close()


def client(service: Service, password: str | None = None) -> TestClient:
    app = FastAPI()
    app.include_router(routes(service))
    app.add_middleware(Guard, host="127.0.0.1", password=password)
    return TestClient(app, base_url="http://127.0.0.1")


def test_foreign_hosts_origins_and_sites_are_refused(service: Service) -> None:
    page = client(service)
    assert page.get("/api/chips").status_code == 200
    assert page.get("/api/chips", headers={"host": "evil.example"}).status_code == 403
    assert page.get("/api/chips", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert page.post("/api/stop/x", headers={"origin": "http://evil.example"}).status_code == 403
    assert page.post("/api/stop/x", headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert page.get("/gradio_api/file=http://evil.example/x").status_code == 403


def test_pictures_by_id_alone(service: Service) -> None:
    page = client(service)
    for path in ("/image/..%2f..%2fplayground.png", "/image/unknown.png", "/export/unknown.png", "/export/unknown.exe",
                 "/api/picture/unknown", "/api/frame/unknown/0", "/api/gallery?after=%27"):
        answer = page.get(path)
        assert answer.status_code in (400, 404) and "Traceback" not in answer.text
    assert page.get("/api/job/unknown").status_code == 404
    assert page.post("/api/delete", json={"ids": ["unknown"]}).json() == {"count": 0}


def test_only_files_that_the_page_explains_are_shown(service: Service) -> None:
    page = client(service)
    assert {"pipelines/flow/reflow.py", "pipelines/sde/sampler.py"} <= explained() and all((ROOT / path).is_file() for path in explained())
    answer = page.get("/source/pipelines/flow/sampler.py")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain") and "def runge_kutta" in answer.text
    for path in ("app/service.py", "pipelines/../app/service.py", "%2e%2e/%2e%2e/etc/passwd", "pipelines/flow/", "/etc/passwd"):
        assert page.get(f"/source/{path}").status_code == 404


def test_a_password_is_asked_for_and_guessing_is_throttled(service: Service) -> None:
    page = client(service, password="secret")
    def knock(word: str) -> int:
        token = base64.b64encode(f"me:{word}".encode()).decode()
        return page.get("/api/chips", headers={"authorization": f"Basic {token}"}).status_code
    assert page.get("/api/chips").status_code == 401
    assert knock("secret") == 200 and knock("wrong") == 401 and knock("secret") == 200
    assert [knock("wrong") for _ in range(TRIES)][-1] == 429 and knock("secret") == 429


def test_listening_elsewhere_needs_a_password(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="password"):
        serve(Paths(tmp_path), "0.0.0.0", 7860, open_browser=False)


def test_the_next_free_port() -> None:
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with listen("127.0.0.1", port) as first, listen("127.0.0.1", port) as second:        # nobody takes what somebody has
            assert port < first.getsockname()[1] < second.getsockname()[1]
    with pytest.raises(BadInput, match="between 1 and 65535"):
        listen("127.0.0.1", 0)
