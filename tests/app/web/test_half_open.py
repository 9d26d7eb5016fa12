"""Requests that never end, and uploads without end: the connections are closed, and the disk stays free."""
from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from fastapi.testclient import TestClient
from filelock import FileLock
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web import bodies, patience, uploads
from app.web.bodies import Bodies
from app.web.policy import CLOSED
from app.web.uploads import OWNER, PREFIX, YOUNG, Uploads
from tests.app.processes import processes
from tests.app.served import png, served
from tests.app.served import uploads as folder
from tests.waiting import until

pytestmark = pytest.mark.slow

HALF = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n' + bytes(5000)
SHORT = 0.3                        # seconds in place of those of `patience`


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Of a server that reads bodies, with little patience."""
    for name in ("HEAD", "SILENCE", "BODY"):
        monkeypatch.setattr(patience, name, SHORT)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await PlainTextResponse(f"{len(await Request(scope, receive).body())} bytes")(scope, receive, send)

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, http=patience.Patient, ws="none", log_level="error", timeout_keep_alive=60))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield listener.getsockname()[1]
    server.should_exit = True
    thread.join()
    listener.close()


def drip(connection: socket.socket, parts: Callable[[], bytes]) -> bytes:
    """What comes back while parts are sent again and again, far more often than the server gives up, until it closes."""
    found, end = b"", time.monotonic() + 60
    connection.settimeout(SHORT / 10)
    while time.monotonic() < end:
        try:
            connection.sendall(parts())
            if not (part := connection.recv(4096)):
                return found
            found += part
        except TimeoutError:
            continue
        except OSError:                                    # reset: it is closed
            return found
    raise AssertionError("the connection stayed open")


def test_a_connection_that_says_nothing_is_closed(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)
        assert connection.recv(100) == b""                 # without an answer: nothing was asked


def test_what_is_no_request_gets_a_sentence_under_the_same_headers(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nno header at all\r\n\r\n")
        said = b"".join(iter(lambda: connection.recv(4096), b"")).decode()
    assert said.startswith("HTTP/1.1 400") and "no HTTP request" in said
    assert all(f"{name}: {value}" in said for name, value in CLOSED.items())


@pytest.mark.parametrize("first", [b"G", b"GET / HTTP/1.1\r\nHost: x\r\n"])
def test_a_head_that_never_ends_is_closed(port: int, first: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(first)
        assert drip(connection, lambda: b"").startswith(b"HTTP/1.1 408 ")
    with socket.create_connection(("127.0.0.1", port)) as connection:          # one byte at a time prolongs nothing
        connection.sendall(first + b"X-Slow: " * (len(first) > 1))
        assert b"200" not in drip(connection, lambda: b"x")


@pytest.mark.parametrize("length", [b"Content-Length: 1000000", b"Transfer-Encoding: chunked"])
def test_a_body_that_never_ends_is_closed(port: int, length: bytes) -> None:
    head = b"POST / HTTP/1.1\r\nHost: x\r\n" + length + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        assert drip(connection, lambda: b"").startswith(b"HTTP/1.1 408 ")
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head)
        assert b"200" not in drip(connection, lambda: b"x" if b"Length" in length else b"1\r\nx\r\n")


def test_a_second_request_on_a_connection_has_its_own_time(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.settimeout(60)
        for _ in range(3):
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
            answer = b""
            while b"3 bytes" not in answer:
                answer += connection.recv(1000)
            time.sleep(2 * SHORT)                          # open and idle, as browsers keep it
        connection.sendall(b"GET / HT")
        assert b"408" in drip(connection, lambda: b"")


def test_bodies_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LIMIT", 1000)
    kept = Uploads()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(f"{len(await Request(scope, receive).body())} bytes")(scope, receive, send)
    client = TestClient(Bodies(app, kept))
    assert client.post("/api/x", content=b"x" * 1000).text == "1000 bytes"
    assert client.post("/api/x", content=b"x" * 1001).status_code == 413
    assert client.post("/api/x", content=iter([b"x" * 500] * 3)).status_code == 413              # without a length
    assert client.post("/gradio_api/upload", content=iter([b"x"] * 3)).status_code == 411
    assert client.post("/gradio_api/upload", content=b"x" * 2000).text == "2000 bytes"
    kept.close()


def test_a_file_is_uploaded_up_to_its_limit(tmp_path: Path) -> None:
    with served(tmp_path) as client:
        for size, status in ((bodies.FILE, 200), (bodies.FILE + 1, 413), (34_000_000, 413), (40_000_000, 413)):
            answer = client.post("/gradio_api/upload", files={"files": ("a.png", bytes(size))})
            assert answer.status_code == status
            assert status == 200 or answer.json() == {"error": "A file of at most 32 MB can be uploaded; choose a smaller one."}
        assert [path.stat().st_size for path in folder().rglob("*") if path.is_file()] == [bodies.FILE]


def test_an_upload_that_stops_half_way_leaves_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """In the log, on the disk, or of the room that there is for others."""
    async def upload(app: ASGIApp) -> list[Message]:
        sent: list[Message] = []
        coming: list[Message] = [{"type": "http.disconnect"}, {"type": "http.request", "more_body": True, "body": HALF}]

        async def receive() -> Message:
            return coming.pop()

        async def send(message: Message) -> None:
            sent.append(message)
        await app({"type": "http", "method": "POST", "path": "/gradio_api/upload", "raw_path": b"/gradio_api/upload", "root_path": "",
                   "query_string": b"", "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "http_version": "1.1",
                   "headers": [(b"host", b"127.0.0.1"), (b"content-length", b"9999"),
                               (b"content-type", b"multipart/form-data; boundary=x")]}, receive, send)
        return sent

    with served(tmp_path) as client:
        sent = asyncio.run(upload(client.app))
        assert sent[0]["status"] == 400 and not caplog.records and not [path for path in folder().rglob("*") if path.is_file()]
        assert client.post("/gradio_api/upload", files={"files": ("a.png", png())}).status_code == 200


def test_uploads_have_a_limit_in_all_and_leave_with_the_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = png() + os.urandom(20_000)                    # far more than what a form has around it
    monkeypatch.setattr(uploads.Uploads.__init__, "__defaults__", (3 * len(picture) + 5000,))
    with served(tmp_path) as client:
        sent = [client.post("/gradio_api/upload", files={"files": (f"{k}.png", picture + bytes([k]))}) for k in range(5)]
        assert [answer.status_code for answer in sent] == [200, 200, 200, 413, 413] and "together" in sent[-1].json()["error"]
        assert sum(path.is_file() for path in folder().rglob("*.png")) == 3
        path = Path(sent[0].json()[0])
        assert path.is_file() and (os.name == "nt" or (path.parents[2].stat().st_mode & 0o777) == 0o700)
    assert not path.parents[2].exists()


def test_what_a_killed_server_left_is_removed_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import os, tempfile, time; from app.web.uploads import Uploads; kept = Uploads(); (kept.folder / 'x').touch()\n"
    environment = os.environ | {"TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code + "os._exit(9)"], env=environment, check=False, cwd=Path(__file__).parents[3])
    (killed,) = tmp_path.iterdir()
    alive = Uploads()
    stranger, young = tmp_path / f"{PREFIX}stranger", tmp_path / f"{PREFIX}young"
    for other in (stranger, young):
        other.mkdir()
    (young / OWNER).touch()
    for old in (killed, alive.folder.parent, stranger):
        os.utime(old, (time.time() - 2 * YOUNG,) * 2)
    with FileLock(killed / OWNER):
        pass                                               # it is free
    os.utime(killed, (time.time() - 2 * YOUNG,) * 2)
    late = Uploads()
    assert not killed.exists() and alive.folder.is_dir() and stranger.is_dir() and young.is_dir()
    alive.close()
    late.close()
    assert sorted(tmp_path.iterdir()) == sorted([stranger, young])


# A server without the page, which takes seconds to build.
SMALL = """
import app.web.server
from fastapi import FastAPI
from functools import partial
from types import SimpleNamespace
def small(*_):
    return FastAPI(lifespan=partial(app.web.server.leaving, app.web.server.Uploads())), SimpleNamespace(
        close=lambda: None, gallery=SimpleNamespace(notices=list))
app.web.server.build_app = small
"""


def test_a_server_that_is_asked_to_end_takes_its_uploads_along(tmp_path: Path) -> None:
    with processes() as start:
        server = start("serve", "--data", str(tmp_path / "data"), "--no-browser", before=SMALL, TMPDIR=str(tmp_path), TEMP=str(tmp_path),
                       TMP=str(tmp_path))
        server.said("Sextant is at")
        until(lambda: list(tmp_path.glob(f"{PREFIX}*/files")))
        assert server.asked_to_end()[0] == 0
    assert not list(tmp_path.glob(f"{PREFIX}*"))
