"""One server for a data folder; whoever asks for it again gets its page."""
from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.cli import main
from app.errors import UserError
from app.web.guard import Access
from app.web.seat import ROUTE, Seat, identified
from app.web.server import listen, serve
from tests.app.processes import Process, processes
from tests.waiting import until

# A server without the page, which takes seconds to build.
SMALL = """
import app.web.server, time, types
from starlette.responses import PlainTextResponse
class Service:
    gallery = types.SimpleNamespace(notices=list)
    def close(self):
        print('closed', flush=True)
app.web.server.build_app = lambda *_: (PlainTextResponse('the page'), Service())
"""


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    with processes() as starter:
        yield starter


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def browser(folder: Path) -> tuple[str, Path]:
    """A browser for $BROWSER that notes what it was to open, and where it does."""
    script, opened = folder / "browser", folder / "opened"
    script.write_text(f"#!{sys.executable}\nimport sys\nopen({str(opened)!r}, 'a').write(sys.argv[1] + '\\n')\n")
    script.chmod(0o755)
    return f"{script} %s", opened


@pytest.mark.slow
def test_a_second_server_opens_the_page_of_the_first_or_says_where_it_is(
        start: Callable[..., Process], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    port, data, opened = free_port(), tmp_path / "data", []
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("BROWSER", "any")
    first = start("serve", "--port", str(port), "--data", str(data), "--no-browser", before=SMALL)
    assert url in first.said("Sextant is at")
    with monkeypatch.context() as patch:
        patch.setenv("http_proxy", "http://127.0.0.1:1")
        for more in (("--port", str(port)), ()):                            # at the same address, or wherever it is
            assert main(["serve", *more, "--data", str(data)]) == 0
            error = capsys.readouterr().err
            assert f"{url} already" in error and error.count("\n") == 1
    for more in (("--port", str(free_port())), ("--host", "0.0.0.0", "--password", "secret")):
        assert main(["serve", *more, "--data", str(data)]) == 1
        error = capsys.readouterr().err
        assert url in error and "one server at a time" in error and error.count("\n") == 1
    assert opened == [url, url]
    assert main(["gallery", "--json", "--data", str(data)]) == 0            # command lines go on beside it
    assert capsys.readouterr().out.startswith('{"total": 0')
    other = Seat(tmp_path)                                                  # another folder's server goes to the next port
    assert other.take()
    other.leave()
    with listen("127.0.0.1", port) as listener:
        assert listener.getsockname()[1] != port and f"Port {port} is taken" in capsys.readouterr().err
    assert first.asked_to_end()[:2] == (0, "closed\n")
    assert Seat(data).take()
    with listen("127.0.0.1", port) as listener:
        assert listener.getsockname()[1] == port


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="the browser is a script")
def test_two_starts_at_once_are_one_server(start: Callable[..., Process], tmp_path: Path) -> None:
    port, (command, opened) = free_port(), browser(tmp_path)
    many = [start("serve", "--port", str(port), "--data", str(tmp_path / "data"), before=SMALL, BROWSER=command) for _ in range(4)]
    until(lambda: opened.exists() and opened.read_text() == 4 * f"http://127.0.0.1:{port}\n")
    until(lambda: [process.poll() for process in many].count(0) == 3)
    left = next(process for process in many if process.poll() is None)
    assert left.asked_to_end()[0] == 0


def test_a_seat_is_free_again_however_its_server_ended(start: Callable[..., Process], tmp_path: Path) -> None:
    port, data = free_port(), str(tmp_path / "data")
    killed = start("serve", "--port", str(port), "--data", data, "--no-browser", before=SMALL)
    killed.said("Sextant is at")
    killed.kill()
    killed.wait()
    assert (tmp_path / "data" / ".server.json").exists()                    # what it could not take away
    seat = Seat(tmp_path / "data")
    assert seat.holder(answering=True) is None and seat.take()
    assert not Seat(tmp_path / "data").take()
    seat.leave()
    assert not (tmp_path / "data" / ".server.json").exists()


def test_a_server_that_ends_before_it_answers_is_followed(tmp_path: Path) -> None:
    first, second = Seat(tmp_path), Seat(tmp_path)
    assert first.take()
    with listen("127.0.0.1", free_port()) as silent:
        first.sign("127.0.0.1", silent.getsockname()[1])
        assert second.holder() is not None
        threading.Timer(0.5, first.leave).start()
        silent.close()
        assert second.holder(answering=True) is None


def test_a_server_that_never_answers_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.seat.PATIENCE", 0.3)
    from app.paths import Paths
    seat = Seat(tmp_path)
    assert seat.take()
    with pytest.raises(UserError, match="does not answer"):
        serve(Paths(tmp_path), Access(), None, open_browser=False)
    card = seat.sign("127.0.0.1", free_port())
    with pytest.raises(UserError, match=f"{card.url} and does not answer"):
        serve(Paths(tmp_path), Access(), None, open_browser=False)


def test_a_folder_that_cannot_be_written_is_served_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".server.lock").mkdir()                                     # which even root cannot open
    (tmp_path / ".server.json").mkdir()
    for seat in (Seat(tmp_path), Seat(tmp_path)):
        assert seat.take() and seat.sign("127.0.0.1", 7860).url == "http://127.0.0.1:7860"
        seat.leave()


def test_a_server_says_nothing_but_a_random_id(tmp_path: Path) -> None:
    async def page(scope: object, receive: object, send: object) -> None:
        raise AssertionError("the page was asked")
    seat = Seat(tmp_path)
    assert seat.take()
    cards = [seat.sign("0.0.0.0", 7860), seat.sign("::1", 7860)]
    assert [card.url for card in cards] == ["http://127.0.0.1:7860", "http://[::1]:7860"]
    assert cards[0].id != cards[1].id
    answer = TestClient(identified(page, cards[0])).get(ROUTE)
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.text == cards[0].id and str(tmp_path) not in str(answer.headers)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_server_that_is_asked_to_end_does_so_in_order(start: Callable[..., Process], tmp_path: Path, name: str) -> None:
    slow = SMALL.replace("        print('closed'", "        print('closing', flush=True); time.sleep(1)\n        print('closed'")
    number, port = getattr(signal, name), free_port()
    server = start("serve", "--port", str(port), "--data", str(tmp_path), "--no-browser", before=slow)
    server.said("Sextant is at")
    until(lambda: _answers(port))
    server.send_signal(number)
    assert server.stdout.readline() == "closing\n"
    if name != "SIGINT":
        server.send_signal(number)                                          # said twice, it means the same
    code, out, error = server.returncode, *server.communicate(timeout=120)
    assert (server.returncode, out, error) == (0, "closed\n", "") and code is None
    assert not _answers(port)


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_ctrl_c_again_ends_at_once_and_without_a_traceback(start: Callable[..., Process], tmp_path: Path) -> None:
    slow = SMALL.replace("print('closed', flush=True)", "import time; print('closing', flush=True); time.sleep(600)")
    server = start("serve", "--port", str(free_port()), "--data", str(tmp_path), "--no-browser", before=slow)
    server.said("Sextant is at")
    server.send_signal(signal.SIGINT)
    assert server.stdout.readline() == "closing\n"
    assert server.asked_to_end(signal.SIGINT) == (1, "", "Ended at once.\n")


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_server_that_still_starts_can_be_ended(start: Callable[..., Process], tmp_path: Path) -> None:
    never = "import app.web.server, time\napp.web.server.build_app = lambda *_: (print('starting', flush=True), time.sleep(600))"
    server = start("serve", "--port", str(free_port()), "--data", str(tmp_path), "--no-browser", before=never)
    assert server.stdout.readline() == "starting\n"
    assert server.asked_to_end() == (0, "", "Stopped.\n")


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
            connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
            return b"the page" in connection.recv(4096) + connection.recv(4096)
    except OSError:
        return False
