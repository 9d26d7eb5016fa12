"""The page under another address, and inside pages of other sites, in a real browser."""
from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page, expect

from tests.app.served import png
from tests.browser.conftest import PATIENCE, serving

HOPS = ("connection", "transfer-encoding", "keep-alive", "server", "date")


class Other(BaseHTTPRequestHandler):
    """Another site: a page that frames ours, and a proxy that shows ours under /sub, takes that path away and says its own Host."""
    framed = behind = ""

    def do_GET(self) -> None:
        self.close_connection = True
        if not self.path.startswith("/sub/"):
            body = f'<h1>Another site</h1><iframe src="{self.framed}" width="1200" height="800"></iframe>'.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(body if self.path == "/frame" else b"")
            return
        upstream = http.client.HTTPConnection(self.behind, timeout=600)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        upstream.request(self.command, self.path.removeprefix("/sub"), body, dict(self.headers))
        answer = upstream.getresponse()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in HOPS:
                self.send_header(name, value)
        self.end_headers()
        try:
            while part := answer.read1(65536):
                self.wfile.write(part)
                self.wfile.flush()
        except OSError:                                    # the browser has left
            pass
        upstream.close()

    do_POST = do_GET                                                            # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nothing: errors are seen in the browser."""


@contextmanager
def another_site() -> Iterator[tuple[int, type[Other]]]:
    """Its port on this machine, and what it shows."""
    handler = type("Handler", (Other,), {})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, handler
        server.shutdown()


@contextmanager
def listening(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what goes wrong on it."""
    context, wrong = browser.new_context(viewport={"width": 1440, "height": 900}), list[str]()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("response", lambda answer: wrong.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    yield page, wrong
    context.close()


def test_no_other_site_shows_the_page_in_a_frame(browser: Browser, address: str) -> None:
    with another_site() as (port, handler), listening(browser) as (page, wrong):
        handler.framed = f"{address}/"
        with page.expect_event("console", lambda message: "frame-ancestors" in message.text):
            page.goto(f"http://localhost:{port}/frame")
        expect(page.get_by_role("heading", name="Another site")).to_be_visible()
        expect(page.frame_locator("iframe").locator("#diffusion-generate")).to_have_count(0)


def test_no_picture_of_another_host_is_loaded_by_the_page(browser: Browser, address: str) -> None:
    with another_site() as (port, _), listening(browser) as (page, wrong):
        asked = list[str]()
        page.on("requestfinished", lambda request: asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("#diffusion-generate")
        failed = """url => new Promise((done) => {
            const image = new Image();
            image.onload = () => done("loaded");
            image.onerror = () => done("refused");
            image.src = url;
            document.body.append(image);
        })"""
        assert page.evaluate(failed, f"http://localhost:{port}/x.png") == "refused"
        assert any("img-src" in text for text in wrong)
        assert {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))} == {urlsplit(address).netloc}


def test_under_a_path_of_a_proxy_and_in_a_frame_on_purpose(browser: Browser, tmp_path: Path) -> None:
    with another_site() as (port, handler), listening(browser) as (page, wrong):
        friend, proxy = f"http://127.0.0.1:{port}", f"http://localhost:{port}/sub/"
        with serving(tmp_path, 7970, "--root-path", "/sub", "--allow-frame", friend) as address:
            handler.framed, handler.behind = proxy, urlsplit(address).netloc
            page.goto(f"{friend}/frame")                                        # of another origin than what it shows
            shown = page.frame_locator("iframe")
            for name, value in (("steps", "3"), ("count", "1")):
                shown.locator(f"#diffusion-{name} input").fill(value)
                shown.locator(f"#diffusion-{name} input").press("Enter")
            shown.locator("#diffusion-generate").click()
            expect(shown.locator("#diffusion-canvas .sx-tools a")).to_have_attribute("href", re.compile("^image/"))
            expect(shown.locator("#diffusion-canvas .sx-tile img")).to_have_js_property("naturalWidth", 32)
            tab = shown.locator("#diffusion-tab")
            tab.get_by_role("tab", name="Picture", exact=True).click()
            own = {"name": "own.png", "mimeType": "image/png", "buffer": png()}
            shown.locator("#diffusion-own-0 input[type=file]").set_input_files(own)
            expect(shown.locator("#diffusion-own-0 img")).to_have_js_property("naturalWidth", 32)
            assert "/sub/gradio_api/file=" in (shown.locator("#diffusion-own-0 img").get_attribute("src") or "")
            tab.get_by_role("tab", name="How it works", exact=True).click()
            link = tab.locator(".sx-about a").last.evaluate("link => link.href")
            assert link.startswith(f"{proxy}source/") and page.request.get(link).status == 200
            shown.get_by_role("tab", name="Gallery", exact=True).click()
            expect(shown.locator("#gallery-view img").first).to_have_js_property("naturalWidth", 32)
        assert not wrong
