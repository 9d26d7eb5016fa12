"""Reading grids: what is equal is said, what was measured is kept, what is exported is complete."""
from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.drawing.ask import Ask
from app.errors import BadInput, UserError, sentences
from app.gallery import reproduce
from app.grids import picture as grid_picture
from app.grids.ask import ENDINGS
from app.grids.distances import geometric_mean
from app.grids.records import cells_of
from app.inspect import picture as own_picture
from app.paths import Paths
from app.service import Service
from app.uncertain import with_error
from pipelines.diffusion import limits as diffusion
from pipelines.sde import sampler as sde
from tests.app.grids.comparing import asked, drawn, ended, full_disk

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Distances are to runs of fewer steps, of which small models need no more."""
    for limit, steps in ((diffusion.ODE, 20), (sde.ODE, 20), (sde.SDE, 60)):
        monkeypatch.setitem(limit.options, "steps", steps)                    # type: ignore[arg-type]


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
    assert service.grids.view(alone)["terms"] == "Some captions may have been read by an earlier, looser judge; draw those cells again."
    assert not drawn(service, asked("steps=1", "prompt=something | else"))[1]["terms"]


def test_only_what_changed_is_sent_again(service: Service) -> None:
    grid, view = drawn(service, asked("steps=1,2"))
    assert service.grids.view(grid, view["version"]) == {"version": view["version"], "status": "done"}
    assert len(service.grids.view(grid, view["version"] + 5)["cells"]) == 2   # a page from before a restart gets everything
    live = service.grids.find(grid)
    live.change(1, error="x")
    assert [cell["i"] for cell in service.grids.view(grid, view["version"])["cells"]] == [1]


def test_an_axis_without_effect_is_pointed_out_with_its_reason(service: Service) -> None:
    _, view = drawn(service, asked("seed=1,2", family="vqvae", sampler="greedy"))
    assert [cell.get("same_as") for cell in view["cells"]] == [None, "seed 1 (Greedy draws one picture whatever the seed)"]
    _, view = drawn(service, asked("sampler=ddim,dpmpp_2m", "steps=1"))
    assert view["cells"][1]["same_as"].startswith("1 step, DDIM (")
    _, view = drawn(service, asked("eta=0,1", "sampler=ddim,euler", options={"steps": 2}))
    assert [cell["status"] for cell in view["cells"]] == ["done", "done", "empty", "empty"]
    assert view["cells"][2]["reason"] == "Euler has no eta." and view["total"] == 2 and not view["cells"][1].get("same_as")


def test_a_grid_of_earlier_times_is_read_and_goes_on(service: Service) -> None:
    ask = {"family": "diffusion", "model": "shapes-diffusion", "prompt": "a red star", "negative_prompt": "", "guidance_scale": 1.0,
           "seed": 3, "count": 1, "samplers": ["ddim", "heun"], "columns": [1, 2]}
    storage = service.artist.storage
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
        with pytest.raises(sentences()):
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
        with pytest.raises(UserError, match="nothing that stood there has changed"):
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
    grid, view = drawn(service, asked("steps=2,3", batch_invariant=True))
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


def test_bits_per_dimension_where_the_family_defines_them(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an untrained flow, which hardly leads away from its noise: log2(128 sqrt(2 pi e)) is 9.05."""
    monkeypatch.setattr(own_picture, "LIKELIHOOD_TOLERANCE", 1e-2)
    grid, _ = drawn(service, asked("family=flow,dalle,vqvae,gan", options={}))
    flow, dalle, vqvae, gan = (service.reading.bits(grid, i) for i in range(4))
    assert flow["of"] == "pixels" and 7 < flow["bits"][0] < 10 and 0 < flow["errors"][0] < 1
    assert flow["text"].startswith(f"{with_error(flow['bits'][0], flow['errors'][0])} bits per dimension, of the pixels, ± standard error")
    assert dalle["errors"] == vqvae["errors"] == [0.0] and dalle["text"].endswith("of the codes, exact")
    assert dalle["of"] == vqvae["of"] == "codes" and 0 < dalle["bits"][0] < 1 and 0 < vqvae["bits"][0] < 1
    assert "defines no likelihood" in gan["undefined"]


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


def test_each_sampler_is_measured_from_its_own_limit(service: Service) -> None:
    made = asked("steps=3,12", "sampler=ode_heun,ancestral,predictor_corrector", family="sde", distance=True)
    check = service.grids.check(made)
    assert check.references == 2                                               # one of each equation, none for fresh noise
    grid, _ = drawn(service, made)
    table = service.reading.table(grid)
    end, path = "ODE (ODE · Heun, 20 steps)", "SDE (Ancestral, 60 steps)"
    assert [cell["distance_to"] for cell in table] == [end, end, path, path, None, None]
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
        service.grids.store.save_cell(live, i, live.changed(i, distance=0.29, metrics=kept))
    known, lost = cells_of(service.grids.record(grid))
    assert known.distance == geometric_mean([0.1, 0.4]) == pytest.approx(0.2, abs=0.001) and known.metrics["snapshot"]["distance"] is None
    assert lost.distance is None and "distance_to" not in lost.metrics
    assert lost.metrics["note"] == "of its distance another mean was kept; draw it again to measure it"


def test_old_distances_are_said_where_they_were_right(service: Service) -> None:
    """All distances were to the end of the ODE once."""
    grid, _ = drawn(service, asked("steps=2", "sampler=ode_heun,ancestral", family="sde"))
    live = service.grids.find(grid)
    for i in (0, 1):
        service.grids.store.save_cell(live, i, live.changed(i, distance=0.3, metrics={"errors": [0.3], "ssim": 0.5, "note": "kept"}))
    stored = service.grids.record(grid)
    right, wrong = cells_of(stored)
    assert (right.distance, right.metrics["distance_to"], right.metrics["note"]) == (0.3, "ODE", "kept")
    assert wrong.distance is None and not {"errors", "ssim", "distance_to"} & set(wrong.metrics)
    assert wrong.metrics["note"] == "kept; its distance was to a run that it does not converge to; draw it again to measure it"
