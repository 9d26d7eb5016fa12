"""Whatever a client sends for a control of the page, it gets an answer or a sentence."""
from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.errors import UserError
from app.grids.ask import GridAsk
from pipelines import registry
from pipelines.options import options_of
from tests.app.served import served

pytestmark = pytest.mark.slow

# JSON texts, among them numbers and texts that Python reads and nobody means.
ODD = {"number": ("null", '"abc"', "NaN", "-1e999", "[1]", "true", '{"a": 1}', "1" + "0" * 400, "2.5", "-5"),
       "text": ("null", "7", "[]", '["a"]', '{"a": {}}', "false", '"\\ud800"', '"\\u0000"', '"nobody"', json.dumps("=" * 200_000)),
       "names": ("null", '"abc"', "[1]", '[["a"]]', '["nobody"]', "7"),
       "switch": ("null", '"abc"', "7", "[]")}
KINDS = {"number": "number", "slider": "number", "textbox": "text", "dropdown": "text", "checkbox": "switch"}


def no_networks(*given: Any) -> None:
    raise UserError("There are no networks here.")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server whose handlers do all but draw."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Artist, "launch", lambda self, job, request, run: job.id)
        patch.setattr(Artist, "load", no_networks)
        with served(tmp_path_factory.mktemp("data")) as opened:
            yield opened


def endpoints(client: TestClient, *tabs: str) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Handlers of the server that take a control of these tabs, each with its inputs."""
    config = client.get("/config").json()
    parts = {part["id"]: part for part in config["components"]}
    found = [(endpoint, [parts[i] for i in endpoint["inputs"]]) for endpoint in config["dependencies"] if endpoint["backend_fn"]]
    own = [(endpoint, inputs) for endpoint, inputs in found
           if any(str(part["props"].get("elem_id")).startswith(tabs) and part["type"] in KINDS for part in inputs)]
    handlers = {json.dumps([endpoint["inputs"], endpoint["outputs"], endpoint["js"]]): (endpoint, inputs) for endpoint, inputs in own}
    return list(handlers.values())                                          # many controls have one


def answered(client: TestClient, endpoint: dict[str, Any], values: list[str]) -> None:
    """The handler's answer, or its sentence."""
    body = f'{{"fn_index": {endpoint["id"]}, "session_hash": "s", "data": [{", ".join(values)}]}}'
    headers = {"Content-Type": "application/json"}
    if endpoint["queue"]:
        joined = client.post("/gradio_api/queue/join", content=body, headers=headers)
        if joined.status_code == 200:
            events = client.get("/gradio_api/queue/data", params={"session_hash": "s"}).text.splitlines()
            said = [json.loads(line.removeprefix("data: ")) for line in events if line.startswith("data: ")]
            found = next(message for message in said if message["msg"] == "process_completed")
            assert found["success"] or _sentence(found["output"]["error"]), (endpoint["api_name"], values)
            return
        answer = joined
    else:
        answer = client.post("/gradio_api/run/predict", content=body, headers=headers)
    assert (answer.status_code == 200 and "data" in answer.json()) or _sentence(answer.json().get("error")), (answer.text, values)


def _sentence(text: Any) -> bool:
    return isinstance(text, str) and text.endswith(".") and "Error" not in text and len(text) < 2000


def try_all(client: TestClient, tab: str, every: int) -> None:
    """Each control of each handler of a tab with each odd value, or with every third one, in turn."""
    found = endpoints(client, tab)
    assert found
    for endpoint, inputs in found:
        usual = [json.dumps(part["props"].get("value")) for part in inputs]
        for k, part in enumerate(inputs):
            kind = "names" if part["props"].get("multiselect") else KINDS.get(part["type"], "")
            for odd in ODD.get(kind, ())[k % every::every]:
                answered(client, endpoint, [odd if k == place else value for place, value in enumerate(usual)])


@pytest.mark.parametrize("tab", ["compare", "families", "flow"])
def test_odd_values_of_controls(client: TestClient, tab: str) -> None:
    try_all(client, tab, every=3)


@pytest.mark.long
@pytest.mark.parametrize("tab", ["compare", "families", *registry.NAMES])
def test_every_odd_value_of_every_control(client: TestClient, tab: str) -> None:
    try_all(client, tab, every=1)


def test_a_seed_of_letters_is_a_sentence(client: TestClient) -> None:
    for tab in ("compare", "flow", "families"):
        elem_id = f"{tab}-seed"
        for endpoint, inputs in endpoints(client, tab):
            place = next((k for k, part in enumerate(inputs) if part["props"].get("elem_id") == elem_id), None)
            if place is not None and not endpoint["queue"]:
                values = [part["props"].get("value") for part in inputs]
                values[place] = "abc"
                answer = client.post("/gradio_api/run/predict", json={"fn_index": endpoint["id"], "data": values, "session_hash": "s"})
                assert answer.json()["error"] == "Seed must be a number; you gave 'abc'."


def said_to(client: TestClient, tab: str, **changed: Any) -> dict[str, str]:
    """What the button of a tab says to a number field that holds something else, by the field; its other controls stand as they begin."""
    button = {"compare": "compare-run", "families": "families-run"}.get(tab, f"{tab}-generate")
    config = client.get("/config").json()
    parts = {part["id"]: part for part in config["components"]}
    own = next(i for i, part in parts.items() if part["props"].get("elem_id") == button)
    endpoint = next(e for e in config["dependencies"] if any(target[0] == own for target in e["targets"]))
    inputs, found = [parts[i] for i in endpoint["inputs"]], dict[str, str]()
    usual = [True if part["props"].get("elem_id") == f"{tab}-lock" else part["props"].get("value") for part in inputs]
    for part in inputs:
        if KINDS.get(part["type"]) == "number" and part["props"].get("visible", True):
            name = part["props"]["elem_id"]
            data = [changed["value"] if other["props"].get("elem_id") == name else value
                    for other, value in zip(inputs, usual, strict=True)]
            answer = client.post("/gradio_api/run/predict", json={"fn_index": endpoint["id"], "session_hash": "s", "data": data}).json()
            texts = [item for item in answer.get("data", ()) if isinstance(item, str) and "error" in item]
            found[name.removeprefix(f"{tab}-")] = answer.get("error") or (json.loads(texts[0])["error"] if texts else "")
    return found


@pytest.mark.parametrize("tab", ["compare", "families", *registry.NAMES])
def test_an_empty_number_field_is_said_and_nothing_is_drawn_in_its_place(client: TestClient, tab: str) -> None:
    said = said_to(client, tab, value=None)
    assert {"seed", "count"} <= set(said) and (tab in ("families", "gan") or "guidance" in said)
    assert not {name: text for name, text in said.items() if " is empty; write a " not in text}


@pytest.mark.parametrize("tab", ["compare", "families", *registry.NAMES])
def test_a_field_of_whole_numbers_takes_no_others(client: TestClient, tab: str) -> None:
    said = said_to(client, tab, value=2.7)
    assert all("must be a whole number" in said[name] and "asked for 2.7" in said[name]
               for name in {"seed", "count", "steps", "second", "candidates"} & set(said))


@pytest.mark.parametrize("tab", ["families", "flow"])
def test_a_seed_of_minus_one_is_a_new_one_that_the_field_shows(client: TestClient, tab: str) -> None:
    config = client.get("/config").json()
    names = {part["id"]: part["props"].get("elem_id") for part in config["components"]}
    parts, ids = {part["id"]: part["props"] for part in config["components"]}, {name: i for i, name in names.items() if name}
    button = ids["families-run" if tab == "families" else f"{tab}-generate"]
    endpoint = next(e for e in config["dependencies"] if any(target[0] == button for target in e["targets"]))
    fixed = {ids[f"{tab}-seed"]: -1, ids.get(f"{tab}-lock"): True}
    data = [fixed.get(i, parts[i].get("value")) for i in endpoint["inputs"]]
    call = {"fn_index": endpoint["id"], "session_hash": "s", "data": data}
    shown = [dict(zip(endpoint["outputs"], client.post("/gradio_api/run/predict", json=call).json()["data"],
                      strict=True))[ids[f"{tab}-seed"]] for _ in range(2)]
    assert all(seed >= 0 for seed in shown) and shown[0] != shown[1]
    assert said_to(client, "compare", value=-1)["seed"] == "" and "between" in said_to(client, "compare", value=-2)["seed"]


def test_a_page_where_decimals_have_a_comma_says_how_it_reads_them(client: TestClient) -> None:
    endpoint, inputs = next((e, i) for e, i in endpoints(client, "compare") if "sx.comma" in str(e["js"]))
    usual = [part["props"].get("value") for part in inputs]
    place = {part["props"].get("elem_id"): k for k, part in enumerate(inputs)}
    usual[place["compare-x"]], usual[place["compare-x-values"]] = "guidance_scale", "1,5"
    said = {}
    for comma in (True, False):
        answer = client.post("/gradio_api/run/predict", json={"fn_index": endpoint["id"], "session_hash": "s", "data": [comma, *usual[1:]]})
        said[comma] = json.loads(answer.json()["data"][0])["note"]
    assert "guidance_scale=1,5 is read as 1 and 5; a decimal is written with a point" in said[True] and "point" not in said[False]


def test_a_grid_of_the_command_line_fills_every_field_of_the_page(client: TestClient) -> None:
    """Its numbers are texts there, and what was not said is left to the model; a list may end with a comma."""
    service = client.service                                                    # type: ignore[attr-defined]
    asked = GridAsk(Ask("flow", "a star", seed="9", count="2", options={"steps": "3"}), "guidance-scale=0,1.5", "sampler=euler,heun,")
    config = client.get("/config").json()
    parts = {part["id"]: str(part["props"].get("elem_id")) for part in config["components"]}
    grid = next(i for i, name in parts.items() if name == "compare-grid")
    endpoint = next(e for e in config["dependencies"] if e["backend_fn"] and any(target[0] == grid for target in e["targets"]))
    call = {"fn_index": endpoint["id"], "session_hash": "s", "data": [], "event_data": {"id": service.grids.start(asked)}}
    answer = client.post("/gradio_api/run/predict", json=call).json()
    values = {parts[i].removeprefix("compare-"): value.get("value") if isinstance(value, dict) else value
              for i, value in zip(endpoint["outputs"], answer["data"], strict=True)}
    assert (values["seed"], values["count"], values["guidance"], values["fixed"]) == (9, 2, 3.0, "steps=3")
    assert (values["x"], values["x-values"], values["y"], values["y-names"]) == ("guidance_scale", "0,1.5", "sampler", ["euler", "heun"])


@pytest.mark.parametrize("family", registry.NAMES)
def test_controls_explain_an_option_as_the_chosen_sampler_has_it(client: TestClient, family: str) -> None:
    config = client.get("/config").json()
    parts = {part["id"]: str(part["props"].get("elem_id")) for part in config["components"]}
    sampler = next(i for i, name in parts.items() if name == f"{family}-sampler")
    endpoint = next(e for e in config["dependencies"] if e["backend_fn"] and [sampler, "input"] in e["targets"])
    for spec in registry.face(family).every.values():
        call = {"fn_index": endpoint["id"], "session_hash": "s", "data": [spec.name]}
        told = client.post("/gradio_api/run/predict", json=call).json()["data"]
        shown = {parts[i]: value for i, value in zip(endpoint["outputs"], told, strict=True) if isinstance(value, dict)}
        tips = next(json.loads(value) for value in told if isinstance(value, str) and value.startswith("{"))
        for o in options_of(spec.options):
            control = shown[f"{family}-{o.name}"]
            assert control["visible"] and control["label"].startswith(o.label) and tips[f"{family}-{o.name}"] == o.help
            assert control.get("info", o.help) == o.help
