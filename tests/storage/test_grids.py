"""Comparisons are kept whole: moved, found, put away and brought back with exactly what was theirs."""
from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, event

from storage import Cursor, Filters, Storage, StorageError
from storage.database import HEAD, NAME, REVISIONS
from storage.migrate import upgrade
from storage.records import columns_of
from storage.tables import Base
from tests.storage.conftest import Make

ROOT = Path(__file__).parents[2]


@pytest.fixture
def start(storage: Storage) -> Callable[..., str]:
    def start(**values: Any) -> str:
        plain: dict[str, Any] = {"rows": ["a", "b"], "columns": ["1", "2"], "layers": ["", "z"], "settings": {"x": "steps=1,2"}}
        return storage.start_grid(storage.start_job("compare", "diffusion", {}), **plain | values)
    return start


def sql(storage: Storage, statement: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(storage.folder / NAME)) as database, database:
        return database.execute(statement, values).fetchall()


def places(storage: Storage, grid: str) -> dict[str, tuple[int, int, int]]:
    return {cell.id: (cell.layer, cell.row, cell.column) for cell in storage.grid(grid).cells}


def test_cells_come_back_in_reading_order_with_all_that_was_measured(storage: Storage, start: Callable[..., str], picture: Make) -> None:
    grid = start(name="n")
    late = storage.save_cell(grid, 1, 0, 0, status="empty", settings={}, reason="DDIM has no temperature.")
    first = storage.save_cell(grid, 0, 0, 1, status="waiting", settings={})
    assert storage.grid(grid).cells[0].metrics == {}
    shown, gone, lost = (storage.save_image(*picture(cell_id=first)).id for _ in range(3))
    storage.delete([gone])
    sql(storage, "update images set missing = 1 where id = ?", lost)
    measured = {"status": "done", "settings": {"steps": 2}, "ms_per_call": 4.5, "metrics": {"ssim": 0.9}}
    assert storage.save_cell(grid, 0, 0, 1, **measured) == first
    record = storage.grid(grid)
    assert (record.status, record.note, record.layers, record.deleted) == ("running", "", ["", "z"], False)
    assert [cell.id for cell in record.cells] == [first, late] and record.cells[1].reason == "DDIM has no temperature."
    assert (record.cells[0].ms_per_call, record.cells[0].metrics, record.cells[0].image_ids) == (4.5, {"ssim": 0.9}, (shown,))


def test_many_cells_are_added_at_once_or_none(storage: Storage, start: Callable[..., str]) -> None:
    grid = start()
    ids = storage.lay_out(grid, {}, [(0, row, column, {"status": "waiting", "settings": {}}) for row in range(2) for column in range(2)])
    assert list(places(storage, grid)) == ids
    with pytest.raises(StorageError, match="could not be written"):
        storage.lay_out(grid, {}, [(1, 0, 0, {"status": "waiting", "settings": {}})] * 2)
    assert list(places(storage, grid)) == ids


def test_a_grid_is_changed_and_only_where_it_may_be(storage: Storage, start: Callable[..., str]) -> None:
    grid = start()
    storage.change_grid(grid, name="new", note="why", status="done", rows=["c"], columns=["d"], layers=["e"], settings={"y": ""})
    storage.change_grid(grid)
    record = storage.grid(grid)
    assert (record.name, record.note, record.status) == ("new", "why", "done")
    assert (record.rows, record.columns, record.layers, record.settings) == (["c"], ["d"], ["e"], {"y": ""})
    with pytest.raises(StorageError, match="cannot be changed"):
        storage.change_grid(grid, deleted=1)


def test_what_is_not_there_is_a_sentence(storage: Storage) -> None:
    for call in (storage.grid, storage.change_grid, storage.delete_grid, storage.restore_grid,
                 lambda name: storage.lay_out(name, {})):
        with pytest.raises(StorageError, match="not in the gallery"):
            call("nothing")


def test_cells_change_places_and_those_not_named_leave(storage: Storage, start: Callable[..., str], picture: Make) -> None:
    grid = start()
    a, b, c, d = (storage.save_cell(grid, 0, 0, k, status="done", settings={}) for k in range(4))
    kept, thrown = storage.save_image(*picture(cell_id=a)).id, storage.save_image(*picture(cell_id=d)).id
    storage.snapshots.put(d, b"snapshot")
    moved = {a: (0, 0, 1), b: (0, 0, 0), c: (1, 0, 2)}                         # a and b swap
    storage.lay_out(grid, moved)
    assert places(storage, grid) == moved
    assert not storage.image(kept).deleted and storage.image(thrown).deleted and not storage.snapshots.has(d)
    storage.restore([thrown])
    assert storage.image(thrown).cell_id is None                              # a picture like any other


def test_an_impossible_move_changes_nothing(storage: Storage, start: Callable[..., str]) -> None:
    grid = start()
    a, b = (storage.save_cell(grid, 0, 0, k, status="done", settings={}) for k in range(2))
    before = places(storage, grid)
    for impossible in ({a: (0, 0, 0), b: (0, 0, 0)}, {a: (0, 0, 1), "nothing": (0, 0, 0)}):
        with pytest.raises(StorageError, match="could not be moved"):
            storage.lay_out(grid, impossible)
    assert places(storage, grid) == before


@pytest.mark.slow
def test_two_hundred_grids_of_few_moments_are_paged_without_loss(storage: Storage, start: Callable[..., str]) -> None:
    job = storage.start_job("compare", "diffusion", {})
    rows = [(f"{k:032x}", job, f"grid {k}", "[]", "[]", "{}", 1_000_000 + k // 50) for k in range(200)]
    with closing(sqlite3.connect(storage.folder / NAME)) as database, database:
        database.executemany("""insert into grids (id, job_id, name, "rows", "columns", settings, created)
                                values (?, ?, ?, ?, ?, ?, ?)""", rows)
    seen, cursor = [], None
    while True:
        page = storage.grids(after=cursor, limit=7)
        seen += [grid.id for grid in page.items]
        start()                                                               # newer ones arrive meanwhile
        if page.next is None:
            break
        cursor = Cursor.parse(str(page.next))
    assert seen == [row[0] for row in reversed(rows)] and page.total >= 200


def test_grids_are_found_by_words_of_name_and_note(storage: Storage, start: Callable[..., str]) -> None:
    grid = start(name="100% ÜBER_all")
    storage.change_grid(grid, note="Heun is Better")
    start(name="other")

    def found(text: str) -> list[str]:
        return [item.id for item in storage.grids(text).items]
    assert found("über BETTER") == found("100%") == found("r_a") == [grid]
    assert found("better other") == found("%other") == found("r_b") == []
    for odd in ("\\", "'", '"', "\x00", "é" * 600):
        found(odd)


def test_a_summary_counts_cells_and_shows_the_first_pictures(storage: Storage, start: Callable[..., str], picture: Make) -> None:
    grid = start(rows=["a"], columns=["1"] * 5)
    cells = [storage.save_cell(grid, 0, 0, 4 - k, status="done", settings={}) for k in range(5)]
    images = [storage.save_image(*picture(cell_id=cell)).id for cell in cells for _ in range(2)]
    storage.save_cell(grid, 1, 0, 0, status="failed", settings={}, error="no")
    (item,) = storage.grids().items
    assert (item.rows, item.columns, item.layers, item.counts) == (1, 5, 2, {"done": 5, "failed": 1})
    assert item.image_ids == (*images[8:], *images[6:8], *images[4:6])        # in reading order
    assert item.created.year > 2000 and item.created.tzinfo is not None
    start()
    assert [len(item.image_ids) for item in storage.grids().items] == [0, 6]


def test_a_page_of_many_grids_asks_no_more_than_one_of_few(storage: Storage, start: Callable[..., str]) -> None:
    asked: list[str] = []
    event.listen(storage._engine, "before_cursor_execute", lambda *given: asked.append(given[2]))

    def cost() -> int:
        asked.clear()
        storage.grids()
        return len(asked)
    start()
    few = cost()
    for _ in range(20):
        start()
    assert cost() == few


def test_a_grid_goes_with_its_pictures_and_comes_back_with_exactly_these(storage: Storage, start: Callable[..., str],
                                                                         picture: Make) -> None:
    grid, other = start(), start()
    cell = storage.save_cell(grid, 0, 0, 0, status="done", settings={})
    before, theirs, restored, again = (storage.save_image(*picture(cell_id=cell)).id for _ in range(4))
    foreign = storage.save_image(*picture(cell_id=storage.save_cell(other, 0, 0, 0, status="done", settings={}))).id
    storage.delete([before])
    storage.delete_grid(grid)
    storage.delete_grid(grid)
    storage.restore([restored, again])
    storage.delete([again])                                                   # by itself, later than the grid
    assert [item.id for item in storage.grids(bin=True).items] == [grid] and storage.grid(grid).deleted
    assert [item.id for item in storage.grids().items] == [other] and not storage.image(foreign).deleted
    storage.restore_grid(grid)
    storage.restore_grid(grid)
    assert storage.grids().total == 2 and set(storage.grid(grid).cells[0].image_ids) == {theirs, restored}
    assert storage.image(before).deleted and storage.image(again).deleted


def test_pictures_deleted_at_the_same_moment_stay_deleted(storage: Storage, start: Callable[..., str], picture: Make,
                                                          monkeypatch: pytest.MonkeyPatch) -> None:
    cell = storage.save_cell(grid := start(), 0, 0, 0, status="done", settings={})
    before = storage.save_image(*picture(cell_id=cell)).id
    monkeypatch.setattr("storage.store.now", lambda: 1_000_000)                # a coarse clock
    storage.delete([before])
    storage.delete_grid(grid)
    storage.restore_grid(grid)
    assert storage.image(before).deleted


def test_old_grids_leave_the_bin_for_good(storage: Storage, start: Callable[..., str], picture: Make) -> None:
    grid, kept = start(), start()
    cell = storage.save_cell(grid, 0, 0, 0, status="done", settings={})
    gone, saved = (storage.save_image(*picture(cell_id=cell)).id for _ in range(2))
    path = storage.path(gone)
    storage.snapshots.put(cell, b"snapshot")
    storage.delete_grid(grid)
    storage.restore([saved])                                                  # this one alone is wanted
    assert storage.empty_bin(older_than_days=30) == 0 and storage.grids(bin=True).total == 1
    assert storage.empty_bin(older_than_days=0) == 1 and not path.exists() and not storage.snapshots.has(cell)
    assert storage.grids(bin=True).total == 0 and [item.id for item in storage.grids().items] == [kept]
    assert storage.image(saved).cell_id is None and storage.page(Filters()).total == 1
    assert sql(storage, "select count(*) from cells") == [(0,)]


def statuses(storage: Storage, grid: str) -> tuple[str, list[str]]:
    """Of a grid and its cells, as the database itself has them."""
    return sql(storage, "select status from grids where id = ?", grid)[0][0], [
        row[0] for row in sql(storage, 'select status from cells where grid_id = ? order by layer, "row", "column"', grid)]


def begun(storage: Storage) -> tuple[str, str]:
    """A job and its grid, which are drawn: one cell runs, one waits, one is done, one has failed and one is empty."""
    job = storage.start_job("compare", "diffusion", {})
    grid = storage.start_grid(job, rows=[""], columns=["1"] * 5, layers=[""], settings={})
    cells = enumerate(("running", "waiting", "done", "failed", "empty"))
    storage.lay_out(grid, {}, [(0, 0, k, {"status": status, "settings": {}}) for k, status in cells])
    return job, grid


LEFT = ["stopped", "stopped", "done", "failed", "empty"]


@pytest.mark.parametrize("status", ["done", "stopped", "failed"])
def test_an_ended_grid_has_no_cell_that_waits_or_runs(storage: Storage, status: str) -> None:
    _, grid = begun(storage)
    storage.end_grid(grid, status)
    assert statuses(storage, grid) == (status, LEFT) and not storage.is_drawn(grid)


def test_only_what_ran_is_interrupted_and_only_if_nobody_runs_it(tmp_path: Path) -> None:
    first = Storage(tmp_path)
    (_, grid), (_, done) = begun(first), begun(first)
    first.end_grid(done, "failed")
    second = Storage(tmp_path)
    assert statuses(second, grid) == ("running", ["running", "waiting", *LEFT[2:]])
    assert (second.grid(grid).status, second.grid(grid).cells[0].status) == ("running", "running") and second.is_drawn(grid)
    second.close()
    first.close()
    third = Storage(tmp_path)
    assert statuses(third, grid) == ("interrupted", LEFT) and statuses(third, done) == ("failed", LEFT)
    third.close()


CHILD = """
import sys, time
from pathlib import Path
from storage import Storage
from tests.storage.test_grids import begun
storage = Storage(Path(sys.argv[1]))
print(*begun(storage), flush=True)
time.sleep(600)
"""


def killed(folder: Path) -> tuple[str, str]:
    """A job and a grid whose process was killed while it drew them."""
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    job, grid = child.stdout.readline().split()
    with closing(Storage(folder)) as beside:
        assert beside.is_drawn(grid) and beside.grid(grid).status == "running"
        with pytest.raises(StorageError, match="by another process"), beside.taken(grid):
            raise AssertionError("two processes draw one grid")
    child.kill()
    child.wait()
    child.stdout.close()
    return job, grid


@pytest.mark.slow
def test_a_grid_of_a_killed_process_is_interrupted_for_those_who_run_meanwhile(storage: Storage) -> None:
    job, grid = killed(storage.folder)
    assert (storage.grid(grid).status, [cell.status for cell in storage.grid(grid).cells]) == ("interrupted", LEFT)
    assert storage.grids().items[0].status == "interrupted" and not storage.is_drawn(grid)
    with storage.taken(grid) as record:
        assert record.status == "interrupted"
        with pytest.raises(StorageError, match="by another process"), storage.taken(grid):
            raise AssertionError("it is drawn twice")
    storage.lay_out(grid, {}, status="running")
    assert storage.is_drawn(grid) and storage.grid(grid).status == "running"
    storage.end_grid(grid, "done")
    Storage(storage.folder).close()                                           # another opener writes down what was cut off
    assert sql(storage, "select status from jobs where id = ?", job) == [("interrupted",)]


def test_a_grid_that_could_not_be_begun_is_free(storage: Storage, start: Callable[..., str]) -> None:
    grid = start()
    storage.end_grid(grid, "stopped")
    with pytest.raises(ZeroDivisionError), storage.taken(grid):
        1 / 0                                                                 # noqa: B018
    assert not storage.is_drawn(grid)
    with pytest.raises(StorageError, match="not in the gallery"), storage.taken("../" * 3):
        raise AssertionError("there is no such grid")
    assert sorted(path.name for path in (storage.folder / "running").iterdir()) == [".lock", storage.grid(grid).job_id]


def test_an_end_that_can_not_be_stored_is_an_interruption(storage: Storage, start: Callable[..., str],
                                                           monkeypatch: pytest.MonkeyPatch) -> None:
    grid = start()

    def full(*given: Any) -> None:
        raise StorageError("There is no room.")
    monkeypatch.setattr("storage.grids.end", full)
    with pytest.raises(StorageError, match="no room"):
        storage.end_grid(grid, "done")
    assert storage.grid(grid).status == "interrupted" and storage.grids().items[0].status == "interrupted"


def test_a_run_that_ends_between_two_looks_has_ended(storage: Storage, start: Callable[..., str],
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    grid, alive = start(), storage._running.alive

    def late(name: str) -> bool:
        """The look at the lock, before which the run ends."""
        if storage._running._held:
            storage.end_grid(grid, "done")
            storage._running.close()
        return alive(name)
    monkeypatch.setattr(storage._running, "alive", late)
    assert storage.grid(grid).status == "done"


@pytest.fixture
def old(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database as the first schema had it: of three grids, one is done, one has a failed cell, one a cell that was never begun."""
    engine = create_engine(f"sqlite:///{tmp_path / NAME}")
    with engine.begin() as connection:
        upgrade(connection, "0001")
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / NAME)) as database:
        database.execute("pragma foreign_keys = on")
        database.execute("insert into jobs values ('j', 'compare', 'diffusion', '{}', 'done', null, 1)")
        for grid, statuses in (("whole", ("done", "done")), ("failed", ("done", "failed")), ("partly", ("done",))):
            database.execute("insert into grids values (?, 'j', 'n', ?, ?, ?, 1)", (grid, '["a"]', '["1", "2"]', '{"seed": 1}'))
            for column, status in enumerate(statuses):
                database.execute("insert into cells values (?, ?, 0, ?, ?, '{}', 0.5, 20, 20, 0.1, null)",
                                 (f"{grid}{column}", grid, column, status))
        database.commit()
        yield database


def test_an_old_database_is_brought_up_to_date_with_its_pictures(tmp_path: Path, old: sqlite3.Connection, picture: Make) -> None:
    image, settings = "ab" * 16, columns_of(picture(job_id="j", cell_id="whole1")[1])
    del settings["request"]                                                    # which it knew nothing of
    row = settings | {"id": image, "created": 1, "width": 32, "height": 32, "search": "", "missing": False,
                      "options": json.dumps(settings["options"]), "environment": json.dumps(settings["environment"])}
    old.execute(f"insert into images ({', '.join(row)}) values ({', '.join('?' * len(row))})", list(row.values()))
    old.commit()
    storage = Storage(tmp_path)
    assert {grid: storage.grid(grid).status for grid in ("whole", "failed", "partly")} == {
        "whole": "done", "failed": "stopped", "partly": "stopped"}
    record = storage.grid("whole")
    assert (record.layers, record.note, record.deleted, record.settings) == ([""], "", False, {"seed": 1})
    assert places(storage, "whole") == {"whole0": (0, 0, 0), "whole1": (0, 0, 1)}
    assert (record.cells[1].nfe, record.cells[1].distance, record.cells[1].metrics) == (20, 0.1, {})
    assert storage.image(image).cell_id == "whole1" and storage.page(Filters(grid_id="whole")).total == 1
    assert sql(storage, "pragma foreign_key_check") == []
    assert storage.save_cell("whole", 0, 0, 1, status="done", settings={}) == "whole1"
    storage.save_cell("whole", 1, 0, 1, status="done", settings={})            # the old uniqueness is gone
    with pytest.raises(StorageError, match="FOREIGN KEY"):                     # and foreign keys are watched again
        storage.save_image(*picture(cell_id="nothing"))
    storage.close()


def test_migrations_are_known_by_the_names_of_their_files() -> None:
    scripts = ScriptDirectory(str(ROOT / "storage" / "migrations"))
    assert [script.revision for script in scripts.walk_revisions()] == [*reversed(REVISIONS)] and scripts.get_current_head() == HEAD


@pytest.mark.slow
def test_a_database_of_today_is_opened_without_what_migrates(storage: Storage) -> None:
    code = ("import sys; from pathlib import Path; from storage import Storage; Storage(Path(sys.argv[1])).close()\n"
            "print('alembic' in sys.modules)")
    run = [sys.executable, "-c", code, str(storage.folder)]
    assert subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout == "False\n"


def test_migrations_and_tables_agree(storage: Storage) -> None:
    with storage._engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": False}), Base.metadata) == []
