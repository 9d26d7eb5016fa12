"""A damaged database is kept, put back and told; no picture and no comparison goes with it."""
from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from storage import Filters, Storage, StorageError
from storage.database import NAME
from tests.storage.conftest import Make
from tests.storage.damage import flip


@pytest.fixture
def made(tmp_path: Path, picture: Make) -> tuple[Path, list[str], str]:
    """A closed data folder: (folder, its pictures, a grid of theirs); the backup of the day is older than all of them."""
    folder = tmp_path / "data"
    opened = Storage(folder)
    job = opened.start_job("compare", "diffusion", {})
    grid = opened.start_grid(job, rows=["a"], columns=["1", "2"], layers=[""], settings={"x": "steps=1,2", "count": 2}, name="the day's")
    cells = opened.lay_out(grid, {}, [(0, 0, k, {"status": "waiting", "settings": {"steps": k}}) for k in range(2)], note="why")
    ids = [opened.save_image(*picture(seed=k, cell_id=cells[k // 2], job_id=job)).id for k in range(3)]
    ids += [opened.save_image(*picture(seed=k, prompt="a picture with a longer prompt " * 5)).id for k in range(20)]
    opened.close()
    return folder, ids, grid


def execute(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / NAME)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_a_database_cut_to_half_is_told_and_brings_back_pictures_and_grids(made: tuple[Path, list[str], str]) -> None:
    folder, ids, grid = made
    data = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(data[:len(data) // 2])
    opened = Storage(folder)
    assert (folder / NAME).exists() and next(folder.glob("*.corrupt-*")).read_bytes() == data[:len(data) // 2]
    told = " ".join(opened.notices())
    assert "was damaged" in told and "23 pictures" in told and "1 comparison" in told
    assert {record.id for record in opened.page(Filters(), limit=200).items} == set(ids)
    record = opened.grid(grid)
    assert (record.name, record.note, record.columns, record.settings["x"]) == ("the day's", "why", ["1", "2"], "steps=1,2")
    assert [cell.image_ids for cell in record.cells] == [tuple(ids[:2]), tuple(ids[2:3])]
    assert [cell.status for cell in record.cells] == ["done", "stopped"] and record.status == "stopped"       # one lacks a picture
    assert record.cells[0].nfe == 40 and record.cells[0].settings == {"steps": 0}
    opened.close()
    again = Storage(folder)
    assert not again.notices() and again.grid(grid).cells == record.cells
    again.close()


def test_pictures_that_come_back_of_one_second_have_the_order_of_their_seeds(tmp_path: Path, picture: Make) -> None:
    """As files have whole seconds that were copied by an archive."""
    opened = Storage(tmp_path)
    job = opened.start_job("compare", "diffusion", {})
    grid = opened.start_grid(job, rows=["a"], columns=["1"], layers=[""], settings={"count": 9})
    (cell,) = opened.lay_out(grid, {}, [(0, 0, 0, {"status": "running", "settings": {"steps": 1}})])
    ids = [opened.save_image(*picture(seed=seed, cell_id=cell, job_id=job)).id for seed in range(3, 12)]
    opened.close()
    for path in opened.images.rglob("*.png"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    (tmp_path / NAME).unlink()
    again = Storage(tmp_path)
    assert [found.image_ids for found in again.grid(grid).cells] == [tuple(ids)]
    assert [summary.image_ids for summary in again.grids().items] == [tuple(ids[:6])]
    again.close()


@pytest.mark.parametrize(("statements", "said"), [
    (["drop table cells"], "its table cells is missing"), (["drop table images"], "its table images is missing"),
    (["alter table images drop column seconds"], "the column seconds of its table images is missing"),
    (["delete from alembic_version"], "its version is missing"), (["drop table alembic_version"], "its version is missing"),
    (["pragma foreign_keys = off", "create table new as select * from cells", "drop table cells", "alter table new rename to cells"],
     "a link of its table cells is missing")])
def test_what_a_database_lacks_is_named_and_mended(made: tuple[Path, list[str], str], statements: list[str], said: str) -> None:
    folder, ids, grid = made
    execute(folder, *statements)
    opened = Storage(folder)
    assert said in opened.notices()[0] and "is kept as" in opened.notices()[0]
    assert opened.page(Filters(), limit=200).total == len(ids) and len(opened.grid(grid).cells[0].image_ids) == 2
    opened.close()


@pytest.mark.parametrize("wreck", [lambda path: path.write_bytes(b""), lambda path: path.unlink(),
                                   lambda path: (path.unlink(), path.mkdir())], ids=["empty", "gone", "a folder"])
@pytest.mark.parametrize("backups", [True, False])
def test_an_empty_or_lost_database_is_no_new_one(made: tuple[Path, list[str], str], wreck: Callable[[Path], Any], backups: bool) -> None:
    folder, ids, grid = made
    wreck(folder / NAME)
    if not backups:
        shutil.rmtree(folder / "backups")
    opened = Storage(folder)
    assert opened.notices() and opened.page(Filters(), limit=200).total == len(ids) and opened.grid(grid).name == "the day's"
    opened.close()


def test_a_new_folder_has_nothing_to_tell(tmp_path: Path) -> None:
    opened = Storage(tmp_path)
    assert not opened.notices()
    opened.close()


def test_backups_that_are_damaged_themselves_are_passed_over(made: tuple[Path, list[str], str]) -> None:
    folder, ids, _ = made
    good = next((folder / "backups").glob("*.sqlite3"))
    for name, data in (("playground-99999999999999999998.sqlite3", b""), ("playground-99999999999999999999.sqlite3", b"none")):
        (folder / "backups" / name).write_bytes(data)
    (folder / NAME).write_bytes(b"no database")
    opened = Storage(folder)
    assert "the backup of" in opened.notices()[0] and good.exists() and opened.page(Filters(), limit=200).total == len(ids)
    opened.close()


def test_damage_is_told_to_whoever_comes_second_and_nothing_is_exchanged_under_the_first(made: tuple[Path, list[str], str]) -> None:
    folder, _, _ = made
    first = Storage(folder)
    execute(folder, "delete from alembic_version")
    with pytest.raises(StorageError, match="close the other programs"):
        Storage(folder)
    assert not list(folder.glob("*.corrupt-*"))
    first.close()


def use(folder: Path, picture: Make, grid: str) -> set[str]:
    """All that a person does with a data folder; what goes wrong is at most a sentence. The pictures that are listed."""
    opened = Storage(folder)
    job = partial(opened.start_job, "compare", "diffusion", {})
    try:
        listed = {record.id for record in opened.page(Filters(), limit=200).items} | \
            {record.id for record in opened.page(Filters(bin=True), limit=200).items}
        steps: list[Callable[[], Any]] = [
            lambda: opened.grids(), lambda: opened.grids(bin=True), lambda: opened.grid(grid), opened.facets, opened.check,
            lambda: opened.page(Filters(text="longer prompt")), lambda: opened.page(Filters(grid_id=grid)),
            lambda: opened.save_image(*picture()), lambda: opened.start_grid(job(), rows=[], columns=[], layers=[], settings={})]
        steps += [lambda name=name: opened.image(name) for name in sorted(listed)]
        for step in steps:
            try:
                step()
            except StorageError as error:
                assert str(error)
        for sentence in opened.notices():
            assert sentence
        return listed
    finally:
        opened.close()


@pytest.mark.slow
@pytest.mark.parametrize("many", [10, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(7200)])])
def test_flipped_bits_lose_no_picture(made: tuple[Path, list[str], str], picture: Make, tmp_path: Path, many: int) -> None:
    """Whatever the bits hit, the folder opens, and all pictures are listed after at most one more start."""
    folder, ids, grid = made
    shutil.rmtree(folder / "backups")
    healed = 0
    for seed in range(many):
        copy = tmp_path / f"copy{seed}"
        shutil.copytree(folder, copy)
        flip(copy / NAME, seed)
        listed = use(copy, picture, grid)
        if not set(ids) <= listed:
            listed = use(copy, picture, grid)
        assert set(ids) <= listed, seed
        healed += bool(list(copy.glob("*.corrupt-*")))
        shutil.rmtree(copy)
    assert healed
