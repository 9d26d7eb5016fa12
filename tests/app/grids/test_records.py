"""What is said of a stored grid."""
from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict

import pytest

from app.drawing.ask import Ask
from app.grids.ask import GridAsk
from app.grids.records import asked_of, made_from, upgraded
from app.service import Service
from storage import GridRecord
from storage.database import NAME
from tests.app.grids.comparing import asked, drawn, ended

ASK = Ask("flow", "a red star", model="shapes-flow", sampler="euler", options={"steps": 9}, guidance_scale=3, seed=7)


@pytest.mark.parametrize(("asked", "said"), (
    (GridAsk(ASK, "seed=1-3(+1)"), "Flow · shapes-flow · “a red star” · Euler · guidance 3 · steps 9"),
    (GridAsk(ASK, "steps=2,4", "sampler=all", "prompt=a|b"), "Flow · shapes-flow · guidance 3 · seed 7"),
    (GridAsk(ASK, "nfe=4,8", "family=all"), "“a red star” · Flow: guidance 3 · seed 7 · Flow: steps 9"),
    (GridAsk(Ask("gone", "", sampler="odd"), "seed=1,2"), "gone · odd"),
))
def test_a_grid_says_what_it_was_made_with_besides_its_axes(asked: GridAsk, said: str) -> None:
    assert made_from(asked) == said


def test_what_was_asked_is_read_under_the_names_that_it_had() -> None:
    asked, axis = asdict(GridAsk(ASK, "seed=1,2", batch_invariant=True)), {"name": "", "title": "", "labels": [""]}
    asked["exact"] = asked.pop("batch_invariant")
    asked["ask"]["guidance"] = asked["ask"].pop("guidance_scale")
    record = GridRecord("a" * 32, "b" * 32, "", "", "done", [], [], [], {
        "asked": asked, "axes": dict.fromkeys("xyz", axis), "distance": True, "count": 1}, False, (), 0)
    found = asked_of(upgraded(record).settings)
    assert found == GridAsk(ASK, "seed=1,2", batch_invariant=True)


def test_a_grid_drawn_before_an_option_was_there_grows_and_keeps_its_cells(service: Service) -> None:
    """What a cell is follows from its request, in which an option that was not known has its default; not from how it was written."""
    grid, _ = drawn(service, asked("steps=1,2", "sampler=ddim"))
    for cell in service.grids.record(grid).cells:
        old = {name: value for name, value in cell.settings.items() if name not in ("version", "adapter", "width", "height")}
        old["options"] = {"steps": cell.settings["options"]["steps"]}                      # as if there had been no others
        with closing(sqlite3.connect(service.paths.data / NAME)) as database, database:
            database.execute("UPDATE cells SET settings = ? WHERE id = ?", (json.dumps(old), cell.id))
    first = service.grids.images(grid)
    assert service.grids._live.pop(grid).settled.wait(60)                                # as after a new start
    assert service.grids.extend(grid, asked("steps=1,2,3", "sampler=ddim")) == grid
    ended(service, grid)
    later = service.grids.images(grid)
    assert {later[0], later[1]} == set(first.values()) and len(later) == 3
