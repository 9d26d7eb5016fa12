"""A set of somebody's own pictures is made once, found by its name, learnt from by every family, and stays what it was."""
from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from app.cli import main
from app.data_sets import keeping
from app.paths import open_paths
from pipelines import data as data_sets
from pipelines import registry
from pipelines.data import dataset, own
from pipelines.data.batches import batches
from pipelines.options import OptionError
from pipelines.request import Request
from tests.app.data_sets.test_reading import folder_of, noise, saved
from tests.tiny import untrained

Call = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Call:
    def call(*arguments: str) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main([*arguments, "--data", str(tmp_path / "data"), "--json"])
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else None, captured.err
    return call


@pytest.fixture
def small() -> Iterator[None]:
    """New networks are small."""
    with pytest.MonkeyPatch.context() as patch:
        for family in registry.NAMES:
            module = import_module(f"pipelines.{family}.family")
            patch.setattr(module, "FAMILY", replace(module.FAMILY, fresh=lambda options, data, family=family: untrained(family, data=data)))
        yield


def pets(place: Path) -> Path:
    """Pictures of two classes, 12 of each."""
    return folder_of(place, {f"{name}/{k}.png": saved(noise(k + 50 * (name == "dogs"))) for name in ("cats", "dogs") for k in range(12)})


def gray(place: Path) -> Path:
    """Pictures alone, 5 of them."""
    return folder_of(place, {f"{k}.png": saved(noise(k).convert("L")) for k in range(5)})


def test_a_set_is_made_listed_and_looked_at(run: Call, tmp_path: Path) -> None:
    code, made, error = run("data", "make", "pets", str(pets(tmp_path / "own")), "--size", "16")
    assert code == 0 and (made["pictures"], made["captions"], made["classes"], made["size"]) == (24, 24, 2, 16), error
    _, listed, _ = run("data", "list")
    lines = {line["name"]: line for line in listed["data_sets"]}
    assert [*lines] == [*data_sets.NAMES, "pets"] and lines["shapes"]["pictures"] == "endless" and lines["fashion"]["pictures"] == 70_000
    assert lines["pets"] | {"source": ""} == {"name": "pets", "own": True, "here": True, "problem": None, "pictures": 24, "size": 16,
                                              "channels": 3, "source": ""}
    code, sheet, _ = run("data", "look", "pets", "--out", str(tmp_path / "sheet.png"))
    assert code == 0 and sheet["pictures"] == dataset("pets").splits["train"]
    assert Image.open(tmp_path / "sheet.png").width > 5 * 16
    for name, said in (("shapes", "already"), ("pets", "already"), ("Pets", "no name"), ("a/b", "no name"), ("", "no name")):
        code, _, error = run("data", "make", name, str(tmp_path / "own"))
        assert code == 2 and said in error, name
    (tmp_path / "none").mkdir()
    assert "No picture" in run("data", "make", "none", str(tmp_path / "none"))[2]
    assert {path.name for path in (tmp_path / "data" / "data-sets").iterdir()} == {"pets", ".lock"}
    (tmp_path / "data" / "data-sets" / "pets" / "set.json").write_text('{"name": "pets"}')
    code, listed, _ = run("data", "list")
    assert code == 0 and "put " in listed["data_sets"][-1]["problem"] and run("data", "look", "pets")[0] == 1


def test_the_set_keeps_its_contract(run: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("data", "make", "pets", str(pets(tmp_path / "own")), "--size", "16")
    run("data", "make", "gray", str(gray(tmp_path / "alone")), "--size", "16")
    data, alone = dataset("pets"), dataset("gray")
    shown = {split: {item.content for item in data.evaluation(split, count or 0)} for split, count in data.splits.items()}
    assert shown["train"] | shown["test"] == {*range(24)} and not shown["train"] & shown["test"]
    assert {data.item("train", 0, k, None).content for k in range(len(shown["train"]))} == shown["train"]
    for item in data.evaluation("train", 24):
        assert data.labels.of(f"two {item.caption} here") == item.label and data.labels.name(item.label) == item.caption
        assert {*item.caption.split()} <= data.words() and not data.tokenizer().encode(item.caption).cut
        assert data.picture(item, 16).shape == (16, 16, 3) and data.picture(item, 8).dtype == np.uint8
    assert data.labels.of("a bird") is None and alone.labels.of("") == 0
    picture = alone.picture(alone.evaluation("test", 1)[0], 16)
    assert alone.channels == 1 and (picture == picture[..., :1]).all() and not alone.captioned and data.captioned
    opened, sent = data.__reduce__()
    monkeypatch.setattr(data_sets, "FOLDERS", [])                         # as in a process that was not told of the data folder
    assert not data_sets.there("pets")
    assert opened(*sent).name == "pets"
    open_paths(str(tmp_path / "data"))
    one = folder_of(tmp_path / "one", {"a.png": saved(noise(1))})
    assert run("data", "make", "one", str(one))[0] == 0 and dataset("one").splits == {"train": 1, "test": 1}


@pytest.mark.slow
@pytest.mark.parametrize("family", registry.NAMES)
def test_every_family_learns_from_it(run: Call, tmp_path: Path, family: str) -> None:
    run("data", "make", "pets", str(pets(tmp_path / "own")))
    run("data", "make", "gray", str(gray(tmp_path / "alone")))
    for name in ("pets", "gray"):
        data = dataset(name)
        batch = next(batches(data, "train", 0, data.size, 8))
        net = untrained(family, data=data)
        loss = registry.family(family).loss(net, batch, torch.Generator().manual_seed(0))
        loss.backward()
        assert torch.isfinite(loss)
        asked = {"family": family, "data_set": name, "prompt": "cats" if data.captioned else ""}
        assert Request.from_dict(asked).data is data
    with pytest.raises(OptionError, match='The prompt is empty; write what to draw, for example "'):
        Request.from_dict({"family": "flow", "data_set": "pets", "prompt": ""})


@pytest.mark.slow
def test_a_run_goes_on_with_what_it_read_and_draws_when_the_pictures_are_gone(run: Call, small: None, tmp_path: Path) -> None:
    folder, common = pets(tmp_path / "My Pets!"), ("--batch", "4", "--workers", "0")
    code, trained, error = run("train", "flow", "--data-set", str(folder), "--size", "16", "--name", "one", "--steps", "3", *common)
    assert code == 0 and trained["dataset"] == "my-pets/train", error
    (folder / "cats" / "0.png").unlink()
    code, trained, error = run("train", "flow", "--data-set", str(folder), "--size", "16", "--name", "one", "--steps", "5", *common)
    assert code == 0 and (trained["steps"], trained["dataset"]) == (5, "my-pets/train"), error
    assert sum(filter(None, dataset("my-pets").splits.values())) == 24
    names = [keeping.made_of(open_paths(str(tmp_path / "data")), folder, 16, lambda done, total: None) for _ in range(2)]
    assert names == ["my-pets-2", "my-pets-2"]                            # what is there now is another set, and once there the same
    for wrong, said in (((str(gray(tmp_path / "gray")),), "The run one learns from my-pets and cannot go on with"),
                        (("my-pets", "--size", "8"), "leave out --size"), ((str(tmp_path / "nowhere"),), "or a folder or zip")):
        code, _, error = run("train", "flow", "--data-set", *wrong, "--name", "one", "--steps", "6", *common)
        assert code == 2 and said in error
    place = tmp_path / "data" / "data-sets" / "my-pets"
    (place / "pictures.npy").unlink()
    own.opened.cache_clear()                                              # as in another process
    code, drawn, error = run("sample", "flow", "--model", "one", "--prompt", "dogs", "--steps", "2", "--count", "1")
    assert code == 0 and Image.open(drawn["images"][0]["path"]).size == (16, 16), error
    code, _, error = run("train", "flow", "--name", "one", "--steps", "6", *common)
    assert code == 1 and "The pictures of my-pets cannot be read" in error
    shutil.rmtree(place)
    code, _, error = run("sample", "flow", "--model", "one", "--prompt", "dogs", "--steps", "2", "--count", "1")
    assert code == 1 and "names data sets of which one is not there (['my-pets']" in error


@pytest.mark.slow
def test_pictures_alone_are_learnt_and_drawn_without_a_prompt(run: Call, small: None, tmp_path: Path) -> None:
    common = ("--data-set", str(gray(tmp_path / "gray")), "--size", "16", "--batch", "4", "--workers", "0")
    for family in ("diffusion", "gan"):
        code, _, error = run("train", family, "--name", family, "--steps", "3", *common)
        assert code == 0, error
        code, drawn, error = run("sample", family, "--model", family, "--count", "2")
        assert code == 0 and [image["prompt"] for image in drawn["images"]] == ["", ""], error
    code, again, error = run("again", Path(drawn["images"][0]["path"]).stem)
    assert code == 0 and again["verdict"] in ("bit-exact", "within tolerance"), error
    code, grid, error = run("compare", "gan", "--model", "gan", "--prompt", "", "--x", "seed=1,2", "--no-distance")
    assert code == 0 and len(grid["cells"]) == 2, error
    code, _, error = run("sample", "flow")
    assert code == 2 and "The prompt is empty" in error
