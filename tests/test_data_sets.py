"""A data set of one folder and one line: every family is trained on it, draws, is judged and compared by its own captions and judge."""
from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.cli import main
from app.drawing.ask import Ask
from app.errors import BadInput, UserError
from app.grids.measures import terms
from app.grids.points import frechet
from app.paths import Paths
from app.service import Service
from app.ui.compare import Offers
from pipelines import data, registry
from pipelines.data.contract import DataSet
from pipelines.metrics.accuracy import accuracy
from pipelines.request import Request
from tests.tiny import untrained
from weights import catalog
from weights.check.verify import WeightsError
from weights.load import save

pytestmark = pytest.mark.slow

PROMPT = "white above green"
# What is trained, in this order: (name, family, more arguments); networks of codes have a part that comes first.
RUNS = [*((family, family, ()) for family in ("diffusion", "sde", "flow", "gan")),
        *((f"{family}-codes", family, ("--stage", "autoencoder")) for family in ("vqvae", "dalle")),
        *((family, family, ("--from", f"{family}-codes")) for family in ("vqvae", "dalle"))]


@pytest.fixture(scope="module")
def tiles() -> Iterator[DataSet]:
    """The set, as if its folder and line stood in the registry; new networks are small."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "NAMES", (*data.NAMES, "tiles"))
        patch.setattr(data, "__path__", [*data.__path__, str(Path(__file__).parent / "additions")])
        for family in registry.NAMES:
            module = import_module(f"pipelines.{family}.family")
            small = replace(module.FAMILY, fresh=lambda options, data, family=family: untrained(family, data=data))
            patch.setattr(module, "FAMILY", small)
        yield data.dataset("tiles")
    for name in [name for name in sys.modules if name.startswith("pipelines.data.tiles")]:
        del sys.modules[name]


@pytest.fixture(scope="module")
def folder(tiles: DataSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder with a model of each family; nothing ships beside them."""
    bundled, place = tmp_path_factory.mktemp("bundled"), tmp_path_factory.mktemp("data")
    (bundled / "catalog.json").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(catalog, "BUNDLED", bundled)
        for name, family, more in RUNS:
            known = () if "--from" in more else ("--data-set", "tiles")          # a model is gone on with on what it knows
            assert main(["train", family, *known, "--name", name, "--steps", "3", "--batch", "4", "--workers", "0", *more, "--data",
                         str(place), "--json"]) == 0
        yield place


Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main([*arguments, "--data", str(folder), "--json"])
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else None, captured.err
    return call


def test_the_set_keeps_its_contract(tiles: DataSet) -> None:
    assert copy(tiles) is tiles                                           # as where processes that load its items are sent it
    cases = tiles.evaluation("test", 16)
    judge = tiles.judge and tiles.judge()
    assert judge is not None
    assert accuracy([judge.fault(tiles.picture(case, 8), judge.claim(case.caption)) for case in cases]).share == 1
    for case in cases:
        assert tiles.labels.of(case.caption) == case.label and tiles.labels.name(case.label) == case.caption
        assert {*case.caption.split()} <= tiles.words() and not tiles.tokenizer().encode(case.caption).cut


@pytest.mark.parametrize("family", registry.NAMES)
def test_a_model_draws_and_is_judged_by_its_own_set(run: Call, family: str) -> None:
    code, drawn, error = run("sample", family, "--model", family, "--prompt", PROMPT, "--count", "2")
    assert code == 0 and "has never seen" not in error, error
    assert {Image.open(image["path"]).size for image in drawn["images"]} == {(8, 8)}
    code, again, error = run("again", Path(drawn["images"][0]["path"]).stem)
    assert code == 0 and again["verdict"] in ("bit-exact", "within tolerance"), error
    code, measured, error = run("evaluate", family, "--model", family, "--count", "8")
    assert code == 0, error
    judged = {"caption_accuracy", "intervals_95", "failures", "judge_rules", "judge_false_accepts", "judge_true_accepts"}
    assert judged <= set(measured) and measured["judge_false_accepts"] == 0.25
    assert not {"frechet_distance", "caption_accuracy_one_object"} & set(measured)
    assert sum(measured["failures"]["all"].values()) == 8 - 8 * measured["caption_accuracy"]


def test_a_data_set_stands_for_the_familys_model_of_it(run: Call) -> None:
    code, drawn, error = run("sample", "gan", "--data-set", "tiles", "--prompt", PROMPT, "--count", "1")
    assert code == 0 and Image.open(drawn["images"][0]["path"]).size == (8, 8), error
    for wrong, exit_code, said in (("shapes", 1, "There are no weights for gan of shapes; train some with the command `train gan "
                                    "--data-set shapes`."),
                                   ("tile", 2, "There is no data set 'tile'; there are shapes")):
        code, _, error = run("sample", "gan", "--data-set", wrong, "--prompt", PROMPT)
        assert code == exit_code and said in error
    code, _, error = run("sample", "gan", "--model", "gan", "--data-set", "shapes", "--prompt", PROMPT)
    assert code == 2 and "The model gan learnt from tiles, not from 'shapes'; choose another model, or leave out the data set." in error


@pytest.mark.parametrize("family", registry.NAMES)
def test_pictures_are_compared_by_its_judge_and_kept_with_its_name(run: Call, family: str) -> None:
    code, grid, error = run("compare", family, "--model", family, "--prompt", PROMPT, "--x", "seed=1,2", "--count", "1", "--no-distance")
    assert code == 0, error
    assert [cell["judged"] for cell in grid["cells"]] == [1, 1] and grid["judge_false_accepts"] == 0.25
    assert "halves of other colours" in grid["terms"]
    assert {Request.from_dict(cell["settings"]).data_set for cell in grid["cells"]} == {"tiles"}
    code, grown, error = run("compare", "--resume", grid["grid_id"], "--x", "seed=1,2,3")
    assert code == 0 and [cell["judged"] for cell in grown["cells"]] == [1, 1, 1], error


def test_a_comparison_of_a_set_that_is_gone_can_still_be_looked_at(run: Call, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, grid, _ = run("compare", "gan", "--model", "gan", "--prompt", PROMPT, "--x", "seed=1,2", "--count", "1")
    assert code == 0
    monkeypatch.setattr(data, "NAMES", ("shapes",))
    service = Service(Paths(folder))
    try:
        live = service.grids.find(grid["grid_id"])
        assert [cell.status for cell in live.cells] == ["done", "done"] and "judge" not in terms(live)
        with pytest.raises(UserError, match="no network of features"):
            frechet(live, lambda image: pytest.fail("a picture was read"))
    finally:
        service.close()


def test_words_prompts_and_classes_are_those_of_the_chosen_model(run: Call, folder: Path, tiles: DataSet) -> None:
    _, _, error = run("sample", "flow", "--model", "flow", "--prompt", "a red star", "--count", "1")
    assert "never seen the words “a”, “star”" in error
    code, _, error = run("sample", "vqvae", "--model", "vqvae", "--prompt", "a red star", "--count", "1")
    assert code == 2 and "a colour above another" in error and "“red above blue”" in error
    service = Service(Paths(folder))
    try:
        assert {model.prompts for model in service.models()} == {tuple(tiles.prompts)}
        assert {service.surprise(family, family) for family in registry.NAMES} <= {case.caption for case in tiles.evaluation("test", 16)}
        offers = Offers({name: registry.face(name) for name in registry.NAMES}, {name: service.models(name) for name in registry.NAMES})
        assert offers.example("flow", "flow", "prompt") == "red above blue | white above green"
        assert service.gallery.examples("flow") and not service.examples("flow", "flow")                   # which are of another set
        with pytest.raises(BadInput, match="no split holdout; it has train, test"):
            service.evaluate(Ask("flow", "", count=8), "holdout", lambda done, total: None)
    finally:
        service.close()


def test_weights_say_what_they_learnt_from(folder: Path) -> None:
    for entry in (entry for entry in catalog.entries(folder / "runs") if not entry.fault):
        assert entry.data_sets == ("tiles",) and entry.metadata["title"].startswith("tiles")
        assert entry.metadata["training"]["dataset"] == "tiles/train" and "`tiles/train` (made for tests)" in entry.card


def test_weights_that_do_not_say_it_are_of_the_first_set_and_an_unknown_one_is_refused(tmp_path: Path) -> None:
    net: Any = untrained("flow")
    described = {"family": "flow", "config": net.config.to_dict()}
    for more in ({}, {"training": {"dataset": "shapes/train"}}, {"data_sets": ["shapes"]}):
        save(tmp_path / "x.safetensors", net.state_dict(), described | more)
        assert catalog.Entry("x", tmp_path / "x.safetensors", "run", None).data_sets == ("shapes",)
    for wrong in (["nowhere"], "shapes", [7], {"shapes": 1}):
        save(tmp_path / "x.safetensors", net.state_dict(), described | {"data_sets": wrong})
        with pytest.raises(WeightsError, match="names data sets of which one is not there .* there are shapes"):
            _ = catalog.Entry("x", tmp_path / "x.safetensors", "run", None).data_sets


def test_a_run_goes_on_with_what_it_learns_from_and_other_sets_are_refused(run: Call) -> None:
    code, trained, error = run("train", "sde", "--name", "sde", "--steps", "4", "--batch", "4", "--workers", "0")
    assert code == 0 and (trained["steps"], trained["dataset"]) == (4, "tiles/train"), error
    code, _, error = run("train", "flow", "--data-set", "nowhere", "--steps", "1")
    assert code == 2 and "no data set 'nowhere'; name one of shapes, faces, pixels, fashion, digits, tiles with --data-set" in error
    code, _, error = run("train", "flow", "--data-set", "shapes", "--name", "flow", "--steps", "9")
    assert code == 2 and "The run flow learns from tiles and cannot go on with shapes" in error
    code, _, error = run("evaluate", "flow", "--model", "flow", "--table", "--count", "8")
    assert code == 2 and "is one of tiles" in error


def test_a_model_of_two_sets_is_trained_gone_on_with_and_draws_and_is_judged_by_each(run: Call, folder: Path,
                                                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.training.head_start.head_start", lambda *asked: iter(()))
    both = ("train", "diffusion", "--name", "both", "--batch", "2", "--workers", "0")
    for steps in ("1", "2"):                                       # one of each set
        code, trained, error = run(*both, "--data-set", "shapes,faces", "--steps", steps)
        assert code == 0 and trained["dataset"] == "shapes,faces/train", error
    code, _, error = run(*both, "--data-set", "faces", "--steps", "3")
    assert code == 2 and "learns from shapes,faces and cannot go on with faces" in error
    entry = next(entry for entry in catalog.entries(folder / "runs") if entry.name == "both")
    assert entry.data_sets == ("shapes", "faces") and "Johan Melin" in entry.card
    for data_set, prompt in (("shapes", "a red star"), ("faces", "a winking face with red hair")):
        code, drawn, error = run("sample", "diffusion", "--model", "both", "--data-set", data_set, "--prompt", prompt, "--count", "1",
                                 "--steps", "2")
        assert code == 0 and drawn["images"][0]["data_set"] == data_set and "never seen" not in error, error
        code, again, error = run("again", Path(drawn["images"][0]["path"]).stem)
        assert code == 0 and again["verdict"] == "bit-exact", error
    code, measured, error = run("evaluate", "diffusion", "--model", "both", "--data-set", "faces", "--count", "8", "--steps", "2")
    assert code == 0 and set(measured["attributes"]) <= {"background", "skin", "hair colour", "length", "hair", "beard", "eyes", "clothes",
                                                         "clothes colour"}, error
    assert measured["caption_accuracy"] <= measured["attribute_accuracy"] and measured["judge_false_accept"] < 0.01
    code, _, error = run(*both[:3], "mixed", "--data-set", "shapes,tiles", "--steps", "1")
    assert code == 2 and "written in tokens of their own" in error
