"""The start of the program as somebody waits for it: `launch.py serve` on a data folder, with everything installed, until Generate can
be pressed in a headless Chromium that is opened as soon as anything answers; and where the time goes.

Seconds are those of a clock and mean something on quiet cores alone; those of processors are beside them.
"""
from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, BrowserContext, sync_playwright

import launch
from app.errors import UserError

ROUNDS, AIM = 4, 4.0                         # starts of each kind; seconds until the page can be used
FLAGS = ["--no-sandbox", "--disable-gpu"]
GENERATE = "#diffusion-generate:not([disabled])"
HOST = "127.0.0.1"
# Seconds of a clock that the page's main thread spent since it was begun, by the browser's own names.
METRICS = {"TaskDuration": "all", "ScriptDuration": "scripts", "LayoutDuration": "layout", "RecalcStyleDuration": "styles"}
# Everything up to the first request in one process, without a server.
BUILT = """
import json, sys, time
from pathlib import Path
from app.cli import main
from app.paths import Paths
from app.web import server
begun = time.process_time()
with server.to_stay():
    _, service = server.build_app(Paths(Path(sys.argv[1])), warm=False)
print(json.dumps({"all": time.process_time()}))
service.close()
"""
LOADED = """() => {
    const page = performance.getEntriesByType('navigation')[0], parts = performance.getEntriesByType('resource');
    const sum = (name) => parts.reduce((total, part) => total + part[name], page[name]);
    return {served: (performance.timeOrigin + page.responseStart) / 1000, requests: parts.length + 1, bytes: sum('transferSize'),
            read: sum('decodedBodySize')};
}"""


def run() -> dict[str, Any]:
    """Medians of ROUNDS starts by a browser that was never here and by one that was; "rounds" has each start."""
    path = launch.find_browser()
    if path is None:
        raise UserError("The start is measured with Chromium, and there is none here; install it, or run launch.py test once.")
    with tempfile.TemporaryDirectory() as other:
        parts = _parts(Path(other))                                        # which compiles what was never imported, too
    found: dict[str, list[dict[str, float]]] = {"new": [], "again": []}
    with tempfile.TemporaryDirectory() as data, sync_playwright() as playwright:
        browser, port = playwright.chromium.launch(executable_path=path, args=FLAGS), free_port()
        known = browser.new_context()
        started(Path(data), port, known)                                         # the database is made, the browser has been here
        for _ in range(ROUNDS):
            with _stranger(browser) as context:
                found["new"].append(started(Path(data), port, context))
            found["again"].append(started(Path(data), port, known))
        browser.close()
    medians = {kind: {name: statistics.median(r[name] for r in rounds) for name in rounds[0]} for kind, rounds in found.items()}
    usable = medians["new"]["usable"]
    return {"ours": usable, "peer": AIM, "ratio": AIM / usable, "starts": medians, "parts": parts, "rounds": found,
            "unit": "s until Generate can be pressed, by a browser that was never here; the peer is the aim"}


@contextmanager
def _stranger(browser: Browser) -> Iterator[BrowserContext]:
    """A browser that keeps nothing of earlier visits."""
    context = browser.new_context()
    try:
        yield context
    finally:
        context.close()


def started(data: Path, port: int, context: BrowserContext) -> dict[str, float]:
    """One start. Seconds from it until anything is answered, until the page itself was, and until it can be used; seconds of processors
    that the server and the browser took until then; what the page's main thread did, and what it asked for."""
    page = context.new_page()
    page.goto("about:blank")
    inspector = context.new_cdp_session(page)
    inspector.send("Performance.enable")
    before, begin = processors(_browser()), time.time()
    server = subprocess.Popen(serving(data, port), stderr=subprocess.DEVNULL, env=environment())
    try:
        _answer(port, server)
        first = time.time() - begin
        page.goto(f"http://{HOST}:{port}/", wait_until="commit")
        page.wait_for_selector(GENERATE, timeout=60_000)
        usable = time.time() - begin
        took = {"server": processors([psutil.Process(server.pid)]), "browser": processors(_browser()) - before}
        loaded = page.evaluate(LOADED)
        spent = {entry["name"]: entry["value"] for entry in inspector.send("Performance.getMetrics")["metrics"]}
        return {"first": first, "served": loaded["served"] - begin, "usable": usable, **took,
                **{f"page: {name}": spent[key] for key, name in METRICS.items()},
                **{name: loaded[name] for name in ("requests", "bytes", "read")}}
    finally:
        page.close()
        server.send_signal(signal.SIGTERM)
        server.wait()


def processors(running: list[psutil.Process]) -> float:
    """Seconds of processors that processes have taken."""
    return sum(times.user + times.system for times in (process.cpu_times() for process in running))


def _browser() -> list[psutil.Process]:
    """The browser's processes, which are ours."""
    return [process for process in psutil.Process().children(recursive=True) if "chrom" in process.name()]


def free_port() -> int:
    """The same for all starts, since a browser keeps by it what it has loaded."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def serving(data: Path, port: int) -> list[str]:
    """The command, with the environment that this runs in."""
    own = Path(sys.prefix).resolve() == (launch.ROOT / ".venv").resolve()
    return [sys.executable, str(launch.ROOT / "launch.py"), *([] if own else ["--no-venv"]), "serve", "--no-browser",
            "--data", str(data), "--port", str(port)]


def environment() -> dict[str, str]:
    """Ours, in which a second start finds compiled what the first one imported."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _answer(port: int, server: subprocess.Popen[bytes]) -> bytes:
    """The first answer of a server that is starting, for which it is waited. Raises UserError if it ends instead."""
    while server.poll() is None:
        connection = http.client.HTTPConnection(HOST, port)
        try:
            connection.request("GET", "/")
            return connection.getresponse().read()
        except OSError:
            time.sleep(0.01)
        finally:
            connection.close()
    raise UserError(f"The server ended with {server.returncode} before it answered; start it by launch.py serve to see why.")


def _parts(data: Path) -> dict[str, Any]:
    """Seconds of processors until a page could be answered: of Python itself, of imports (by package, the largest), of the rest, which
    opens the data folder and builds the page. The second of two runs; the clock of the imports makes them a little slower."""
    for _ in range(2):
        found = subprocess.run([sys.executable, "-X", "importtime", "-c", BUILT, str(data)], cwd=launch.ROOT, env=environment(),
                               capture_output=True, text=True, check=True)
    bare = subprocess.run([sys.executable, "-c", "import time; print(time.process_time())"], capture_output=True, text=True, check=True)
    total, python = json.loads(found.stdout)["all"], float(bare.stdout)
    packages = imported(found.stderr)
    imports = sum(packages.values())
    return {"all": total, "Python": python, "imports": imports, "data folder and page": total - python - imports,
            "packages": dict(packages.most_common(20))}


def imported(report: str) -> Counter[str]:
    """Seconds by package, from what `-X importtime` says."""
    found: Counter[str] = Counter()
    for line in report.splitlines():
        said, _, rest = line.removeprefix("import time:").partition("|")
        if line.startswith("import time:") and said.strip().isdigit():
            found[rest.rpartition("|")[2].strip().partition(".")[0]] += int(said) / 1e6
    return found
