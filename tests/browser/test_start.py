"""What somebody sees who is there before the program is."""
from __future__ import annotations

import socket
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from app.web.starting import HERE
from tests.app.processes import processes
from tests.app.web.test_seat import free_port
from tests.browser.conftest import PATIENCE
from tests.waiting import until

# A server that builds its page when a file is there.
LATE = """
import app.web.server, pathlib, time
build = app.web.server.build_app
def late(*given):
    while not pathlib.Path({go!r}).exists():
        time.sleep(0.05)
    return build(*given)
app.web.server.build_app = late
"""
# Where the name stands and how it looks: of the first screen and of the page.
NAME = """() => { const name = document.querySelector("h1"), place = name.getBoundingClientRect(), look = getComputedStyle(name);
  return {at: [place.x, place.y, place.width, place.height],
    look: [look.color, look.fontFamily, look.fontSize, look.fontWeight,
      getComputedStyle(document.querySelector("gradio-app") ?? document.body).backgroundColor]}; }"""
ASKED = """() => performance.getEntriesByType("resource").map((entry) => new URL(entry.name).pathname.slice(1))
  .filter((name) => name.startsWith("assets/") && /[.](js|css)$/.test(name))"""


def test_the_first_screen_becomes_the_page_that_was_asked_for(browser: Browser, tmp_path: Path) -> None:
    """In the look that the page will have, with the fragment, and also if the program ends before it has started and is started again."""
    go, port, errors = tmp_path / "go", free_port(), list[str]()
    page = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark").new_page()
    page.set_default_timeout(PATIENCE)
    page.on("pageerror", lambda error: errors.append(str(error)))
    status = page.get_by_role("status")
    with processes() as start:
        for _ in range(2):
            server = start("serve", "--no-browser", "--port", str(port), "--data", str(tmp_path / "data"), before=LATE.format(go=str(go)))
            if page.url == "about:blank":
                until(lambda: answers(port))
                page.goto(f"http://127.0.0.1:{port}/#flow")
                page.evaluate("document.fonts.ready")
                expect(status).to_have_text("Starting …")
                first = page.evaluate(NAME)
                page.evaluate("localStorage.setItem('sx-theme', 'light')")             # as somebody chose once
                page.reload()
                assert page.evaluate(NAME)["look"] != first["look"]
                page.evaluate("localStorage.clear()")
                server.kill()
                expect(status).to_contain_text("does not answer")
        expect(status).to_have_text("Starting …")
        go.touch()
        page.locator("#flow-generate").wait_for()
        then = page.evaluate(NAME)
        assert page.url.endswith("/#flow") and not errors
        page.context.close()
        assert server.asked_to_end()[0] == 0
    assert then["look"] == first["look"] and all(abs(a - b) <= 2 for a, b in zip(then["at"], first["at"], strict=True))


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_the_page_asks_of_the_library_is_asked_for_beforehand(page: Page) -> None:
    """Written anew from what `asked` is here where the library or the page's controls are others."""
    page.reload()
    page.locator("#diffusion-generate").wait_for()
    page.locator("#diffusion-canvas .sx-example").first.wait_for()
    asked: set[str] = set()
    known = {*(HERE / "loaded.txt").read_text(encoding="utf-8").split()}
    until(lambda: asked.update(page.evaluate(ASKED)) or known <= asked)
    assert sorted(asked) == sorted(known)
