"""A real server in its own process and a real Chromium, shared by all browser tests."""
from __future__ import annotations

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
    """The address of a running playground with an empty data folder."""
    with serving(tmp_path_factory.mktemp("data"), 7960) as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = launch.find_browser()
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)     # None: Playwright's own
        yield opened
        opened.close()


Opener = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Opener]:
    """Opens pages, each a person of its own; fails if one of them met an error."""
    contexts, errors = [], []

    def opener(width: int = 1440, height: int = 900, **more: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)

        def note(message: ConsoleMessage) -> None:
            if message.type == "error" and "status of 400" not in message.text:      # such an answer is a sentence for a person
                errors.append(message.text)

        page.on("console", note)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address)
        page.wait_for_selector("#diffusion-generate")
        return page

    yield opener
    for context in contexts:
        context.close()
    assert not errors
