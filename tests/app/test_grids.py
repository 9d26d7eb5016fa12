"""Grids stay: cells are saved as they finish, what is missing is drawn later, what is equal is said, what is exported is complete."""
from __future__ import annotations

import csv
import errno
import io
import json
import os
import pkgutil
import signal
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app import grid_picture, jobs, reproduce
from app.cli import main
from app.distances import geometric_mean
from app.grid_records import cells_of
from app.jobs import RUNNING
from app.paths import Paths
from app.service import Service
from app.uncertain import with_error
from app.views import ENDINGS, Ask, BadInput, DiskFull, GridAsk, UserError
from storage import StorageError
from storage.database import NAME
from tests.waiting import until

ROOT = Path(__file__).parents[2]


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    service = Service(Paths(tmp_path))
    yield service
    service.close()


def asked(x: str, y: str = "", z: str = "", family: str = "diffusion", distance: bool = False, **more: Any) -> GridAsk:
    options = {name: more.pop(name) for name in ("exact", "snapshots", "name") if name in more}
    return GridAsk(Ask(family, "a red star", **{"count": 1, "guidance_scale": 1, "seed": 3} | more), x, y, z, distance, **options)


def ended(service: Service, grid: str) -> dict[str, Any]:
    until(lambda: service.grids.view(grid)["status"] not in RUNNING)
    return service.grids.view(grid)


def drawn(service: Service, made: GridAsk) -> tuple[str, dict[str, Any]]:
    grid = service.grids.start(made)
    return grid, ended(service, grid)


def pixels(service: Service, grid: str) -> list[bytes]:
    return [service.grids.keeper.pixels(image).tobytes() for images in service.grids.images(grid).values() for image in images]


def test_calls_are_said_before_as_they_are_counted_after(service: Service) -> None:
    """Those of all pictures, also where some of the grid was drawn by another process."""
    made = asked("steps=2,4", "sampler=ddim,heun", count=3, guidance_scale=2)
    check = service.grids.check(made)
    grid, view = drawn(service, made)
    assert check.calls == view["calls"] == 2 * 3 * (2 + 4 + 3 + 7)
    assert sum(cell["nfe"] for cell in view["cells"]) == 2 * (2 + 4 + 3 + 7)              # of a cell those of one picture
    service.grids._live.clear()
    assert service.grids.view(grid)["calls"] == check.calls
    alone = service.check(Ask("diffusion", "a red star", sampler="heun", count=3, guidance_scale=2, options={"steps": 4}))
    assert (alone.nfe, alone.calls) == (14, 42)


def test_every_cell_is_measured_and_kept(service: Service, tmp_path: Path) -> None:
    grid, view = drawn(service, asked("steps=2,4", "sampler=ddim,heun", distance=True, snapshots=True))
    assert view["status"] == "done" and (view["done"], view["total"]) == (4, 4)
    for cell, nfe in zip(view["cells"], (2, 4, 3, 7), strict=True):
        assert cell["nfe"] == nfe and cell["seconds"] > 0 and cell["ms_per_call"] > 0 and cell["peak_bytes"] > 10**8
        assert 0 < cell["distance"] < 1 and cell["ssim"] < 1 and cell["accuracy"]["count"] == 1
    assert [(cell.get("snapshot") or {}).get("of") for cell in view["cells"]] == [4, None, 4, None]
    snapshot = view["cells"][0]["snapshot"]
    assert snapshot["step"] == 2 and snapshot["distance"] > 0.02              # a step of a longer run is not a shorter run
    with Image.open(io.BytesIO(service.reading.snapshot(snapshot["url"].split("/")[-1][:-4]))) as image:
        assert image.size == (32, 32)
    service.close()
    again = Service(Paths(tmp_path))
    stored = again.grids.view(grid)
    assert stored["cells"] == json.loads(json.dumps(view["cells"])) or stored["cells"] == view["cells"]
    assert again.grids.list()["items"][0]["done"] == 4 and again.reading.cell(grid, 1)["facts"]["Steps"] == "4"
    assert not {"Width", "Height"} & set(again.reading.cell(grid, 1)["facts"])      # 0 is the model's own size
    again.close()


def test_a_grid_says_once_what_its_numbers_mean(service: Service, tmp_path: Path) -> None:
    grid, view = drawn(service, asked("steps=1,3", "sampler=ddim,heun", count=2, distance=True, snapshots=True))
    judge = "The judge takes 4 % of near misses (other shapes, halves, other colours) for what they are not."
    assert view["terms"] == f"The distance of a cell is the geometric mean of its pictures. {judge}"
    table = service.reading.table(grid)
    points = {(line["name"], nfe): y for line in service.reading.chart(grid, "error")["series"] for nfe, y in zip(line["nfe"], line["ys"],
                                                                                                              strict=True)}
    for cell in table:
        assert cell["distance"] == geometric_mean(cell["errors"]) == points[cell["row"], cell["nfe"]] < np.mean(cell["errors"])
    assert service.reading.chart(grid, "accuracy")["note"] == judge and not service.reading.chart(grid, "error")["note"]
    page = service.reading.write(grid, tmp_path / "grid.html").read_text()
    assert page.count(view["terms"]) == 1
    assert json.loads(service.reading.write(grid, tmp_path / "grid.json").read_text())["judge_false_accepts"] == 3 / 84
    assert grid_picture.of_distances(service.grids.find(grid))[0] in grid_picture.Sheet(service.grids.find(grid)).named(0)
    alone, view = drawn(service, asked("steps=1"))
    assert view["terms"] == judge                                             # a cell's distance would be that of its only picture
    live = service.grids.find(alone)
    early = {name: value for name, value in live.cells[0].metrics["accuracy"].items() if name != "rules"}
    live.change(0, metrics={"accuracy": early})
    assert service.grids.view(alone)["terms"] == "An earlier, looser judge read some of the captions; draw those cells again."
    assert not drawn(service, asked("steps=1", "prompt=something | else"))[1]["terms"]


def test_only_what_changed_is_sent_again(service: Service) -> None:
    grid, view = drawn(service, asked("steps=1,2"))
    assert service.grids.view(grid, view["version"]) == {"version": view["version"], "status": "done"}
    assert len(service.grids.view(grid, view["version"] + 5)["cells"]) == 2   # a page from before a restart gets everything
    live = service.grids.find(grid)
    live.change(1, error="x")
    assert [cell["i"] for cell in service.grids.view(grid, view["version"])["cells"]] == [1]


def test_stopping_keeps_what_is_done_and_resuming_draws_the_rest(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    made, keep, done = asked("steps=2,12", "seed=1,2", exact=True), service.grids.keeper.save_cell, []

    def stopping(live: Any, i: int, cell: Any) -> None:
        """Stop in the moment that the second cell is kept."""
        keep(live, i, cell)
        done.extend([i] * (cell.status == "done"))
        if len(done) == 2:
            service.grids.stop(live.id)

    monkeypatch.setattr(service.grids.keeper, "save_cell", stopping)
    grid = service.grids.start(made)
    view = ended(service, grid)
    assert view["status"] == "stopped" and view["done"] == 2 and "2 of 4 cells" in view["message"]
    before = {cell["i"]: cell["images"] for cell in view["cells"] if cell["status"] == "done"}
    assert service.grids.resume(grid) == grid
    view = ended(service, grid)
    assert view["status"] == "done" and all(tuple(view["cells"][i]["images"]) == tuple(images) for i, images in before.items())
    other, _ = drawn(service, made)
    assert pixels(service, grid) == pixels(service, other)


def test_after_this_cell_lets_the_running_ones_end(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.grid_runner.WINDOW_ROWS", 1)
    grid = service.grids.start(asked("seed=1-5(+1)", "steps=100"))
    until(lambda: any(cell["status"] == "running" for cell in service.grids.view(grid)["cells"]))
    service.grids.stop(grid, after=True)
    view = ended(service, grid)
    assert view["status"] == "stopped" and 1 <= view["done"] < 5
    assert {cell["status"] for cell in view["cells"]} == {"done", "stopped"}


def test_a_grid_grows_without_drawing_again(service: Service) -> None:
    grid, view = drawn(service, asked("steps=1,3", "sampler=ddim"))
    before = [cell["images"] for cell in view["cells"]]
    service.grids.extend(grid, replace(service.grids.asked(grid), x="steps=1,2,3", y="sampler=heun,ddim"))
    view = ended(service, grid)
    assert view["status"] == "done" and view["total"] == 6 and view["x"]["labels"] == ["1 step", "2 steps", "3 steps"]
    assert [view["cells"][3]["images"], view["cells"][5]["images"]] == before
    for less in ({"x": "steps=1,2"}, {"x": "seed=1,2"}, {"ask": replace(service.grids.asked(grid).ask, prompt="a cross")}):
        with pytest.raises(BadInput, match="would be lost"):
            service.grids.extend(grid, replace(service.grids.asked(grid), **less))
    service.grids.delete(grid)
    with pytest.raises(UserError, match="in the bin"):
        service.grids.resume(grid)


def test_a_failed_cell_says_why_and_is_tried_again_when_asked(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    submit = service.submit

    def broken(request: Any, *rest: Any, **more: Any) -> Any:
        if request.options.steps == 2:
            raise UserError("The disk is on fire; put it out.")
        return submit(request, *rest, **more)

    monkeypatch.setattr(service, "submit", broken)
    grid, view = drawn(service, asked("steps=1,2,3"))
    assert [cell["status"] for cell in view["cells"]] == ["done", "failed", "done"] and "fire" in view["cells"][1]["error"]
    assert view["status"] == "done" and "1 of 3 cells failed" in view["error"]
    monkeypatch.setattr(service, "submit", submit)
    service.grids.resume(grid)
    assert ended(service, grid)["done"] == 2
    service.grids.resume(grid, retry=True)
    assert ended(service, grid)["done"] == 3


def stored(service: Service, grid: str) -> tuple[str, list[str]]:
    """The status of a grid and those of its cells, as the database itself has them."""
    service.grids._live[grid].settled.wait(120)
    with closing(sqlite3.connect(service.paths.data / NAME)) as database:
        statuses = database.execute('select status from cells where grid_id = ? order by layer, "row", "column"', (grid,))
        return database.execute("select status from grids where id = ?", (grid,)).fetchone()[0], [row[0] for row in statuses]


def full_disk(*given: Any, **more: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


class Crash(Exception):
    """A fault inside the program."""


def crash(*given: Any, **more: Any) -> None:
    raise Crash("a fault inside")


def after(count: int, work: Callable[..., Any], then: Callable[..., Any]) -> Callable[..., Any]:
    """The first calls do the work, all others something else; of files only pictures are counted."""
    done = 0

    def call(*given: Any, **more: Any) -> Any:
        nonlocal done
        done += not isinstance(given[0], Path) or "images" in given[0].parts
        return (work if done <= count else then)(*given, **more)
    return call


def refused(*given: Any, **more: Any) -> None:
    raise StorageError("The database is locked.")


def odd(*given: Any, **more: Any) -> None:
    raise UserError("The disk is on fire; put it out.")


# How a grid of three cells ends: what breaks after the first cell (of whom, by what), the grid's status, and those of its cells.
ENDS = {
    "done": (None, "done", ["done"] * 3),
    "some cells failed": (("app.service.Service.submit", odd), "done", ["done", "failed", "failed"]),
    "pictures cannot be saved": (("app.service.Service.save", odd), "done", ["done", "failed", "failed"]),
    "disk full": (("storage.files.write", full_disk), "stopped", ["done", "stopped", "stopped"]),
    "cells cannot be saved": (("storage.store.Storage.save_cell", refused), "stopped", ["done", "stopped", "stopped"]),
    "a crash": (("app.grid_runner.GridRun._done", crash), "failed", ["done", "stopped", "stopped"]),
}


@pytest.mark.parametrize("way", ENDS)
def test_a_grid_ends_as_its_cells_did_and_goes_on(service: Service, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr("app.grid_runner.WINDOW_ROWS", 1)                     # one cell after the other
    broken, status, cells = ENDS[way]
    with monkeypatch.context() as fault:
        if broken is not None:
            module, _, name = broken[0].rpartition(".")
            place = pkgutil.resolve_name(module)
            fault.setattr(place, name, after(1, getattr(place, name), broken[1]))
        begun: list[int] = []
        submit = service.submit
        fault.setattr(service, "submit", lambda *given: begun.append(1) or submit(*given))        # type: ignore[func-returns-value]
        grid, view = drawn(service, asked("steps=1,2,3"))
        assert stored(service, grid) == (status, cells) == (view["status"], [cell["status"] for cell in view["cells"]])
    if status == "stopped":
        assert len(begun) == 2 and "1 of 3 cells are done and kept" in view["message"] and view["error"]
    if cells[-1] != "done":
        service.grids.resume(grid, retry=True)
        view = ended(service, grid)
    assert view["error"] is None and stored(service, grid) == ("done", ["done"] * 3)
    assert [len(cell["images"]) for cell in view["cells"]] == [1] * 3


def test_where_not_even_the_end_can_be_stored_the_grid_counts_as_interrupted(
        service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("app.grid_runner.WINDOW_ROWS", 1)
    with monkeypatch.context() as fault:
        save = service.save

        def last(*given: Any) -> Any:
            found = save(*given)
            fault.setattr(service._storage, "_write", refused)
            return found
        fault.setattr(service, "save", last)
        grid, view = drawn(service, asked("steps=1,2,3"))
        assert "Traceback" not in caplog.text                                 # which a command would print
        assert stored(service, grid)[0] == "running" and view["status"] == "stopped" and "locked" in view["error"]
        assert [cell["status"] for cell in view["cells"]] == ["stopped"] * 3
        assert [g["status"] for g in service.grids.list()["items"]] == ["interrupted"]
    service.grids.resume(grid)
    assert ended(service, grid)["done"] == 3 and stored(service, grid) == ("done", ["done"] * 3)


def test_closing_leaves_no_cell_that_waits_or_runs(tmp_path: Path) -> None:
    service = Service(Paths(tmp_path))
    grid = service.grids.start(asked("steps=1,900,901", "seed=1-3(+1)"))
    until(lambda: service.grids.view(grid)["done"] >= 3)
    service.close()
    status, cells = stored(service, grid)
    assert status == "stopped" and set(cells) == {"done", "stopped"}


@pytest.mark.parametrize("way", ["engine", "close"])
def test_a_grid_ends_when_the_engine_does(service: Service, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    grid = service.grids.start(asked("steps=900", "seed=1-3(+1)"))
    until(lambda: any(cell["status"] == "running" for cell in service.grids.view(grid)["cells"]))
    if way == "engine":
        monkeypatch.setattr(type(service.machine.engine), "_formed", crash)
    else:
        service.machine.close()
    view = ended(service, grid)
    assert {cell["status"] for cell in view["cells"]} == {"engine": {"failed"}, "close": {"stopped"}}[way]
    monkeypatch.undo()
    _, view = drawn(service, asked("steps=1"))                                # it waits for nothing
    assert view["status"] == {"engine": "failed", "close": "stopped"}[way]


def test_a_grid_of_another_process_is_left_to_it_until_that_is_gone(service: Service) -> None:
    grid, view = drawn(service, asked("steps=1,2"))
    other = Service(service.paths)
    other.grids.extend(grid, replace(other.grids.asked(grid), x="steps=1,2,900,901"))
    assert service.grids.view(grid)["status"] == "running" and len(service.grids.view(grid)["cells"]) == 4     # not what it drew itself
    for refused_now in (service.grids.resume, service.grids.stop, service.grids.delete):
        with pytest.raises(UserError, match="by another process of this data folder"):
            refused_now(grid)
    other.close()
    assert service.grids.view(grid)["status"] == "stopped"
    service.grids.delete(grid)


def test_an_axis_without_effect_is_pointed_out_with_its_reason(service: Service) -> None:
    _, view = drawn(service, asked("seed=1,2", family="vqvae", sampler="greedy"))
    assert [cell.get("same_as") for cell in view["cells"]] == [None, "seed 1 (Greedy draws one picture whatever the seed)"]
    _, view = drawn(service, asked("sampler=ddim,dpmpp_2m", "steps=1"))
    assert view["cells"][1]["same_as"].startswith("1 step, DDIM (")
    _, view = drawn(service, asked("eta=0,1", "sampler=ddim,euler", options={"steps": 2}))
    assert [cell["status"] for cell in view["cells"]] == ["done", "done", "empty", "empty"]
    assert view["cells"][2]["reason"] == "Euler has no eta." and view["total"] == 2 and not view["cells"][1].get("same_as")


def test_many_grids_run_and_none_is_forgotten(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 11)
    running = [service.grids.start(asked("steps=1000", "seed=1,2")) for _ in range(11)]
    with pytest.raises(UserError, match="is the most that are accepted"):
        service.grids.start(asked("steps=1000", name="too many"))
    assert service.grids.list("too many")["items"][0]["status"] == "stopped"        # and can be resumed
    assert all(service.grids.view(grid)["status"] in RUNNING for grid in running)
    for grid in running:
        service.grids.stop(grid)
    assert {ended(service, grid)["status"] for grid in running} == {"stopped"}
    until(lambda: {g["status"] for g in service.grids.list()["items"]} == {"stopped"})      # those that never began too


def test_a_grid_of_earlier_times_is_read_and_goes_on(service: Service) -> None:
    ask = {"family": "diffusion", "model": "shapes-diffusion", "prompt": "a red star", "negative_prompt": "", "guidance_scale": 1.0,
           "seed": 3, "count": 1, "samplers": ["ddim", "heun"], "columns": [1, 2]}
    storage = service._storage
    grid = storage.start_grid(storage.start_job("compare", "diffusion", {}), rows=["DDIM", "Heun"], columns=["1 step", "2 steps"],
                              layers=[""], settings=ask, name="old")
    storage.save_cell(grid, 0, 1, 0, status="done", settings={}, nfe=2, seconds=0.1)
    storage.change_grid(grid, status="stopped")
    view = service.grids.view(grid)
    assert [cell["status"] for cell in view["cells"]] == ["stopped", "stopped", "done", "stopped"]
    assert view["y"]["labels"] == ["DDIM", "Heun"]
    assert service.grids.asked(grid).y == "sampler=ddim,heun" and service.reading.export(grid, "csv").exists()


def test_names_notes_search_bin_and_what_is_not_there(service: Service) -> None:
    grid, view = drawn(service, asked("steps=1", name="first try"))
    service.grids.change(grid, name="A name", note="worth keeping")
    assert [g["name"] for g in service.grids.list("KEEPING")["items"]] == ["A name"] and service.grids.list("nothing")["total"] == 0
    image = view["cells"][0]["images"][0]
    service.grids.delete(grid)
    assert service.grids.list()["total"] == 0 and service.grids.list(bin=True)["total"] == 1
    assert service.gallery.picture(image).deleted
    service.grids.restore(grid)
    assert service.grids.list()["total"] == 1 and not service.gallery.picture(image).deleted
    for wrong in (lambda: service.grids.view("ffff"), lambda: service.reading.cell(grid, 99), lambda: service.reading.export(grid, "exe"),
                  lambda: service.grids.resume("ffff"), lambda: service.reading.snapshot("ffffffffffff")):
        with pytest.raises(UserError):
            wrong()


def test_exports_are_complete_by_themselves(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    grid, _ = drawn(service, asked("steps=1,2", "sampler=ddim,euler", "seed=1,2", name="<b>bold</b>"))
    page = service.reading.export(grid, "html").read_text()
    assert page.count("data:image/png;base64,") == 8 and "http" not in page and "<b>" not in page.split("<script")[0]
    assert json.loads(page.split('id="settings">')[1].split("</script>")[0])["asked"]["x"] == "steps=1,2"
    with service.reading.export(grid, "csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(r["layer"], r["row"], r["column"], r["steps"], r["seed"]) for r in rows][5] == ("seed 2", "DDIM", "2 steps", "2", "2")
    assert len(json.loads(service.reading.export(grid, "json").read_text())["cells"]) == 8
    monkeypatch.setattr(grid_picture, "TILE", 260)
    with zipfile.ZipFile(service.reading.export(grid, "png")) as tiles:
        for name in tiles.namelist():
            with Image.open(io.BytesIO(tiles.read(name))) as tile:
                assert max(tile.size) <= 260 and json.loads(tile.info["settings"])["asked"]["y"] == "sampler=ddim,euler"
        assert len(tiles.namelist()) >= 4
    monkeypatch.setattr(grid_picture, "TILE", 4096)
    one, _ = drawn(service, asked("steps=1,2"))
    with Image.open(service.reading.export(one, "png")) as sheet:
        assert sheet.width > 250


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_export_replaces_a_file_only_when_it_is_whole(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                         ending: str) -> None:
    grid, _ = drawn(service, asked("steps=1", name="=1+1"))
    path = tmp_path / "out" / f"grid.{ending}"
    path.parent.mkdir()
    path.write_text("old")
    with monkeypatch.context() as disk:
        disk.setattr("os.fsync", full_disk)
        with pytest.raises(DiskFull, match="nothing that stood there has changed"):
            service.reading.write(grid, path)
    assert path.read_text() == "old" and os.listdir(path.parent) == [path.name]
    assert service.reading.write(grid, path) == path and path.stat().st_size > 100 and os.listdir(path.parent) == [path.name]


def test_a_table_calculates_nothing_and_keeps_its_numbers(service: Service) -> None:
    service.grids.find(grid := service.grids.start(asked('prompt==HYPERLINK("x") star', "eta=0,0.5", options={"steps": 1})))
    ended(service, grid)
    for excel in (False, True):
        path = service.reading.export(grid, "csv", excel)
        assert path.read_bytes().startswith(b"\xef\xbb\xbf") == excel
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["prompt"], row["column"], float(row["eta"])) for row in rows] == [
            ("'=HYPERLINK(\"x\") star",) * 2 + (0.0,), ("'=HYPERLINK(\"x\") star",) * 2 + (0.5,)]


def test_run_again_and_compare(service: Service) -> None:
    grid, view = drawn(service, asked("steps=2,3", exact=True))
    found = service.reproduction.of(grid)
    assert [cell["verdict"] for cell in found["cells"]] == ["bit-exact"] * 2 and found["then"]["torch"] == found["now"]["torch"]
    image = view["cells"][0]["images"][0]
    path = service.gallery.file(image)
    with Image.open(path) as picture:
        spoilt = picture.point(lambda v: 255 - v)
    spoilt.save(path)
    assert service.reproduction.of(image)["verdict"] == "different"
    tested = service.reproduction.selftest(Ask("diffusion", "a red star", options={"steps": 3}))
    assert tested["worst"]["max"] <= reproduce.TOLERANCE and len(tested["pictures"]) == reproduce.BATCH


def test_bits_per_dimension_where_the_family_defines_them(service: Service) -> None:
    grid, _ = drawn(service, asked("family=flow,dalle,vqvae,gan", options={}))
    flow, dalle, vqvae, gan = (service.reading.bits(grid, i) for i in range(4))
    assert flow["of"] == "pixels" and 0 < flow["bits"][0] < 8 and 0 < flow["errors"][0] < 1
    assert flow["text"].startswith(f"{with_error(flow['bits'][0], flow['errors'][0])} bits per dimension, of the pixels, ± standard error")
    assert dalle["errors"] == vqvae["errors"] == [0.0] and dalle["text"].endswith("of the codes, exact")
    assert dalle["of"] == vqvae["of"] == "codes" and 0 < dalle["bits"][0] < 1 and 0 < vqvae["bits"][0] < 1
    assert "defines no likelihood" in gan["undefined"]


def test_a_budget_in_seconds_is_spent_by_what_calls_take_here(service: Service) -> None:
    pace = service.pace(service.grids._plan(asked("steps=8", family="flow")).requests[0])
    _, view = drawn(service, asked(f"seconds={4.5 * pace:.9f},{12.5 * pace:.9f}", "family=flow,gan"))
    few, more, once, again = view["cells"]
    assert (few["nfe"], more["nfe"]) == (4, 12) and (once["nfe"], again["nfe"]) == (1, 1) and "whatever the budget" in once["note"]


def test_charts_follow_the_axes(service: Service) -> None:
    grid, _ = drawn(service, asked("steps=1,2,3", "sampler=ddim,heun", "seed=1,2"))
    chart = service.reading.chart(grid, "accuracy")
    assert [line["name"] for line in chart["series"]] == ["DDIM", "Heun"] and chart["series"][0]["xs"] == (1, 2, 3)
    assert chart["series"][0]["counts"] == (2, 2, 2) and any("seeds" in sentence for sentence in chart["verdict"])
    assert service.reading.chart(grid, "error")["series"] == () and service.reading.chart(grid, "time")["front"]
    with pytest.raises(UserError, match="this grid has 2 at most"):
        service.reading.frechet(grid)
    with pytest.raises(BadInput, match="A chart shows"):
        service.reading.chart(grid, "weather")


CHILD = """
import os, signal, sys, threading
from pathlib import Path
from app.paths import Paths
from app.service import Service
from app.views import Ask, GridAsk
from storage import Storage
save, saved = Storage.save_image, []
def killed(*given, **named):
    if len(saved) == 4:
        print("four are saved", flush=True)
        sys.stdin.readline()
        os.kill(os.getpid(), signal.SIGKILL)
    saved.append(record := save(*given, **named))
    return record
Storage.save_image = killed
service = Service(Paths(Path(sys.argv[1])))
ask = Ask("diffusion", "a red star", count=1, guidance_scale=1, seed=3)
print(service.grids.start(GridAsk(ask, "steps=2-4(+1)", "sampler=ddim,euler_a,heun", distance=False, exact=True)), flush=True)
threading.Event().wait()
"""


def test_killed_in_the_middle_and_resumed_it_is_the_uninterrupted_grid(tmp_path: Path) -> None:
    service = Service(Paths(tmp_path / "killed"))                             # a server that runs all the while
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "killed")], cwd=ROOT, text=True,
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdin is not None and child.stdout is not None
        grid = child.stdout.readline().strip()
        assert child.stdout.readline() == "four are saved\n" and service.grids.view(grid)["status"] == "running"
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.wait(240) == -signal.SIGKILL
    view = service.grids.view(grid)
    assert service.grids.list()["items"][0]["status"] == "interrupted" and view["status"] == "interrupted" and view["done"] == 4
    kept = {cell["i"]: cell["images"] for cell in view["cells"] if cell["status"] == "done"}
    service.grids.resume(grid)
    view = ended(service, grid)
    assert view["done"] == 9 and all(tuple(view["cells"][i]["images"]) == tuple(images) for i, images in kept.items())
    assert all(len(cell["images"]) == 1 for cell in view["cells"])
    whole = Service(Paths(tmp_path / "whole"))
    other, _ = drawn(whole, asked("steps=2-4(+1)", "sampler=ddim,euler_a,heun", exact=True))
    assert pixels(service, grid) == pixels(whole, other)
    assert service.gallery.page().total == 9
    service.close()
    whole.close()


def compared(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any], str]:
    """What `compare` exits with, prints as JSON, and says."""
    code = main(["compare", *arguments, "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


GRID = ("diffusion", "--prompt", "a red star", "--x", "steps=1,2,3", "--guidance-scale", "1", "--no-distance")


@pytest.mark.parametrize(("place", "fault", "says", "hint", "cells"), [
    ("app.service.Service.submit", odd, "2 of 3 cells failed", "--retry", ["done", "failed", "failed"]),
    ("storage.files.write", full_disk, "disk is full", "", ["done", "stopped", "stopped"])])
def test_a_command_fails_as_soon_as_a_cell_did_and_goes_on_with_resume(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, fault: Any, says: str, hint: str,
        cells: list[str]) -> None:
    monkeypatch.setattr("app.grid_runner.WINDOW_ROWS", 1)
    data, out = ("--data", str(tmp_path / "data")), tmp_path / "grid.csv"
    with monkeypatch.context() as broken:
        module, _, name = place.rpartition(".")
        owner = pkgutil.resolve_name(module)
        broken.setattr(owner, name, after(1, getattr(owner, name), fault))
        code, result, said = compared(capsys, *GRID, *data)
    assert (code, result["complete"], [cell["status"] for cell in result["cells"]]) == (1, False, cells)
    assert says in said and f"--resume {result['grid_id']} {hint}".rstrip() + "\n" in said and "Traceback" not in said
    code, again, said = compared(capsys, "--resume", result["grid_id"], *([hint] if hint else []), *data, "--export", str(out))
    assert (code, again["complete"], again["status"], again["files"], said) == (0, True, "done", [str(out)], "")
    assert again["cells"][0]["images"] == result["cells"][0]["images"]


def test_a_command_of_which_every_cell_failed_prints_its_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Service, "submit", odd)
    code, result, said = compared(capsys, *GRID, "--data", str(tmp_path))
    assert (code, result["complete"], result["status"]) == (1, False, "failed") and "3 of 3 cells failed" in said
    assert {cell["error"] for cell in result["cells"]} == {"The disk is on fire; put it out."}


def test_each_sampler_is_measured_from_its_own_limit(service: Service, tmp_path: Path) -> None:
    made = asked("steps=5,20", "sampler=ode_heun,ancestral,predictor_corrector", family="sde", distance=True)
    check = service.grids.check(made)
    assert check.references == 2                                               # one of each equation, none for fresh noise
    grid, _ = drawn(service, made)
    table = service.reading.table(grid)
    ode, sde = "ODE (ODE · Heun, 100 steps)", "SDE (Ancestral, 500 steps)"
    assert [cell["distance_to"] for cell in table] == [ode, ode, sde, sde, None, None]
    found = [cell["distance"] for cell in table]
    assert found[0] > found[1] and found[2] > found[3] and found[4:] == [None, None]
    live = service.grids.find(grid)
    says = [grid_picture.caption(live, i) for i in (0, 2, 4)]
    assert f"d(ODE) {found[0]:.3f}" in says[0] and f"d(SDE) {found[2]:.3f}" in says[1] and "d(" not in says[2]
    chart = service.reading.chart(grid, "time")
    assert chart["front"] == () and [line["legend"].split(" · ")[-1] for line in chart["series"]] == ["ODE", "SDE"]
    assert chart["verdict"][-1] == "No distance was measured for Predictor–corrector."


def test_distances_of_the_time_of_other_means_are_read(service: Service) -> None:
    """A cell's was the root mean square of its pictures', a snapshot's their plain mean; a mean that nothing tells anew is left out."""
    grid, _ = drawn(service, asked("steps=1,2", "sampler=ddim", count=2, distance=True, snapshots=True))
    live, shot = service.grids.find(grid), {"step": 1, "of": 2, "distance": 0.5}
    for i, errors in enumerate(([0.1, 0.4], None)):
        kept = {"distance_to": "ODE (Heun, 100 steps)", "ssim": 0.5, "errors": errors, "snapshot": shot}
        service.grids.keeper.save_cell(live, i, live.changed(i, distance=0.29, metrics=kept))
    known, lost = cells_of(service.grids.record(grid))
    assert known.distance == geometric_mean([0.1, 0.4]) == pytest.approx(0.2, abs=0.001) and known.metrics["snapshot"]["distance"] is None
    assert lost.distance is None and "distance_to" not in lost.metrics
    assert lost.metrics["note"] == "of its distance another mean was kept; draw it again to measure it"


def test_old_distances_are_said_where_they_were_right(service: Service) -> None:
    """All distances were to the end of the ODE once."""
    grid, _ = drawn(service, asked("steps=2", "sampler=ode_heun,ancestral", family="sde"))
    live = service.grids.find(grid)
    for i in (0, 1):
        service.grids.keeper.save_cell(live, i, live.changed(i, distance=0.3, metrics={"errors": [0.3], "ssim": 0.5, "note": "kept"}))
    stored = service.grids.record(grid)
    right, wrong = cells_of(stored)
    assert (right.distance, right.metrics["distance_to"], right.metrics["note"]) == (0.3, "ODE", "kept")
    assert wrong.distance is None and not {"errors", "ssim", "distance_to"} & set(wrong.metrics)
    assert wrong.metrics["note"] == "kept; its distance was to a run that it does not converge to; draw it again to measure it"
