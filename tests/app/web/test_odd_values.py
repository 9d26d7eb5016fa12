"""Whatever anybody sends to any route, in any place of it: an answer or a sentence, and never an error of the program."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi.openapi.utils import get_openapi
from fastapi.testclient import TestClient

from app.drawing.ask import Ask
from app.grids.ask import GridAsk
from app.models.library import HUB
from tests.app.served import library, served

pytestmark = pytest.mark.slow

WORDS = ["", " ", "\0", "\n", "a\0b", "-", "-1", "0", "1e999", "NaN", "inf", "true", "null", "undefined", "[]", "{}", "../",
         "../../etc/passwd", "/etc/passwd", "~", "~nobody/x", "C:\\x", "\\\\host\\x", "a" * 3000, "%", "%00", "%2e%2e%2f", "';--", "${1+1}",
         "<script>", "\u202egnp.x", "\u0661\u0662", "\uff11", "\xe9", "e\u0301", "\ufffe", "\U0001f642", "=1+1", "0-99999999999",
         "1" * 5000, "9" * 24, "1.5", "a=b", "|", "steps=1", ":", "@", "a@b"]
NUMBERS = [0, -1, 1.5, -0.0, 2**31, 2**63, 2**64, 10**23, -10**23, 10**400, 1e308, -1e308, 5e-324, True, False]
OTHERS: list[Any] = [None, [], {}, [None], [[]], [[[1]]], [1, "a"], {"": None}, {"a": {"b": []}}, {"path": "/etc/passwd"}, ["\ud800"],
                     {"\ud800": 1}, "\ud83d", "a\udfff", [1e308], [[1e308, -1e308]], [[1, 2], [1]], [[1], 2],
                     [[0.1, [1]]] * 6, ["x"] * 2000, {str(k): k for k in range(2000)}]
JSON = {"content-type": "application/json"}
BODIES = [b"", b"{", b"null", b"[]", b"5", b'"x"', b"\xff\xfe", b"NaN", b'{"a": NaN}', b'{"a": 1e999}', b'{"a": -Infinity}', b"[" * 100_000,
          b'{"a":' * 500, b"9" * 100_000, b'{"a": 1, "a": 2}', b"\xef\xbb\xbf{}", b"a=b"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with pytest.MonkeyPatch.context() as patch, served(tmp_path_factory.mktemp("data")) as opened:
        patch.setattr(HUB, "endpoint", "http://127.0.0.1:1")                    # no network
        yield opened


@pytest.fixture(scope="module")
def known(client: TestClient) -> dict[str, Any]:
    """Values that exist, by the names of parameters: an odd one beside them is what is looked at."""
    service = client.service                                                    # type: ignore[attr-defined]
    options = {"steps": 1}
    job = service.generate(Ask("diffusion", "a red star", options=options, count=1))
    grid = service.grids.start(GridAsk(Ask("diffusion", "a red star", options=options, count=1), "seed=1,2", distance=False))
    for job_id in (job, service.grids.find(grid).job.id):
        assert service.wait(job_id, 120).status == "done"
    points = [[0.1 * k, 0.2] for k in range(-5, 6)]
    lab = service.lab.train("diffusion", "drawn", points, live=False)
    return {"job_id": job, "image_id": service.job(job).shots[0].id, "grid_id": grid, "cell_id": service.grids.find(grid).cells[0].id,
            "name": job, "lab": lab, "family": "diffusion", "k": 0, "i": 0, "ending": "csv", "path": "pipelines/flow/sampler.py",
            "download_id": "x", "what": "pause", "model": "shapes-vqvae", "density": "drawn", "points": points, "live": False, "ids": [],
            "repo": "a/b", "options": {}, "parts": [], "count": 1, "sampler": "ddim", "codes": [[0]]}


@pytest.mark.parametrize("share", [8, pytest.param(1, marks=pytest.mark.long)])
def test_every_route_takes_odd_values_in_every_place(client: TestClient, known: dict[str, Any], share: int) -> None:
    """share: every value in so many places of each kind; the next place takes the next ones."""
    wrong = list[str]()
    turn = 0
    for method, path, places in routes(client):
        for where, parameter in places:
            turn += 1
            for value in odd(where)[turn % share::share]:
                wrong += knock(client, known, method, path, places, (where, parameter), value)
        if method == "post":
            for body in BODIES[turn % share::share]:
                wrong += judged(client.post(filled(path, known, {}), content=body, headers=JSON), path, body)
    assert not wrong, "\n".join(wrong[:40]) + f"\n{len(wrong)} in all"


def test_every_endpoint_of_the_page_takes_odd_values_in_every_input(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    service, page = client.service, library(client).get_blocks()                           # type: ignore[attr-defined]
    monkeypatch.setattr(service.artist, "launch", lambda job, request, run: job.id)               # what is valid after all is not drawn
    monkeypatch.setattr(page, "api_open", True)                                            # also what waits in the queue otherwise
    values = [*WORDS, *NUMBERS, *OTHERS]
    config = client.get("/config").json()
    parts = {part["id"]: part["props"].get("value") for part in config["components"]}
    wrong, turn = list[str](), iter(range(10**9))
    for endpoint in config["dependencies"]:
        if not endpoint["backend_fn"]:
            continue
        inputs = [parts[i] for i in endpoint["inputs"]]
        call = {"fn_index": endpoint["id"], "session_hash": "s", "event_data": {}, "trigger_id": None, "data": inputs}
        def say(where: str, **odd: Any) -> None:
            answer = client.post("/gradio_api/run/predict", content=json.dumps(call | odd), headers=JSON)              # noqa: B023
            wrong.extend(judged(answer, f"{endpoint['api_name']} {where}", odd))                                       # noqa: B023
        first = next(turn)
        for k, i in list(enumerate(endpoint["inputs"]))[first % 4::4]:              # a sample: others of the next endpoint
            value = values[next(turn) * 7 % len(values)]                            # another for the next input
            say(f"input {i}", data=[*inputs[:k], value, *inputs[k + 1:]])
        for value in (values[next(turn) * 7 % len(values)], {"id": None}, {"action": [], "id": {}}):
            say("event", event_data=value)
        say("data", data=([], [None] * len(inputs), [*inputs, 1], None, "x", {"0": 1})[first % 6])
    assert not wrong, "\n".join(wrong[:40]) + f"\n{len(wrong)} in all"


def test_what_is_no_call_of_the_page_is_a_sentence(client: TestClient) -> None:
    call = {"fn_index": 1, "session_hash": "s", "event_data": {}, "trigger_id": None, "data": []}
    wrong = list[str]()
    for way in ("run/predict", "queue/join", "cancel"):
        for name in call:
            for value in [*WORDS, *NUMBERS, *OTHERS][::3]:
                answer = client.post(f"/gradio_api/{way}", content=json.dumps(call | {name: value}), headers=JSON)
                wrong += judged(answer, f"{way} {name}", value)
        for body in BODIES:
            wrong += judged(client.post(f"/gradio_api/{way}", content=body, headers=JSON), way, body)
    for path in ("/gradio_api/file=", "/assets/", "/static/", "/?page=",
                 "/config?page=", "/?deep_link="):
        for value in ("x", *WORDS[1:]):
            wrong += judged(client.get(path + quote(value)), path, value)
    assert not wrong, "\n".join(wrong[:40]) + f"\n{len(wrong)} in all"


def test_a_full_queue_is_a_sentence_and_no_error_of_the_program(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    page = library(client).get_blocks()
    monkeypatch.setattr(page._queue, "max_size", 0)
    number = next(endpoint["id"] for endpoint in client.get("/config").json()["dependencies"] if endpoint["backend_fn"])
    call = {"fn_index": number, "session_hash": "s", "event_data": None, "trigger_id": None, "data": []}
    answer = client.post("/gradio_api/queue/join", content=json.dumps(call), headers=JSON)
    assert answer.status_code == 429 and answer.headers["retry-after"] == "1"
    assert answer.json() == {"error": "The program has as much to do for its pages as it takes at once; wait a moment and press again."}


def routes(client: TestClient) -> list[tuple[str, str, list[tuple[str, str]]]]:
    """Every route of ours: its method, its path, and the places of its parameters."""
    document = get_openapi(title="", version="", routes=client.app.routes)                  # type: ignore[attr-defined]
    found = []
    for path, methods in document["paths"].items():
        for method, about in methods.items():
            places = [(parameter["in"], parameter["name"]) for parameter in about.get("parameters", ())]
            schema = next(iter(about.get("requestBody", {}).get("content", {}).values()), {}).get("schema", {})
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
            found.append((method, path, places + [("body", name) for name in schema.get("properties", ())]))
    assert len(found) > 40 and sum(len(places) for _, _, places in found) > 80
    return found


def odd(where: str) -> list[Any]:
    return [*WORDS, *NUMBERS, *(OTHERS if where == "body" else [json.dumps(value) for value in OTHERS[:8]])]


def filled(path: str, known: dict[str, Any], odd: dict[str, Any]) -> str:
    """A route's address: what is odd as it is, else what exists."""
    own = {"name": known["lab"]} if "/lab/" in path else {}
    for name, value in (known | own | odd).items():
        path = path.replace(f"{{{name}}}", quote(text(value), safe="")).replace(f"{{{name}:path}}", quote(text(value), safe="/"))
    return path


def text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)[:4000]


def knock(client: TestClient, known: dict[str, Any], method: str, path: str, places: list[tuple[str, str]], place: tuple[str, str],
          value: Any) -> list[str]:
    """What is wrong with the answer to one odd value beside known ones."""
    where, name = place
    query = {other: text(known[other]) for kind, other in places if kind == "query" and other in known}
    body = {other: known[other] for kind, other in places if kind == "body" and other in known}
    if where == "query":
        query[name] = text(value)
    if where == "body":
        body[name] = value
    address = filled(path, known, {name: value} if where == "path" else {}) + f"?{urlencode(query)}"
    content = json.dumps(body).encode() if method == "post" else None
    return judged(client.request(method, address, content=content, headers=JSON), f"{method} {path} {name}", value)


def judged(answer: Any, place: str, value: Any) -> list[str]:
    """Nothing, or what is wrong with an answer."""
    if answer.status_code < 400:
        return []
    try:
        said = answer.json()["error"]
    except (ValueError, KeyError, TypeError):
        said = None
    good = answer.status_code < 500 and isinstance(said, str) and said.strip() and "Traceback" not in said
    return [] if good else [f"{answer.status_code} {place} = {str(value)[:60]!r}: {answer.text[:200]}"]


@pytest.mark.parametrize(("path", "says"), [
    ("gallery?family=nobody", "There is no family 'nobody'"), ("gallery?sampler=nobody", "There is no sampler 'nobody'"),
    ("gallery?steps_min=2.7", "Steps from must be a whole number"), ("gallery?steps_max=x", "Steps to must be a whole number"),
    ("examples/nobody", "There is no family 'nobody'"), ("models/search?family=nobody", "There is no family 'nobody'"),
    ("models/search?sort=nobody", "cannot be sorted by 'nobody'"), ("models/search?likes=", "Likes is empty"),
    ("grid/{grid_id}/chart?what=nobody", "'nobody'")])
def test_a_filter_that_there_is_not_is_refused(client: TestClient, known: dict[str, Any], path: str, says: str) -> None:
    answer = client.get(f"/api/{path}".format(**known))
    assert answer.status_code == 400 and says in answer.json()["error"]
    assert client.get("/api/gallery?steps_min=&steps_max=50").status_code == 200
