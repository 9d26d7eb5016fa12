"""No file but one that was uploaded here is opened, copied or given out, whichever way a client names it."""
from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.app.served import in_line, library, png, served, uploads

pytestmark = pytest.mark.slow

META, KINDS = {"_type": "gradio.FileData"}, ("image", "file", "gallery", "video", "audio", "imageeditor")
OPEN = ("run/predict", "queue/join")
SHUT = ("run/predict/", "run/{name}", "api/predict", "call/{name}", "call/v2/{name}", "component_server")
CLOSED = ("/gradio_api/deep_link?session_hash=x", "/config?deep_link=x", "/?deep_link=x", "/gradio_api/info", "/gradio_api/openapi.json",
          "/gradio_api/runs", "/gradio_api/proxy=http://example.org/", "/gradio_api/stream/a/b/1/playlist.m3u8", "/gradio_api/file/x",
          "/gradio_api/queue/status", "/gradio_api/vibe-code", "/monitoring", "/monitoring/summary", "/login_check", "/gradio_api/token",
          "/gradio_api/custom_component/1/a/b/c", "/gradio_api/user", "/svelte/x", "/robots.txt", "/manifest.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def client(data: Path) -> Iterator[TestClient]:
    with served(data) as opened:
        yield opened


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file, in fact a picture, that only its owner may read."""
    path = tmp_path_factory.mktemp("private") / "diary.png"
    path.write_bytes(png())
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def outside(client: TestClient, data: Path, secret: Path) -> list[str]:
    """Paths of files that nobody uploaded: whole, relative, roundabout, through links, the database, and none at all."""
    linked, folder = uploads() / "linked.png", uploads() / "folder"
    linked.symlink_to(secret)
    folder.symlink_to(secret.parent, target_is_directory=True)
    database = next(path for path in data.rglob("*") if path.is_file() and path.read_bytes()[:6] == b"SQLite")
    roundabout = f"{uploads()}/../" + os.path.relpath(secret, uploads().parent)
    return [str(secret), str(linked), str(folder / secret.name), str(database), os.path.relpath(secret), roundabout, "/etc/passwd",
            "/dev/zero", "README.md", "../" * 20 + "etc/passwd", str(uploads()), "", "\0", "~/x", "http://127.0.0.1/x.png", "file:///etc/passwd"]


def payloads(path: str) -> list[Any]:
    """The ways to write a file into a call."""
    return [{"path": path, "meta": META}, {"path": path}, {"path": path, "url": "data:image/png;base64,AAAA", "meta": META},
            {"path": path, "is_stream": True, "meta": META}, {"path": path, "orig_name": "../../x.png", "meta": META},
            {"url": f"/gradio_api/file={path}", "meta": META}, {"path": [path], "meta": META}, {"path": {"path": path}, "meta": META},
            [{"path": path, "meta": META}], {"image": {"path": path, "meta": META}, "caption": None},
            {"background": [{"layers": {"path": path}}]}]


def with_files(client: TestClient) -> list[tuple[dict[str, Any], list[Any], list[int]]]:
    """Each endpoint of the page that takes a file: itself, its inputs as they are but no pictures, and which of them are files."""
    config = client.get("/config").json()
    parts = {part["id"]: part for part in config["components"]}
    found = []
    for endpoint in config["dependencies"]:
        places = [k for k, i in enumerate(endpoint["inputs"]) if parts[i]["type"] in KINDS]
        if places:
            props = [parts[i]["props"] for i in endpoint["inputs"]]
            found.append((endpoint, [0 if str(p.get("elem_id")).endswith("-count") else p.get("value") for p in props], places))
    return found


def knock(client: TestClient, way: str, endpoint: dict[str, Any], data: list[Any]) -> None:
    """Call an endpoint, with the files among its inputs and beside them; it has to be refused with a sentence."""
    call = {"fn_index": endpoint["id"], "session_hash": "s", "component_id": endpoint["inputs"][0], "fn_name": "preprocess"}
    for body in (call | {"data": data}, call | {"data": [], "event_data": {"picture": data}}):
        answer = client.post(f"/gradio_api/{way.format(name=endpoint['api_name'])}", json=body)
        assert answer.status_code == (400 if way in OPEN else 404) and answer.json()["error"], (way, data)


def copies(secret: Path) -> list[Path]:
    """Files among the uploads that hold what the secret one does."""
    return [path for path in uploads().rglob("*") if path.is_file() and not path.is_symlink() and path.read_bytes() == secret.read_bytes()]


def test_each_endpoint_that_takes_a_file_refuses_those_from_elsewhere(client: TestClient, secret: Path, outside: list[str]) -> None:
    endpoints = with_files(client)
    assert len(endpoints) >= 10
    before = sorted(uploads().rglob("*"))
    for endpoint, inputs, places in endpoints:
        for place in places:
            for path in outside:
                for payload in payloads(path) if path == outside[0] else payloads(path)[:1]:
                    for way in OPEN:
                        knock(client, way, endpoint, [payload if k == place else value for k, value in enumerate(inputs)])
        for way in SHUT:
            knock(client, way, endpoint, [payloads(outside[0])[0] if k in places else value for k, value in enumerate(inputs)])
    assert sorted(uploads().rglob("*")) == before and not copies(secret)


def test_nothing_but_uploads_is_given_out(client: TestClient, secret: Path, outside: list[str]) -> None:
    for path in outside:
        answer = client.get(f"/gradio_api/file={path.replace(chr(0), '%00')}")
        assert answer.status_code in (400, 403, 404) and answer.content != secret.read_bytes(), path


def test_routes_that_the_page_does_not_need_are_closed(client: TestClient) -> None:
    for path in CLOSED:
        for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS"):
            answer = client.request(method, path)
            assert answer.status_code in (403, 404, 405), (method, path)
    for path in ("/config", "/", "/theme.css", "/gradio_api/app_id"):                 # the last: a page asks it whether the program is back
        assert client.get(path).status_code == 200


def test_the_library_judges_paths_too(client: TestClient, secret: Path) -> None:
    """Behind the gate its own check is awake, which sleeps in a page that was mounted and not launched."""
    from gradio.context import LocalContext
    from gradio.exceptions import InvalidPathError
    from gradio.processing_utils import _check_allowed

    token = LocalContext.blocks.set(library(client).get_blocks())
    try:
        with pytest.raises(InvalidPathError):
            _check_allowed(secret, check_in_upload_folder=True)
    finally:
        LocalContext.blocks.reset(token)


def test_what_was_uploaded_is_used_and_shown(client: TestClient) -> None:
    picture = png("blue")
    path = client.post("/gradio_api/upload", files={"files": ("my picture.png", picture)}).json()[0]
    assert Path(path).is_relative_to(uploads())
    shown = client.get(f"/gradio_api/file={path}")
    assert shown.content == picture and shown.headers["content-type"] == "image/png"
    endpoint, inputs, places = next(found for found in with_files(client) if found[0]["api_name"] == "handler")
    picked = {"path": path, "orig_name": "my picture.png", "url": f"http://127.0.0.1/gradio_api/file={path}", "meta": META}
    data = [picked if k in places else value for k, value in enumerate(inputs)]
    answer = in_line(client, endpoint["id"], data)
    assert "Images" in json.loads(answer["output"]["data"][2])["error"]              # the picture was read, and none is asked for
