"""Axes, plan, run, measures, charts, export, routes and command line of a comparison, by an artist who draws squares."""
from __future__ import annotations

import csv
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from app.cli import main
from app.errors import UserError
from app.paths import Paths
from app.service import Service
from pipelines.request import Request
from storage.database import NAME
from tests.app.fake import FakeArtist, squares, without_networks
from tests.app.grids.comparing import asked, drawn, ended
from tests.app.served import served

ROOT = Path(__file__).parents[3]
MADE = ("steps=5,10,20,40", "sampler=ddim,heun", "seed=1,2,3")
WHOLE = f"""
import sys, tempfile; from pathlib import Path
import pytest
from storage.database import NAME
from tests.app.fake import without_networks
without_networks(pytest.MonkeyPatch())
from app.paths import Paths; from app.service import Service
from tests.app.grids.comparing import asked, drawn
service = Service(Paths(Path(tempfile.mkdtemp())))
grid, view = drawn(service, asked(*{MADE!r}, distance=True))
service.reading.chart(grid, "error"), service.reading.export(grid, "html")
service.close()
print(view["status"], "torch" in sys.modules)
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    without_networks(monkeypatch)
    made = Service(Paths(tmp_path))
    yield made
    made.close()


def test_no_network_is_needed_nor_torch() -> None:
    said = subprocess.run([sys.executable, "-c", WHOLE], cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["done", "False"], said.stdout + said.stderr


def test_every_cell_has_the_pictures_of_its_request(service: Service) -> None:
    grid, view = drawn(service, asked(*MADE, count=2))
    assert view["status"] == "done" and len(view["cells"]) == 4 * 2 * 3
    live = service.grids.find(grid)
    for cell in live.cells:
        kept = [service.grids.store.pixels(image) for image in cell.images]
        expected = squares(Request.from_dict(cell.settings))
        assert len(kept) == 2 and all((a == b).all() for a, b in zip(kept, expected, strict=True))
        assert cell.nfe == Request.from_dict(cell.settings).nfe


def test_distances_fall_and_the_chart_has_a_line_for_each_sampler(service: Service) -> None:
    grid, _ = drawn(service, asked(*MADE, distance=True))
    rows = [row for row in service.reading.table(grid) if row["sampler"] == "ddim"]
    by_steps = {steps: [row["distance"] for row in rows if row["steps"] == steps] for steps in (5, 40)}
    assert max(by_steps[40]) < min(by_steps[5]) and all(row["distance_to"] for row in rows)
    chart = service.reading.chart(grid, "error")
    assert {line["name"]: line["nfe"] for line in chart["series"]} == {"DDIM": (5, 10, 20, 40), "Heun": (9, 19, 39, 79)}
    assert all(line["counts"] == (3, 3, 3, 3) for line in chart["series"])


def test_a_cell_that_fails_leaves_the_others_and_is_tried_again(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeArtist, "problem", staticmethod(lambda request: "No paint." if request.options.steps == 10 else None))
    grid, view = drawn(service, asked("steps=5,10,20"))
    assert [cell["status"] for cell in view["cells"]] == ["done", "failed", "done"]
    assert service.grids.find(grid).cells[1].error == "No paint."
    monkeypatch.undo()
    without_networks(monkeypatch)
    before = service.grids.images(grid)
    service.grids._live[grid].settled.wait(60)
    service.grids.resume(grid, retry=True)
    assert ended(service, grid)["status"] == "done" and before.items() <= service.grids.images(grid).items()


def test_cells_that_a_run_left_before_they_were_measured_are_measured_by_the_next(service: Service) -> None:
    grid, _ = drawn(service, asked(*MADE, distance=True))
    before = [row["distance"] for row in service.reading.table(grid)]
    assert service.grids._live.pop(grid).settled.wait(60)
    with closing(sqlite3.connect(service.paths.data / NAME)) as database, database:           # as a run that was killed leaves it
        database.execute("UPDATE cells SET distance = NULL, metrics = json_remove(metrics, '$.errors', '$.ssim') WHERE row = 0")
    service.grids.resume(grid)
    ended(service, grid)
    assert [row["distance"] for row in service.reading.table(grid)] == before


@pytest.mark.parametrize("gone", ["the reference solution", "the sampler of the cell"])
def test_what_can_not_be_measured_any_more_holds_up_nothing(service: Service, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    grid, _ = drawn(service, asked("steps=5,10", distance=True))
    assert service.grids._live.pop(grid).settled.wait(60)
    with closing(sqlite3.connect(service.paths.data / NAME)) as database, database:
        database.execute("UPDATE cells SET distance = NULL, metrics = json_remove(metrics, '$.errors', '$.ssim') WHERE column = 0")
        database.execute("UPDATE cells SET status = 'waiting' WHERE column = 1")
        if gone == "the sampler of the cell":
            database.execute("UPDATE cells SET settings = json_set(settings, '$.sampler', 'gone') WHERE column = 0")
    submit = FakeArtist.submit

    def refused(self: FakeArtist, request: Request, *given: Any, **more: Any) -> Any:
        if request.options.steps == 100:                                                   # which all distances are measured from
            raise UserError("It is not here.")
        return submit(self, request, *given, **more)

    if gone == "the reference solution":
        monkeypatch.setattr(FakeArtist, "submit", refused)
        with closing(sqlite3.connect(service.paths.data / NAME)) as database, database:
            database.execute("UPDATE cells SET status = 'done' WHERE column = 1")
    service.grids.resume(grid)
    view = ended(service, grid)
    assert view["status"] == "done" and [cell["status"] for cell in view["cells"]] == ["done", "done"]
    first = service.grids.find(grid).cells[0]
    assert first.distance is None and (gone != "the reference solution" or "It is not here." in first.metrics["note"])


def test_what_is_taken_away_says_the_same_in_every_form(service: Service, tmp_path: Path) -> None:
    grid, _ = drawn(service, asked(*MADE, distance=True))
    rows = service.reading.table(grid)
    files = {ending: service.reading.write(grid, tmp_path / f"grid.{ending}") for ending in ("csv", "json", "html", "png")}
    with files["csv"].open(encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    found = json.loads(files["json"].read_text(encoding="utf-8"))
    assert len(lines) == len(found["cells"]) == len(rows) == 24
    for line, cell, row in zip(lines, found["cells"], rows, strict=True):
        assert int(line["nfe"]) == cell["nfe"] == row["nfe"]
        assert float(line["distance"]) == pytest.approx(row["distance"]) == cell["distance"]
    assert files["html"].read_text(encoding="utf-8").count("<img") == 24
    with ZipFile(files["png"]) as tiles:                                                # one for each layer
        assert len(tiles.namelist()) == 3


def test_routes_and_command_line_show_the_same_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    without_networks(monkeypatch)
    arguments = ["compare", "diffusion", "--prompt", "a red star", "--x", MADE[0], "--y", MADE[1], "--count", "1", "--seed", "3"]
    assert main([*arguments, "--data", str(tmp_path), "--json"]) == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    with served(tmp_path) as client:
        view = client.get(f"/api/grid/{said['grid_id']}").json()
    assert view["status"] == "done" and [cell["nfe"] for cell in view["cells"]] == [cell["nfe"] for cell in said["cells"]]
    assert all(Path(path).is_file() for cell in said["cells"] for path in cell["paths"])
