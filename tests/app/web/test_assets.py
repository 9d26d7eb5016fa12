"""Scripts and style sheets of the page: where they are, how they travel, and that a browser asks for them once."""
from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.web.assets import ASSETS, Assets
from app.web.guard import Access
from tests.app.served import served


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with served(tmp_path_factory.mktemp("data"), access=Access(root_path="/sub")) as opened:
        yield opened


def linked(page: str) -> list[str]:
    """The addresses of ours that the head of the page names."""
    return re.findall(r'(?:href|src)="(page/[^"]+)"', page)


@pytest.mark.slow
def test_the_page_names_every_file_and_holds_none(client: TestClient) -> None:
    page = client.get("/sub/").text
    names = {path.relative_to(ASSETS).as_posix() for path in ASSETS.rglob("*") if path.suffix in (".js", ".css")}
    assert {address.split("/", 2)[2] for address in linked(page)} == names
    assert "replaceChildren" not in page and "--sunken" not in page
    ours, theirs = page.index('type="module" src="page/'), page.index('type="module" crossorigin')
    assert ours < theirs                                   # they run in this order, and the components need what ours define


def test_every_file_comes_whole_packed_or_not_and_stays(client: TestClient) -> None:
    for address in linked(client.get("/sub/").text):
        content = (ASSETS / address.split("/", 2)[2]).read_bytes()
        for taken, unpack in (("gzip, br", gzip.decompress), ("identity", bytes)):
            with client.stream("GET", f"/sub/{address}", headers={"accept-encoding": taken}) as answer:
                raw = b"".join(answer.iter_raw())
            assert answer.status_code == 200 and unpack(raw) == content
            assert answer.headers.get("content-encoding", "identity") == taken.split(",")[0]
            assert answer.headers["vary"] == "Accept-Encoding" and "immutable" in answer.headers["cache-control"]
            assert answer.headers["content-type"].split(";")[0] == {"js": "text/javascript", "css": "text/css"}[address.rpartition(".")[2]]
            assert taken == "identity" or len(raw) < max(len(content), 300)


def test_the_page_comes_packed_or_not(client: TestClient) -> None:
    raw = dict[str, bytes]()
    for taken in ("gzip, br", "identity"):
        with client.stream("GET", "/sub/", headers={"accept-encoding": taken}) as answer:
            raw[taken] = b"".join(answer.iter_raw())
        assert int(answer.headers["content-length"]) == len(raw[taken]) and "sha256-" in answer.headers["content-security-policy"]
    page = gzip.decompress(raw["gzip, br"])
    assert len(raw["gzip, br"]) < len(page) / 5 and linked(page.decode()) == linked(raw["identity"].decode())
    assert "content-encoding" not in client.get("/sub/api/chips").headers


def test_what_is_not_there_gets_a_sentence(client: TestClient) -> None:
    address = linked(client.get("/sub/").text)[0].rsplit("/", 1)[0]
    for path in (f"{address}/nothing.js", "page/0123456789abcdef/main.js", f"{address}/../theme.py", f"{address}/%2e%2e/theme.py"):
        answer = client.get(f"/sub/{path}")
        assert answer.status_code == 404 and answer.json()["error"]


def test_the_address_is_the_contents(tmp_path: Path) -> None:
    def address(**files: str) -> str:
        for old in tmp_path.iterdir():
            old.unlink()
        for name, text in files.items():
            (tmp_path / f"{name}.js").write_text(text)
        return Assets(tmp_path).address

    assert len({address(a="1", b="2"), address(a="1", b="3"), address(a="1", c="2"), address(a="1\0b.js\0", c="2"), address(a="1")}) == 5
    assert address(a="1", b="2") == address(b="2", a="1")
