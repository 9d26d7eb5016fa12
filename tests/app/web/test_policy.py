"""Every answer says what browsers may do with it, refusals and errors included."""
from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route

from app.web.assets import ASSETS
from app.web.guard import Access
from app.web.policy import Policy
from tests.app.served import png, served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(tmp_path_factory.mktemp("data"), access=Access(password="secret")) as opened:
        opened.auth = ("me", "secret")
        yield opened


def directives(answer: Any) -> dict[str, list[str]]:
    return {name: values for name, *values in (part.split() for part in answer.headers["content-security-policy"].split(";"))}


@pytest.mark.slow
def test_on_every_answer(client: TestClient) -> None:
    uploaded = client.post("/gradio_api/upload", files={"files": ("page.html", b"<script>alert(1)</script>")}).json()[0]
    static = re.search(r"assets/index-[\w-]+\.js", client.get("/").text)
    assert static is not None
    asked: list[tuple[str, str, int, dict[str, Any]]] = [
        ("GET", "/", 200, {}), ("HEAD", "/", 200, {}), ("GET", "/config", 200, {}), ("GET", "/theme.css", 200, {}),
        ("GET", "/api/chips", 200, {}),
        ("GET", f"/{static.group()}", 200, {}), ("GET", "/static/js/iframeResizer.contentWindow.min.js", 200, {}),
        ("GET", f"/gradio_api/file={uploaded}", 200, {}), ("GET", "/source/pipelines/flow/sampler.py", 200, {}),
        ("GET", "/", 401, {"auth": ("me", "wrong")}), ("GET", "/api/chips", 403, {"headers": {"host": "evil.example"}}),
        ("GET", "/image/none.png", 400, {}), ("GET", "/api/job/none", 404, {}), ("GET", "/nothing", 404, {}),
        ("GET", "/assets/nothing.js", 404, {}), ("PUT", "/api/chips", 404, {}),
        ("GET", "/gradio_api/info", 404, {}), ("POST", "/gradio_api/queue/join", 400, {"content": b"{"}),
        ("POST", "/api/delete", 413, {"content": b"x" * (9 << 20)}), ("POST", "/gradio_api/upload", 413, {"content": b"x" * (34 << 20)}),
        ("POST", "/api/delete", 400, {"json": {"ids": 1}})]
    for method, path, status, more in asked:
        answer = client.request(method, path, **more)
        assert answer.status_code == status, (method, path, answer.text[:200])
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY", path
        policy = directives(answer)
        assert policy["frame-ancestors"] == ["'none'"], path
        assert policy["default-src"] == (["'self'"] if path == "/" and status == 200 else ["'none'"]), path
        if status >= 400:
            assert answer.json().get("error") or answer.json().get("detail"), path


def test_inline_scripts_run_by_their_hashes_alone(client: TestClient) -> None:
    page = client.get("/")
    policy = directives(page)
    inline = [script for script in re.findall(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", page.text, re.DOTALL)]
    assert len(inline) >= 3 and any("gradio_config" in script for script in inline)
    assert {f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in inline} == {
        source for source in policy["script-src"] if source.startswith("'sha256-")}
    assert {source for source in policy["script-src"] if not source.startswith("'sha256-")} == {"'self'", "'unsafe-eval'"}
    assert policy["img-src"] == ["'self'", "data:", "blob:"] and policy["object-src"] == ["'none'"]


def test_those_who_embed_the_page_on_purpose() -> None:
    def answer(request: Request) -> PlainTextResponse:
        return (HTMLResponse if request.url.path == "/" else PlainTextResponse)("hello")
    app = Starlette(routes=[Route("/", answer), Route("/other", answer)])
    client = TestClient(Policy(app, ("https://pages.example.org", "http://localhost:8000")))
    page, other = client.get("/"), client.get("/other")
    assert directives(page)["frame-ancestors"] == ["https://pages.example.org", "http://localhost:8000"]
    assert "x-frame-options" not in page.headers and other.headers["x-frame-options"] == "DENY"


def test_what_nobody_foresaw_is_told_in_a_sentence(caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Request) -> PlainTextResponse:
        raise RuntimeError("inside")
    answer = TestClient(Starlette(routes=[Route("/", broken)], middleware=[Middleware(Policy)])).get("/")
    assert answer.status_code == 500 and "log" in answer.json()["error"] and "inside" not in answer.text
    assert answer.headers["x-frame-options"] == "DENY" and "inside" in caplog.text


def test_no_address_of_the_page_forgets_the_path_of_a_proxy() -> None:
    ours = re.compile(r"[\"'`(]/(api|image|export|snapshot|source|gradio_api|page|static)/")
    for path in [*(path for path in ASSETS.rglob("*") if path.is_file()), *ASSETS.parent.glob("*.py")]:
        assert not ours.search(path.read_text(encoding="utf-8")), path


@pytest.mark.slow
def test_under_a_path_of_a_proxy_that_takes_it_away_or_not(tmp_path: Path) -> None:
    with served(tmp_path, access=Access(root_path="/sub", names=("pictures.example.org",))) as client:
        for stripped in ("", "/sub"):
            page = client.get(f"{stripped}/")
            assert '"root":"http://127.0.0.1/sub"' in page.text and page.status_code == 200
            assert client.get(f"{stripped}/api/chips").status_code == client.get(f"{stripped}/config").status_code == 200
            assert client.get(f"{stripped}/theme.css").status_code == 200
            assert client.get(f"{stripped}/api/chips", headers={"sec-fetch-site": "cross-site"}).status_code == 403
            assert client.get(f"{stripped}/gradio_api/deep_link?session_hash=x").status_code == 404
            path = client.post(f"{stripped}/gradio_api/upload", files={"files": ("a.png", png())}).json()[0]
            assert client.get(f"{stripped}/gradio_api/file={path}").content == png()
            assert client.get(f"{stripped}/gradio_api/file=/etc/passwd").status_code == 400
        assert client.get("/sub", follow_redirects=False).headers["location"] == "/sub/"
        assert client.get("/subapi/chips").status_code == client.get("/sub/sub/api/chips").status_code == 404
        behind = client.get("/", headers={"x-forwarded-host": "pictures.example.org", "x-forwarded-proto": "https"})
        assert '"root":"https://pictures.example.org/sub"' in behind.text
