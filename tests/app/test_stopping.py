"""Ctrl-C, TERM and HUP mean the same to every command: work is saved, jobs end, nothing is left behind."""
from __future__ import annotations

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from app.cli import main
from app.stopping import stoppable
from storage.database import NAME
from tests.app.processes import Process, processes
from tests.app.web.test_seat import SMALL, free_port

pytestmark = pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"]
BUSY = SMALL.replace("import app.web.server, time", "import app.service, sys, threading, app.web.server, time") + """
def build(paths, *_):
    service = app.service.Service(paths)
    def work():
        from app.drawing.ask import Ask
        service.wait(service.generate(Ask('diffusion', 'a red star', options={'steps': 1}, count=1)))
        job = service.generate(Ask('diffusion', 'a red star', options={'steps': 1000}, count=8))
        while service.job(job).step < 1:
            time.sleep(0.05)
        print('drawing', file=sys.stderr, flush=True)
    threading.Thread(target=work, daemon=True).start()
    return PlainTextResponse('the page'), service
app.web.server.build_app = build
"""


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    with processes() as starter:
        yield starter


def jobs(data: Path) -> list[str]:
    with closing(sqlite3.connect(data / NAME)) as database:
        return [status for status, in database.execute("SELECT status FROM jobs ORDER BY created")]


def asks(number: int) -> Callable[..., None]:
    """A progress bar at whose first step somebody asks to end, as from outside: in the middle of whatever runs then."""
    asked: list[int] = []

    def bar(done: int, *_: object) -> None:
        if done and not asked:
            asked.append(done)
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
    return bar


@pytest.mark.slow
def test_training_saves(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from app.training.trainer import counted
    from tests.app.training.training import runner
    monkeypatch.setattr("app.cli.commands.bar", asks(signal.SIGTERM))
    run = runner(tmp_path, capsys, monkeypatch, "diffusion")
    code, out, error = run("diffusion", "--name", "one", "--batch", "4", "--workers", "0", "--minutes", "60")
    assert (code, out) == (1, {}) and "Stopped." in error and "Traceback" not in error
    assert counted(tmp_path / "runs" / "one")["step"] >= 20


@pytest.mark.slow
def test_a_servers_jobs_become_interrupted(start: Callable[..., Process], tmp_path: Path) -> None:
    server = start("serve", "--port", str(free_port()), "--data", str(tmp_path), "--no-browser", before=BUSY)
    server.said("drawing")
    assert server.asked_to_end()[0] == 0
    assert jobs(tmp_path) == ["done", "interrupted"]


# What may take long while a server ends: each says so, and goes on until a file is there.
ENDINGS = {"lifespan": "pass",                                            # of the application, within the server
           "thread": "threading.Thread(target=wait).start()", "exit": "atexit.register(wait)", "objects": "sys.last_of_ours = Last()"}
SLOW = SMALL + """
import atexit, contextlib, os, sys, threading
from starlette.applications import Starlette
def wait(write=os.write, there=os.path.exists, sleep=time.sleep):
    write(2, b'ending\\n')
    while not there({path!r}):
        sleep(0.02)
class Last:
    __del__ = lambda self, wait=wait: wait()
def close(self):
    {what}
Service.close = close
@contextlib.asynccontextmanager
async def lifespan(app):
    yield
    if {what!r} == 'pass':
        wait()
app.web.server.build_app = lambda *_: (Starlette(lifespan=lifespan), Service())
"""


@pytest.mark.parametrize("what", ENDINGS)
@pytest.mark.parametrize("signals", [("SIGTERM", "SIGTERM"), ("SIGINT", "SIGHUP"), ("SIGINT", "SIGINT"), ("SIGTERM", "SIGINT")],
                         ids="+".join)
def test_a_server_that_is_asked_again_while_it_ends_does_so_in_order_or_says_otherwise(
        start: Callable[..., Process], tmp_path: Path, what: str, signals: tuple[str, str]) -> None:
    server = start("serve", "--port", str(free_port()), "--data", str(tmp_path), "--no-browser",
                   before=SLOW.format(path=str(tmp_path / "go"), what=ENDINGS[what]))
    server.said("Sextant is at")
    server.send_signal(getattr(signal, signals[0]))
    server.said("ending")
    server.send_signal(getattr(signal, signals[1]))
    at_once = signals[1] == "SIGINT" and what != "objects"                  # when those go, nothing else is left to be done
    if not at_once:
        (tmp_path / "go").touch()
    _, error = server.communicate(timeout=120)
    assert (server.returncode, error) == ((1, "Ended at once.\n") if at_once else (0, ""))


def test_drawing_ends(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.cli.terminal.bar", asks(signal.SIGHUP))
    assert main(["sample", "diffusion", "--prompt", "a red star", "--steps", "999", "--count", "8", "--data", str(tmp_path), "--json"]) == 1
    out, error = capsys.readouterr()
    assert {"images": [], "complete": False}.items() <= json.loads(out).items()
    assert "Stopped." in error and "Traceback" not in error
    assert jobs(tmp_path) == ["stopped"]


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)                   # as nohup does
    try:
        with stoppable():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_it_is_told_once_and_handlers_are_put_back() -> None:
    before = [signal.getsignal(getattr(signal, name)) for name in SIGNALS]
    with stoppable():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGTERM)                                 # it is closing already
    assert [signal.getsignal(getattr(signal, name)) for name in SIGNALS] == before
