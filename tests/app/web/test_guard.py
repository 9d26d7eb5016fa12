"""The server answers its own page and nobody else; pictures only by their ids."""
from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.errors import BadInput
from app.paths import Paths
from app.service import Service
from app.web.api import ROOT, explained, routes
from app.web.guard import ADDRESSES, PAUSE, TRIES, Access, Guard
from app.web.server import listen, serve


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    opened = Service(Paths(tmp_path))
    yield opened
    opened.close()


def client(service: Service, **access: Any) -> TestClient:
    app = FastAPI()
    app.router.routes += routes(service)
    app.add_middleware(Guard, access=Access(**access))
    return TestClient(app, base_url="http://127.0.0.1")


def test_foreign_hosts_origins_and_sites_are_refused(service: Service) -> None:
    page = client(service)
    assert page.get("/api/chips").status_code == 200
    assert page.get("/api/chips", headers={"host": "evil.example"}).status_code == 403
    assert page.get("/api/chips", headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert page.post("/api/stop/x", headers={"origin": "http://evil.example"}).status_code == 403
    assert page.post("/api/stop/x", headers={"origin": "http://127.0.0.1"}).status_code == 200
    assert page.get("/api/chips", headers={"x-forwarded-host": "evil.example"}).status_code == 403
    for odd in ("", "[::1", "127.0.0.1:x", "127.0.0.1 evil.example", "127.0.0.1@evil.example", "evil.example#127.0.0.1", "\u00e9"):
        assert page.get("/api/chips", headers={"host": odd.encode("latin-1")}).status_code == 403
    for own in ("LOCALHOST:7860", "localhost.:7860", "[::1]", "[::1]:7860", "127.0.0.1:80"):
        assert page.get("/api/chips", headers={"host": own}).status_code == 200


def test_only_the_page_itself_is_opened_from_other_sites() -> None:
    app = FastAPI()
    app.add_api_route("/", lambda: "page")
    app.add_api_route("/other", lambda: "other")
    page = TestClient(Guard(app, Access()), base_url="http://127.0.0.1")
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    assert page.get("/", headers=link).status_code == 200
    assert page.get("/other", headers=link).status_code == 403
    for more in ({"sec-fetch-mode": "no-cors"}, {"sec-fetch-mode": "cors", "origin": "http://evil.example"}, {"origin": "null"}):
        assert page.get("/", headers=link | more).status_code == 403
    assert page.get("/", headers={"origin": "http://evil.example"}).status_code == 403


def test_other_names_are_let_in_on_purpose(service: Service) -> None:
    page = client(service, names=("Pictures.example.org",))
    outside = {"host": "pictures.example.org", "origin": "https://pictures.example.org"}
    assert page.post("/api/stop/x", headers=outside).status_code == 200
    assert page.post("/api/stop/x", headers={"origin": "https://pictures.example.org:8443"}).status_code == 200      # a proxy's Host
    assert page.get("/api/chips", headers={"x-forwarded-host": "pictures.example.org"}).status_code == 200
    assert page.get("/api/chips", headers={"host": "other.example.org"}).status_code == 403
    for settings in ({"names": ("http://x",)}, {"names": ("x:80",)}, {"names": ("",)}, {"names": ("a/b",)}, {"frames": ("x",)},
                     {"frames": ("https://x/y",)}, {"frames": ("*",)}, {"frames": ("https://x; script-src *",)}, {"root_path": "sub"},
                     {"root_path": "/a/../b"}, {"root_path": "/a b"}, {"root_path": "/api"}, {"root_path": "//x"}):
        with pytest.raises(BadInput):
            Access(**settings)                                                        # type: ignore[arg-type]


def test_pictures_by_id_alone(service: Service) -> None:
    page = client(service)
    for path in ("/image/..%2f..%2fplayground.png", "/image/unknown.png", "/export/unknown.png", "/export/unknown.exe",
                 "/api/picture/unknown", "/api/frame/unknown/0", "/api/gallery?after=%27"):
        answer = page.get(path)
        assert answer.status_code in (400, 404) and "Traceback" not in answer.text
    assert page.get("/api/job/unknown").status_code == 404
    assert page.post("/api/delete", json={"ids": ["unknown"]}).json() == {"count": 0}


@pytest.mark.slow
def test_only_files_that_the_page_explains_are_shown(service: Service) -> None:
    page = client(service)
    assert {"pipelines/flow/reflow.py", "pipelines/sde/sampler.py"} <= explained() and all((ROOT / path).is_file() for path in explained())
    answer = page.get("/source/pipelines/flow/sampler.py")
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain") and "def runge_kutta" in answer.text
    for path in ("app/service.py", "pipelines/../app/service.py", "%2e%2e/%2e%2e/etc/passwd", "pipelines/flow/", "/etc/passwd"):
        assert page.get(f"/source/{path}").status_code == 404


def knock(page: TestClient, word: str, scheme: str = "Basic") -> int:
    token = base64.b64encode(f"me:{word}".encode()).decode()
    return page.get("/api/chips", headers={"authorization": f"{scheme} {token}"}).status_code


def test_a_password_is_asked_for(service: Service) -> None:
    page = client(service, password="secret")
    answer = page.get("/api/chips")
    assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Basic") and answer.json()["error"]
    assert knock(page, "secret") == knock(page, "secret", "basic") == knock(page, "secret", "BASIC") == 200
    assert knock(page, "wrong") == knock(page, "secret", "Bearer") == knock(page, "") == 401


@pytest.mark.parametrize("header", [b"Basic \xff", b"Basic", b"Basic ", b"Basic ====", b"Basic bWU6/w==", b"Basic bWU", b"\xff\xfe", b"",
                                    b"Basic " + b"A" * 60_000, b"basic\tbWU6c2VjcmV0", b"Digest username=me"])
def test_a_password_that_cannot_be_read_is_a_wrong_one(service: Service, header: bytes) -> None:
    assert client(service, password="secret").get("/api/chips", headers={b"authorization": header}).status_code == 401


@pytest.mark.slow
def test_guessing_is_slowed_down_for_the_address_that_guesses(service: Service) -> None:
    app = FastAPI()
    app.router.routes += routes(service)
    now = [0.0]
    guard = Guard(app, Access(password="secret"), clock=lambda: now[0])
    def at(address: str) -> TestClient:
        return TestClient(guard, base_url="http://127.0.0.1", client=(address, 50000))
    bad, good = at("192.0.2.1"), at("192.0.2.2")
    assert [knock(bad, "wrong") for _ in range(TRIES)] == [401] * TRIES
    assert knock(bad, "wrong") == knock(bad, "secret") == 429
    assert knock(good, "secret") == 200 and knock(good, "wrong") == 401                # others are not locked out
    now[0] += PAUSE
    assert knock(bad, "secret") == 200
    for k in range(TRIES):                                                           # a whole network of one guesser
        knock(at(f"2001:db8::{k:x}"), "wrong")
    assert knock(at("2001:db8::ffff"), "secret") == 429 and knock(at("2001:db8:0:1::1"), "secret") == 200
    for k in range(ADDRESSES + 10):
        guard.wrong[str(k)] = [now[0]]
    assert knock(bad, "wrong") == 401 and len(guard.wrong) == ADDRESSES


def test_listening_elsewhere_needs_a_password(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="password"):
        serve(Paths(tmp_path), Access("0.0.0.0"), 7860, open_browser=False)


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
