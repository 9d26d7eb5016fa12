"""A real server in its own process and a real Chromium, shared by all browser tests, and a page that the tests of a file share."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

import launch
from tests.app.evaluation.test_families import cell, table, write

ROOT = Path(__file__).parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
PATIENCE = 120_000                 # milliseconds that guard against hanging; nothing is measured by them
expect.set_options(timeout=PATIENCE)


def started(data: Path, port: int, *arguments: str, **environment: str) -> tuple[subprocess.Popen[str], str]:
    """A playground that runs with a data folder, and with more arguments and environment, and its address."""
    command = [sys.executable, "-m", "app.cli", "serve", "--data", str(data), "--port", str(port), "--no-browser", *arguments]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=os.environ | environment)
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(r"http://\S+", line)
        if found:
            break
    else:
        raise AssertionError("the server ended before it said its address")
    # Somebody must read on: a pipe that is full would stop the server.
    threading.Thread(target=server.stderr.read, daemon=True).start()
    return server, found.group()


@contextmanager
def serving(data: Path, port: int, *arguments: str, **environment: str) -> Iterator[str]:
    """The address of a playground while it runs."""
    server, address = started(data, port, *arguments, **environment)
    with server:
        try:
            yield address
        finally:
            server.terminate()


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running playground in which nothing was drawn yet: it has a small untrained model beside its own, `tiny-flow`, for
    what takes many calls, and a table of the families that was measured.
    """
    data = tmp_path_factory.mktemp("data")
    write(data / "runs", "tiny-flow", "flow")
    made = table(flow={"accuracy_one": 0.99, "accuracy_two": 0.95}, gan={"seconds_per_image": 0.004, "nfe": 1.0},
                 dalle={"seconds_per_image": 0.1}, sde={"seconds_per_image": 0.6})
    made["cells"] = [cell("euler", 5, 0.02, 0.7), cell("euler", 10, 0.05, 0.9)]
    (data / "tables").mkdir()
    (data / "tables" / "families.json").write_text(json.dumps(made), encoding="utf-8")
    with serving(data, 7960) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = launch.find_browser()
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)     # None: Playwright's own
        yield opened
        opened.close()


def visit(browser: Browser, address: str, errors: list[str], width: int = 1440, height: int = 900, **more: Any) -> Page:
    """The page as somebody sees it who was never here; what goes wrong on it is added to `errors`."""
    page = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **more).new_page()
    page.set_default_timeout(PATIENCE)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 400" not in message.text:      # such an answer is a sentence for a person
            errors.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    page.wait_for_selector("#diffusion-generate")
    return page


Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Opener]:
    """Opens pages, each a person of its own; fails if one of them met an error."""
    pages, errors = list[Page](), list[str]()

    def opener(**more: Any) -> Page:
        pages.append(visit(browser, address, errors, **more))
        return pages[-1]

    yield opener
    for page in pages:
        page.context.close()
    assert not errors


class Shared:
    """A page that several tests have, one after the other, and what went wrong on it since it was last asked."""

    def __init__(self, opened: Callable[[list[str]], Page]) -> None:
        self.opened, self.errors = opened, list[str]()
        self.page = opened(self.errors)

    def anew(self) -> None:
        """As if nobody had been here."""
        self.page.context.close()
        self.errors.clear()
        self.page = self.opened(self.errors)


@pytest.fixture(scope="module")
def manner() -> dict[str, Any]:
    """How the page of a file is opened."""
    return {}


@pytest.fixture(scope="module")
def shared(browser: Browser, address: str, manner: dict[str, Any]) -> Iterator[Shared]:
    made = Shared(lambda errors: visit(browser, address, errors, **manner))
    yield made
    made.page.context.close()


@pytest.fixture
def page(shared: Shared, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page of a file's tests, at its first tab; what stands in its controls is as the tests before left it, so that each says what it
    needs. A test that met an error on it fails, and after one that failed it is opened anew.
    """
    failed = request.session.testsfailed
    shared.page.set_viewport_size({"width": 1440, "height": 900})
    shared.page.evaluate("() => { location.hash = 'diffusion'; }")
    shared.page.locator("#diffusion-generate").wait_for()
    yield shared.page
    passed = request.session.testsfailed == failed
    if passed:
        shared.page.evaluate("0")                                          # whatever it has met by now is told before this is answered
    met = shared.errors.copy()
    shared.errors.clear()
    if met or not passed:
        shared.anew()
    assert not met
