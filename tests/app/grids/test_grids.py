"""Drawing grids: cells are saved as they finish, what is missing is drawn later, however a run ended."""
from __future__ import annotations

import json
import pkgutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.drawing import jobs
from app.drawing.artist import Artist
from app.drawing.jobs import RUNNING
from app.errors import BadInput, UserError, sentences
from app.paths import Paths
from app.service import Service
from storage import StorageError
from storage.database import NAME
from tests.app.grids.comparing import asked, drawn, ended, full_disk
from tests.waiting import until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


def pixels(service: Service, grid: str) -> list[bytes]:
    return [service.grids.store.pixels(image).tobytes() for images in service.grids.images(grid).values() for image in images]


def test_stopping_keeps_what_is_done_and_resuming_draws_the_rest(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    made, keep, done = asked("steps=2,12", "seed=1,2", batch_invariant=True), service.grids.store.save_cell, []

    def stopping(live: Any, i: int, cell: Any) -> None:
        """Stop in the moment that the second cell is kept."""
        keep(live, i, cell)
        done.extend([i] * (cell.status == "done"))
        if len(done) == 2:
            service.grids.stop(live.id)

    monkeypatch.setattr(service.grids.store, "save_cell", stopping)
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
    monkeypatch.setattr("app.grids.run.WINDOW_ROWS", 1)
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
    submit = service.artist.submit

    def broken(request: Any, *rest: Any, **more: Any) -> Any:
        if request.options.steps == 2:
            raise UserError("The disk is on fire; put it out.")
        return submit(request, *rest, **more)

    monkeypatch.setattr(service.artist, "submit", broken)
    grid, view = drawn(service, asked("steps=1,2,3"))
    assert [cell["status"] for cell in view["cells"]] == ["done", "failed", "done"] and "fire" in view["cells"][1]["error"]
    assert view["status"] == "done" and "1 of 3 cells failed" in view["error"]
    monkeypatch.setattr(service.artist, "submit", submit)
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
    "some cells failed": (("app.drawing.artist.Artist.submit", odd), "done", ["done", "failed", "failed"]),
    "pictures cannot be saved": (("app.drawing.artist.Artist.save", odd), "done", ["done", "failed", "failed"]),
    "disk full": (("storage.files.write", full_disk), "stopped", ["done", "stopped", "stopped"]),
    "cells cannot be saved": (("storage.store.Storage.save_cell", refused), "stopped", ["done", "stopped", "stopped"]),
    "a crash": (("app.grids.run.GridRun._done", crash), "failed", ["done", "stopped", "stopped"]),
}


@pytest.mark.parametrize("way", ENDS)
def test_a_grid_ends_as_its_cells_did_and_goes_on(service: Service, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    monkeypatch.setattr("app.grids.run.WINDOW_ROWS", 1)                     # one cell after the other
    broken, status, cells = ENDS[way]
    with monkeypatch.context() as fault:
        if broken is not None:
            module, _, name = broken[0].rpartition(".")
            place = pkgutil.resolve_name(module)
            fault.setattr(place, name, after(1, getattr(place, name), broken[1]))
        begun: list[int] = []
        submit = service.artist.submit
        fault.setattr(service.artist, "submit", lambda *given: begun.append(1) or submit(*given))        # type: ignore[func-returns-value]
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
    monkeypatch.setattr("app.grids.run.WINDOW_ROWS", 1)
    with monkeypatch.context() as fault:
        save = service.artist.save

        def last(*given: Any) -> Any:
            found = save(*given)
            fault.setattr(service.artist.storage, "_write", refused)
            return found
        fault.setattr(service.artist, "save", last)
        grid, view = drawn(service, asked("steps=1,2,3"))
        assert "Traceback" not in caplog.text                                 # which a command would print
        assert stored(service, grid)[0] == "running" and view["status"] == "stopped" and "locked" in view["error"]
        assert [cell["status"] for cell in view["cells"]] == ["stopped"] * 3
        assert [g["status"] for g in service.grids.list()["items"]] == ["interrupted"]
    service.grids.resume(grid)
    assert ended(service, grid)["done"] == 3 and stored(service, grid) == ("done", ["done"] * 3)


def test_closing_leaves_no_cell_that_waits_or_runs(small: Path, tmp_path: Path) -> None:
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
        with pytest.raises(sentences(), match="by another process of this data folder"):
            refused_now(grid)
    other.close()
    assert service.grids.view(grid)["status"] == "stopped"
    service.grids.delete(grid)


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


def test_a_budget_in_seconds_is_spent_by_what_calls_take_here(service: Service) -> None:
    pace = service.artist.pace(service.grids._plan(asked("steps=8", family="flow")).requests[0])
    _, view = drawn(service, asked(f"seconds={4.5 * pace:.9f},{12.5 * pace:.9f}", "family=flow,gan"))
    few, more, once, again = view["cells"]
    assert (few["nfe"], more["nfe"]) == (4, 12) and (once["nfe"], again["nfe"]) == (1, 1) and "whatever the budget" in once["note"]


CHILD = """
import os, signal, sys, threading
from pathlib import Path
from app.paths import Paths
from app.service import Service
from app.drawing.ask import Ask
from app.grids.ask import GridAsk
from storage import Storage
from weights import catalog
catalog.BUNDLED = Path(sys.argv[2])
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
print(service.grids.start(GridAsk(ask, "steps=1-3(+1)", "sampler=ddim,euler_a,heun", distance=False, batch_invariant=True)), flush=True)
threading.Event().wait()
"""


def test_killed_in_the_middle_and_resumed_it_is_the_uninterrupted_grid(small: Path, tmp_path: Path) -> None:
    service = Service(Paths(tmp_path / "killed"))                             # a server that runs all the while
    with subprocess.Popen([sys.executable, "-c", CHILD, str(tmp_path / "killed"), str(small)], cwd=ROOT, text=True,
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
    other, _ = drawn(whole, asked("steps=1-3(+1)", "sampler=ddim,euler_a,heun", batch_invariant=True))
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
    ("app.drawing.artist.Artist.submit", odd, "2 of 3 cells failed", "--retry", ["done", "failed", "failed"]),
    ("storage.files.write", full_disk, "disk is full", "", ["done", "stopped", "stopped"])])
def test_a_command_fails_as_soon_as_a_cell_did_and_goes_on_with_resume(
        small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, fault: Any,
        says: str, hint: str, cells: list[str]) -> None:
    monkeypatch.setattr("app.grids.run.WINDOW_ROWS", 1)
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


def test_a_command_of_which_every_cell_failed_prints_its_result(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(Artist, "submit", odd)
    code, result, said = compared(capsys, *GRID, "--data", str(tmp_path))
    assert (code, result["complete"], result["status"]) == (1, False, "failed") and "3 of 3 cells failed" in said
    assert {cell["error"] for cell in result["cells"]} == {"The disk is on fire; put it out."}


