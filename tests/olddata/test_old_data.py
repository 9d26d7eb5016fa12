"""A data folder of an earlier version is all there and goes on: seen through the command line, the routes and the files, which stay."""
from __future__ import annotations

import csv
import io
import json
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.cli import main
from pipelines.request import plain, renamed
from storage import read_settings
from tests.app.served import served
from tests.olddata.folder import HERE, changed, shown, unpacked

pytestmark = pytest.mark.slow

NAME, FAMILIES = "2026-11", ["diffusion", "sde", "flow", "vqvae", "gan", "dalle"]
OLD_OPTIONS = {"walk"}
Run = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture(scope="module")
def recorded() -> dict[str, dict[str, Any]]:
    """What the program of then showed: pictures, grids, models, measured samplers; options under today's names."""
    return json.loads((HERE / f"{NAME}.json").read_text(encoding="utf-8"),
                      object_hook=lambda values: renamed(values) if OLD_OPTIONS & values.keys() else values)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server of the folder, for what only looks."""
    with served(unpacked(NAME, tmp_path_factory.mktemp("old"))) as client:
        yield client


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The folder, for what changes it."""
    return unpacked(NAME, tmp_path)


@pytest.fixture
def run(data: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """A command: (exit code, what it printed, what it said)."""
    def call(*arguments: str) -> tuple[int, dict[str, Any], str]:
        code, told = main([*arguments, "--data", str(data), "--json"]), capsys.readouterr()
        return code, json.loads(told.out or "{}"), told.err
    return call


def named(recorded: dict[str, Any], name: str) -> dict[str, Any]:
    """A comparison."""
    return next(grid for grid in recorded["grids"].values() if grid["name"] == name)


def by_place(cells: list[dict[str, Any]], *statuses: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """Cells of a comparison by their labels; statuses: only those of which one holds."""
    return {tuple(cell[name] for name in ("layer", "row", "column")): cell for cell in cells if not statuses or cell["status"] in statuses}


def rows(data: Path) -> list[tuple[Any, ...]]:
    """What the database says of pictures, but for what a file cannot know."""
    names = ("id", "family", "model_sha256", "model_name", "prompt", "negative_prompt", "sampler", "steps", "guidance", "seed", "nfe",
             "seconds", "options", "environment", "width", "height", "search", "request")
    with closing(sqlite3.connect(data / "playground.sqlite3")) as database:
        return list(database.execute(f"select {', '.join(names)} from images order by id"))


def test_it_opens_without_a_word(run: Run, recorded: dict[str, Any]) -> None:
    code, listed, said = run("gallery", "--limit", "200")
    kept = {name: picture for name, picture in recorded["pictures"].items() if not picture["deleted"]}
    assert (code, said, [line["id"] for line in listed["images"]]) == (0, "", list(kept))
    assert not changed({line["id"]: line for line in listed["images"]},
                       {name: picture["settings"] | {"created": picture["created"]} for name, picture in kept.items()})
    assert all(Path(line["path"]).is_file() for line in listed["images"])
    code, checked, said = run("gallery", "check")
    assert (code, said, checked["sound"]) == (0, "", len(recorded["pictures"]))


def test_pictures_and_comparisons_are_shown_as_they_were(opened: TestClient, recorded: dict[str, Any]) -> None:
    assert opened.get("/api/notices").json() == {"notices": []}
    found = shown(opened)
    assert not changed(found, {kind: recorded[kind] for kind in found})
    assert [list(found[kind]) for kind in found] == [list(recorded[kind]) for kind in found]


def test_every_file_says_how_its_picture_was_made(data: Path, recorded: dict[str, Any]) -> None:
    for name, picture in recorded["pictures"].items():
        inside, settings = read_settings(data / "images" / name[:2] / f"{name}.png"), picture["settings"]
        assert not changed(plain(inside), {fact: settings[fact] for fact in settings if fact not in ("count", "width", "height")})


def test_comparisons_become_files(opened: TestClient, recorded: dict[str, Any]) -> None:
    for name, grid in recorded["grids"].items():
        table = opened.get(f"/export/{name}.csv").text
        assert [row["images"].split() for row in csv.DictReader(io.StringIO(table))] == [cell["images"] for cell in grid["cells"]]
        assert grid["name"] in opened.get(f"/export/{name}.html").text
        assert opened.get(f"/export/{name}.png").content.startswith((b"\x89PNG", b"PK"))                # the second is a ZIP of several
    seen = opened.get(f"/api/grid/{named(recorded, 'samplers')['id']}").json()["cells"]
    urls = [cell["snapshot"]["url"] for cell in seen if "snapshot" in cell]
    assert len(urls) == 4 and all(Image.open(io.BytesIO(opened.get(f"/{url}").content)).size == (32, 64) for url in urls)


def test_a_recorded_process_is_looked_into(opened: TestClient, recorded: dict[str, Any]) -> None:
    (name,) = [name for name, picture in recorded["pictures"].items() if picture["process"]]
    frames = [opened.get(f"/api/frame/{name}/{k}").json() for k in range(recorded["pictures"][name]["steps"])]
    assert all(frame["x_t"] and frame["x0"] and frame["numbers"] and frame["formula"] for frame in frames)
    assert [frame["step"] for frame in frames] == sorted({frame["step"] for frame in frames})


def test_what_is_in_the_bin_is_restored(opened: TestClient, recorded: dict[str, Any]) -> None:
    """And put back, for the sake of the other tests."""
    def binned() -> dict[str, str]:
        return {item["id"]: item["sampler"] for item in opened.get("/api/gallery", params={"bin": "true"}).json()["items"]}

    was, grid = binned(), named(recorded, "empty cells")
    assert sorted(was) == sorted(name for name, picture in recorded["pictures"].items() if picture["deleted"])
    assert sorted(was.values()) == ["ddim", "ddim", "euler_a"]                                   # two of the grid, one by itself
    (alone,) = [name for name, sampler in was.items() if sampler == "euler_a"]
    assert opened.post("/api/restore", json={"ids": [alone]}).json() == {"count": 1}
    assert opened.post(f"/api/grid/{grid['id']}/restore").status_code == 200 and binned() == {}
    restored = opened.get(f"/export/{grid['id']}.json").json()["cells"]
    assert sorted(image for cell in restored for image in cell["images"]) == sorted({*was} - {alone})
    opened.post("/api/delete", json={"ids": [alone]})
    opened.post(f"/api/grid/{grid['id']}/delete")
    assert binned() == was


@pytest.mark.parametrize(("source", "families"), [("run", FAMILIES), pytest.param("hub", ["diffusion"], marks=pytest.mark.long)])
def test_pictures_are_drawn_again(opened: TestClient, recorded: dict[str, Any], source: str, families: list[str]) -> None:
    """As near as the program itself demands; on another kind of device or in another precision far nearer than those of other seeds."""
    models = [name for name, model in recorded["models"].items() if model["source"] == source]
    own = {name: picture for name, picture in recorded["pictures"].items() if picture["model"] in models and not picture["grid"]}
    pixels = {name: np.asarray(Image.open(io.BytesIO(opened.get(f"/image/{name}.png").content)), float) for name in own}
    assert {picture["family"] for picture in own.values()} == {*families}
    for name, picture in own.items():
        found = opened.post(f"/api/again/{name}").json()
        if all(found["then"][fact] == found["now"][fact] for fact in ("device", "precision")):
            assert found["verdict"] in ("bit-exact", "within tolerance"), (picture, found)
        others = [np.abs(pixels[name] - pixels[other]).mean() for other, of in own.items()
                  if of["model"] == picture["model"] and of["seed"] != picture["seed"]]
        assert not others or found["mean"] < min(others) / 10, (picture, found)


def test_models_are_there_and_sound(opened: TestClient, recorded: dict[str, Any]) -> None:
    there = {model["name"]: model for model in opened.get("/api/models").json()["models"]}
    assert {model["source"] for model in recorded["models"].values()} == {"run", "hub", "local"}
    known = {name: {fact: value for fact, value in model.items() if fact != "sha256"} for name, model in recorded["models"].items()}
    assert not changed(there, known)
    for name in recorded["models"]:
        assert opened.post("/api/models/verify", json={"name": name}).json() == {}


def test_what_was_measured_is_not_measured_again(run: Run, opened: TestClient, recorded: dict[str, Any]) -> None:
    """Unless by another judge."""
    _, found, _ = run("evaluate", "gan", "--model", "tiny-gan", "--table", "--count", "8")
    rows = {row["sampler"]: row for row in found["rows"]}
    judges = {row["judge_rules"] for row in (*rows.values(), *recorded["samplers"].values())}
    assert len(judges) > 1 or rows == recorded["samplers"]
    families = opened.get("/api/families").json()
    assert families["note"].startswith("Measured here.") and not any(row["problem"] for row in families["rows"])
    assert [row["family"] for row in families["rows"]] == FAMILIES


def test_a_comparison_that_was_cut_off_goes_on(run: Run, recorded: dict[str, Any]) -> None:
    was = named(recorded, "cut off")
    code, now, said = run("compare", "--resume", was["id"])
    assert (code, said, now["complete"]) == (0, "", True) and {cell["status"] for cell in now["cells"]} == {"done"}
    kept = by_place(was["cells"], "done")
    assert len(kept) == 2 and not changed(by_place(now["cells"]), kept)
    assert not changed([cell["settings"] for cell in now["cells"]], [cell["settings"] for cell in was["cells"]])


def test_a_cell_that_failed_is_tried_again(run: Run, recorded: dict[str, Any]) -> None:
    was = named(recorded, "failed cell")
    assert list(by_place(was["cells"], "failed")) == [("", "", "t₀ = 0.3")]
    code, now, _ = run("compare", "--resume", was["id"])
    assert code == 1 and not changed(now["cells"], was["cells"])
    code, now, said = run("compare", "--resume", was["id"], "--retry")
    assert (code, said, [cell["status"] for cell in now["cells"]]) == (0, "", ["done", "done"])
    assert not changed(by_place(now["cells"]), by_place(was["cells"], "done"))


@pytest.mark.parametrize(("name", "axis", "what", "values"), [
    ("samplers", "--y", "sampler", ("ddim", "dpmpp_2m", "euler")), ("models", "--y", "guidance_scale", ("1", "3", "5")),
    ("exact", "--x", "truncation", ("1", "2", "3"))])
def test_a_finished_comparison_grows(run: Run, recorded: dict[str, Any], name: str, axis: str, what: str, values: tuple[str, ...]) -> None:
    was = named(recorded, name)
    code, now, said = run("compare", "--resume", was["id"], axis, f"{what}={','.join(values)}")
    assert (code, said, now["complete"]) == (0, "", True) and 2 * len(now["cells"]) == 3 * len(was["cells"])
    assert not changed(by_place(now["cells"]), by_place(was["cells"]))
    code, _, said = run("compare", "--resume", was["id"], axis, f"{what}={values[0]}")
    assert code == 2 and "would be lost" in said


@pytest.mark.parametrize(("family", "name", "steps", "images"), [("diffusion", "learning", 4, 8), ("flow", "straight", 2, 4)])
def test_a_training_goes_on_from_its_checkpoint(run: Run, family: str, name: str, steps: int, images: int) -> None:
    """With larger batches from there on, so that the pictures seen tell where it went on; the second learns from pictures in its folder."""
    code, done, _ = run("train", family, "--name", name, "--steps", str(steps), "--couples", "4", "--batch", "2")
    assert code == 0 and (done["steps"], done["images"]) == (steps, images) and "nothing was done" in done["note"]
    code, done, _ = run("train", family, "--name", name, "--steps", str(steps + 2), "--couples", "4", "--batch", "3", "--workers", "0")
    assert code == 0 and (done["steps"], done["images"]) == (steps + 2, images + 6)
    code, drawn, _ = run("sample", family, "--model", name, "--prompt", "a red star", "--steps", "1", "--count", "1")
    assert code == 0 and drawn["images"][0]["model_sha256"] == done["sha256"]


def test_a_lost_database_is_made_anew_from_the_files(run: Run, data: Path, recorded: dict[str, Any]) -> None:
    run("gallery")                                                                 # which brings the tables up to date
    was = rows(data)
    shutil.rmtree(data / "backups")
    (data / "playground.sqlite3").unlink()
    code, listed, said = run("gallery", "--limit", "200")
    assert code == 0 and f"{len(recorded['pictures'])} pictures" in said and f"{len(recorded['grids'])} comparisons" in said
    assert not changed({line["id"]: line for line in listed["images"]},
                       {name: picture["settings"] for name, picture in recorded["pictures"].items()})
    assert rows(data) == was
    for name in ("samplers", "cut off"):
        grid = named(recorded, name)
        code, now, _ = run("compare", "--resume", grid["id"])
        assert code == 0 and now["complete"] and not changed(
            {place: cell["images"] for place, cell in by_place(now["cells"]).items()},
            {place: cell["images"] for place, cell in by_place(grid["cells"], "done").items()})
