"""What is added in one place is taken up everywhere: an option, a sampler, a family and a tab from the folder `additions` have their
flags, controls, axes, laboratory and filter, and draw. A data set is added in test_data_sets.py."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

import app.ui
import pipelines
from app.cli import main
from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import UserError
from app.grids.ask import GridAsk
from app.grids.axes import choices
from app.grids.plan import make_plan
from app.lab import lab
from app.models.models import Models
from pipelines import registry
from pipelines.flow.about import SPEC as FLOW
from pipelines.flow.options import FlowOptions
from pipelines.options import option
from tests import test_imports
from tests.additions.leap import leap
from tests.app.served import served
from tests.tiny import tiny
from weights import catalog
from weights.load import save

pytestmark = pytest.mark.slow

ADDITIONS = Path(__file__).parent / "additions"


@dataclass(frozen=True)
class WarmOptions(FlowOptions):
    """Those of Euler's method with one more."""
    warmth: float = option(0.25, "Warmth", "Of nothing.", symbol="w", low=0, high=1)


@pytest.fixture(scope="module", autouse=True)
def additions() -> Iterator[None]:
    """An option of `euler`, the sampler `leap`, the family `blobs` and the tab `hours`, as if their files and lines stood in place."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FLOW.samplers, "euler", replace(FLOW.samplers["euler"], options=WarmOptions))        # type: ignore[arg-type]
        patch.setitem(FLOW.samplers, "leap", leap)                                                        # type: ignore[arg-type]
        patch.setattr(registry, "NAMES", (*registry.NAMES, "blobs"))
        patch.setattr(pipelines, "__path__", [*pipelines.__path__, str(ADDITIONS)])
        patch.setattr(app.ui, "__path__", [*app.ui.__path__, str(ADDITIONS / "ui")])
        patch.setattr("app.ui.page.ALONE", ("hours",))
        yield
    for name in [name for name in sys.modules if name.startswith(("pipelines.blobs", "app.ui.hours"))]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a model of the new family, trained for a few steps; in place of those that ship there is a small flow."""
    bundled, data = tmp_path_factory.mktemp("bundled"), tmp_path_factory.mktemp("data")
    net: Any = tiny("flow")
    described = {"family": "flow", "title": "small", "config": net.config.to_dict()}
    digest = save(bundled / "shapes-flow.safetensors", net.state_dict(), described)
    (bundled / "catalog.json").write_text(json.dumps({"shapes-flow": digest}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "BUNDLED", bundled)
        code = main(["train", "blobs", "--name", "mine", "--steps", "3", "--batch", "2", "--workers", "0", "--data", str(data), "--json"])
        assert code == 0
        yield data


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[TestClient]:
    with served(folder) as opened:
        yield opened


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    def call(*arguments: str) -> dict[str, Any]:
        capsys.readouterr()
        assert main([*arguments, "--data", str(folder), "--json"]) == 0, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)
    return call


@pytest.mark.parametrize(("family", "sampler", "option", "values"), [
    ("flow", "euler", "warmth", ("0.5",)), ("flow", "leap", "reach", ("0.5", "1")), ("blobs", "fade", "softness", ("0", "1"))])
def test_flags_draw(run: Callable[..., dict[str, Any]], family: str, sampler: str, option: str, values: tuple[str, ...]) -> None:
    files = set()
    for value in values:
        (image,) = run("sample", family, "--prompt", "a red star", "--sampler", sampler, f"--{option}", value, "--steps", "2",
                       "--count", "1", "--guidance-scale", "1")["images"]
        assert (image["sampler"], image["options"][option], image["nfe"]) == (sampler, float(value), 2)
        files.add(Path(image["path"]).read_bytes())
    assert len(files) == len(values)
    assert run("gallery", "--family", family, "--sampler", sampler)["total"] >= len(values)


def test_help_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["sample", "--help"])
    said = capsys.readouterr().out
    assert all(word in said for word in ("--warmth", "--reach", "--softness", "blobs: fade", "leap"))


def test_axes_vary_them(run: Callable[..., dict[str, Any]], folder: Path) -> None:
    assert {"warmth", "reach"} < set(choices(("flow",))) and "softness" in choices(("blobs",))
    models = Models(Weights(folder / "runs", folder / "models"))
    plan = make_plan(GridAsk(Ask("flow", "a red star", count=1), "warmth=0,1", "sampler=all"), models)
    assert {spot.request.sampler for spot in plan.spots if spot.request} >= {"euler"} and "leap" in plan.y.values
    grid = run("compare", "flow", "--prompt", "a red star", "--x", "family=flow,blobs", "--y", "steps=1,2", "--count", "1")
    assert [cell["status"] for cell in grid["cells"]] == ["done"] * 4


def test_the_page_has_controls_for_them(client: TestClient) -> None:
    parts = client.get("/config").json()["components"]
    found = {part["props"].get("elem_id"): part["props"] for part in parts}
    assert {"flow-warmth", "flow-reach", "blobs-softness", "blobs-tab", "blobs-generate"} <= set(found)
    assert ["Leap", "leap"] in found["flow-sampler"]["choices"] and ["Fade", "fade"] in found["blobs-sampler"]["choices"]
    assert ["Blobs", "blobs"] in found["compare-family"]["choices"]


def test_the_page_has_a_tab_more_that_works_and_has_an_address(client: TestClient) -> None:
    config = client.get("/config").json()
    found = {part["props"].get("elem_id"): part for part in config["components"]}
    assert found["hours-tab"]["props"]["label"] == "Hours"
    assert any('"hours"' in str(dependency["js"]) for dependency in config["dependencies"])           # one of those that #NAME opens
    (count,) = (one["id"] for one in config["dependencies"] if one["api_name"] == "hours-count")
    answer = client.post("/gradio_api/run/predict", json={"fn_index": count, "data": [], "session_hash": "s"}).json()
    assert answer["data"] == ["2 models"]


def test_the_gallery_filters_by_them(client: TestClient) -> None:
    for family, sampler in (("flow", "leap"), ("blobs", "fade")):
        page = client.get("/api/gallery", params={"family": family, "sampler": sampler}).json()
        assert page["total"] and all((item["family"], item["sampler"]) == (family, sampler) for item in page["items"])


def test_the_laboratory_offers_them_and_does_without_a_likelihood() -> None:
    shown = {(spec["name"], o["name"]) for family in ("flow", "blobs") for spec in lab.bench(family)["samplers"] for o in spec["options"]}
    assert {("euler", "warmth"), ("leap", "reach"), ("fade", "softness")} < shown
    room = lab.Lab()
    model = room.train("blobs", "moons")
    room.wait(model, 60)
    assert room.state(model)["error"] is None
    still, moved = (room.run(model, "fade", {"softness": softness}, 5, 0, False)["frames"][-1] for softness in (1, 0))
    assert still != moved
    with pytest.raises(UserError, match="Blobs defines no likelihood of points"):
        room.contours(model, {})
    room.close()


def test_no_other_family_may_know_the_new_one() -> None:
    assert not test_imports.allowed("pipelines/gan/sampler.py", "pipelines.blobs.sampler")
    assert not test_imports.allowed("pipelines/blobs/sampler.py", "pipelines.flow.sampler")
