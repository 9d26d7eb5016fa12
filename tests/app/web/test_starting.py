"""What a server answers before it has started, and how it hands over."""
from __future__ import annotations

import http.client
import json
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.types import Receive, Scope, Send

from app.web.assets import ASSETS, library
from app.web.guard import Access
from app.web.policy import hashes
from app.web.seat import ROUTE, Card, identified
from app.web.server import listen
from app.web.starting import HERE, Starting, answering, config

CARD = Card("an id", "127.0.0.1", 0, "")


@contextmanager
def begun(access: Access = Access()) -> Iterator[socket.socket]:         # noqa: B008
    """A socket at which the first screen answers."""
    with listen("127.0.0.1", 49152) as listener:
        starting = Starting(access)
        with answering(listener, starting, config(identified(starting.app, CARD), access, lifespan="off")):
            yield listener


def asked(listener: socket.socket, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=60)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    return answer, answer.read().decode(errors="replace")


def test_the_first_screen_comes_behind_the_page_s_own_guard_and_policy() -> None:
    with begun() as listener:
        answer, screen = asked(listener, "/")
        policy = answer.headers["content-security-policy"]
        assert (answer.status, answer.headers["retry-after"], answer.headers["cache-control"]) == (503, "1", "no-store")
        assert "Starting" in screen and "frame-ancestors 'none'" in policy and answer.headers["x-content-type-options"] == "nosniff"
        assert len(hashes(screen)) == 1 and hashes(screen)[0] in policy
        for method, path in (("GET", "/api/chips"), ("POST", "/gradio_api/queue/join"), ("GET", "/nothing")):
            answer, said = asked(listener, path, method)
            assert (answer.status, answer.headers["retry-after"]) == (503, "1") and "starting" in json.loads(said)["error"]
        answer, said = asked(listener, "/", Host="example.org")
        assert answer.status == 403 and "example.org" in json.loads(said)["error"]
        assert asked(listener, "/api/chips", **{"Sec-Fetch-Site": "cross-site"})[0].status == 403
        assert asked(listener, ROUTE)[1] == CARD.id                      # so that a second start opens the page of this one
    with begun(Access(password="secret", frames=("https://pages.example.org",))) as listener:
        assert asked(listener, "/")[0].status == 401
        answer, _ = asked(listener, "/", Authorization="Basic OnNlY3JldA==")
        assert answer.status == 503 and "frame-ancestors https://pages" in answer.headers["content-security-policy"]


def test_what_the_page_will_ask_for_is_there_already() -> None:
    with begun() as listener:
        names = re.findall('href="([^":]+)"', asked(listener, "/")[1])
        assert {name.split("/", 2)[2] for name in names if name.startswith("page/")} == {
            path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*") if path.suffix in (".js", ".css")}
        theirs = [name for name in names if name.startswith("assets/")]
        assert theirs == (HERE / "loaded.txt").read_text().split()
        assert {name.removeprefix("assets/") for name in theirs} < {*library()[0].paths}
        for name in (names[0], theirs[0], "static/fonts/IBMPlexSans/IBMPlexSans-Bold.woff2"):
            answer, _ = asked(listener, f"/{name}")
            assert answer.status == 200 and "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("fails", [False, True])
def test_who_waits_hears_of_the_end_and_who_comes_then_waits_for_the_next(fails: bool) -> None:
    class Stopped(Exception):
        """Of whatever was to be started."""
    heard: list[int] = []
    starting, waiting = Starting(Access()), threading.Event()

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/starting":
            waiting.set()
        await starting.app(scope, receive, send)

    with listen("127.0.0.1", 49152) as kept:
        waiter = threading.Thread(target=lambda: heard.append(asked(kept, "/starting")[0].status))
        try:
            with answering(kept, starting, config(noting, Access(), lifespan="off")):
                assert asked(kept, "/")[0].status == 503
                waiter.start()
                assert waiting.wait(60) and not heard
                if fails:
                    raise Stopped
        except Stopped:
            pass
        with socket.create_connection(kept.getsockname(), timeout=60) as client:
            client.sendall(b"hello")
            accepted, _ = kept.accept()
            with accepted:
                assert accepted.recv(5) == b"hello"
        waiter.join(60)
    assert heard == [503 if fails else 200]
