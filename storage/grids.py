"""Grids: where their cells are, what a page of them shows, and their way into the bin and back."""
from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import ColumnElement, CompoundSelect, delete, func, select, union_all, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.orm import Session

from storage.errors import StorageError
from storage.gallery import Cursor, newest
from storage.records import GridRecord, sound
from storage.tables import Cell, Grid, Image, Job
from storage.words import holds

Place = tuple[int, int, int]       # layer, row, column
CHANGEABLE = frozenset({"name", "note", "status", "job_id", "rows", "columns", "layers", "settings"})
CELL = ("waiting", "running", "done", "failed", "stopped", "empty")           # what a cell may be
GRID = ("waiting", "loading", "running", "done", "stopped", "failed", "interrupted")
SHOWN = 6                          # pictures of a grid on a page of grids
UNENDED = ("waiting", "running")   # cells that only a grid that runs may have
# Of a cell's pictures, whose seeds rise: what was put back from files may have been made in one moment, if their times are whole seconds.
ORDER = (Image.created, Image.seed, Image.id)
Alive = Callable[[str], bool]      # whether a process draws the grid, or runs the job, of an id


@dataclass(frozen=True)
class GridSummary:
    """What a list of grids shows of one; rows, columns and layers are numbers of them."""
    id: str
    name: str
    note: str
    created: datetime
    status: str
    rows: int
    columns: int
    layers: int
    counts: dict[str, int]         # status -> number of cells
    image_ids: tuple[str, ...]     # of the first pictures


@dataclass(frozen=True)
class GridPage:
    items: list[GridSummary]
    next: Cursor | None
    total: int
    left_out: int                  # grids beside these whose records are damaged


def find(session: Session, grid_id: str) -> Grid:
    """Raises StorageError if there is none."""
    found = session.get(Grid, grid_id)
    if found is None:
        raise StorageError("That grid is not in the gallery; it may have been removed for good or belong to another data folder.")
    return found


def change(session: Session, grid_id: str, values: dict[str, Any]) -> None:
    if unknown := values.keys() - CHANGEABLE:
        raise StorageError(f"A grid's {', '.join(sorted(unknown))} cannot be changed; only {', '.join(sorted(CHANGEABLE))} can.")
    grid = find(session, grid_id)
    for name, value in values.items():
        setattr(grid, name, value)


def record(session: Session, grid_id: str, alive: Alive) -> GridRecord:
    """A grid with its cells, in reading order, and their pictures that can be shown."""
    grid = find(session, grid_id)
    ids: dict[str, list[str]] = {}
    for cell_id, image_id in session.execute(
            select(Cell.id, Image.id).join(Image, _shown()).where(Cell.grid_id == grid_id).order_by(*ORDER)):
        if isinstance(image_id, str):
            ids.setdefault(cell_id, []).append(image_id)
    cells = session.scalars(select(Cell).where(Cell.grid_id == grid_id).order_by(Cell.layer, Cell.row, Cell.column))
    found = GridRecord.of(grid, ((cell, ids.get(cell.id, ())) for cell in cells))
    if (status := _truly(grid, alive)) == "running":
        return found
    ended = (replace(cell, status="stopped") if cell.status in UNENDED else cell for cell in found.cells)
    return replace(found, status=status, cells=tuple(ended))


def _truly(grid: Grid, alive: Alive) -> str:
    """The status of a grid; what says that it runs, and whose process is gone, was cut off."""
    return "interrupted" if grid.status == "running" and not alive(grid.id) else grid.status


def of_cell(session: Session, cell_id: str) -> str | None:
    """The grid that a cell belongs to, unless it is in the bin."""
    return session.scalar(select(Grid.id).join(Cell, Cell.grid_id == Grid.id).where(Cell.id == cell_id, Grid.deleted.is_(None)))


def _shown() -> ColumnElement[bool]:
    """Joins cells with their pictures that are neither deleted nor missing. A plain "deleted IS NULL" has an index, by which
    SQLite would walk through the whole gallery instead of going from each cell to its pictures."""
    return (Image.cell_id == Cell.id) & (func.coalesce(Image.deleted, 0) == 0) & Image.missing.is_(False)


# Cells

def add_cells(session: Session, grid_id: str, cells: Iterable[tuple[int, int, int, dict[str, Any]]]) -> list[str]:
    rows = [Cell(id=uuid.uuid4().hex, grid_id=grid_id, layer=layer, row=row, column=column, **values)
            for layer, row, column, values in cells]
    session.add_all(rows)
    return [row.id for row in rows]


def save_cell(session: Session, grid_id: str, place: Place, values: dict[str, Any]) -> str:
    where = dict(zip(("grid_id", "layer", "row", "column"), (grid_id, *place), strict=True))
    session.execute(insert(Cell).values(id=uuid.uuid4().hex, **where, **values)
                    .on_conflict_do_update(index_elements=list(where), set_=values))
    return session.scalars(select(Cell.id).filter_by(**where)).one()


def place_cells(session: Session, grid_id: str, places: dict[str, Place], time: int) -> list[str]:
    """Move cells and remove those that are not named; returns the ids of these."""
    find(session, grid_id)
    there = set(session.scalars(select(Cell.id).where(Cell.grid_id == grid_id)))
    if not places.keys() <= there or len(set(places.values())) < len(places):
        raise StorageError("The cells of that grid could not be moved, since it changed meanwhile or two would share a place; "
                           "open the grid again.")
    removed = list(there - places.keys())
    _release(session, removed, time)
    session.execute(delete(Cell).where(Cell.id.in_(removed)))
    # Places are unique at every moment: all cells step aside before each takes its own.
    session.execute(update(Cell).where(Cell.grid_id == grid_id).values(layer=-1 - Cell.layer))
    if places:
        session.execute(update(Cell), [{"id": cell_id, "layer": layer, "row": row, "column": column}
                                       for cell_id, (layer, row, column) in places.items()])
    return removed


def _release(session: Session, cell_ids: list[str], time: int) -> None:
    """Pictures go into the bin and leave their cells: restored from there, they are pictures without a grid."""
    session.execute(update(Image).where(Image.cell_id.in_(cell_ids))
                    .values(cell_id=None, deleted=func.coalesce(Image.deleted, time)))


# Pages

def page(session: Session, text: str, bin: bool, after: Cursor | None, limit: int, alive: Alive) -> GridPage:
    """Newest first; the id breaks ties, so that no grid is lost or doubled between pages."""
    conditions: list[ColumnElement[bool]] = [Grid.deleted.is_not(None) if bin else Grid.deleted.is_(None)]
    conditions += holds(Grid.name + " " + Grid.note, text, folded=False)
    grids, following, left_out = newest(session, Grid, conditions, after, limit, _sound)
    total = session.scalar(select(func.count()).select_from(Grid).where(*conditions)) or 0
    ids = [grid.id for grid in grids]
    counts: dict[str, dict[str, int]] = {grid_id: {} for grid_id in ids}
    for grid_id, status, number in session.execute(
            select(Cell.grid_id, Cell.status, func.count()).where(Cell.grid_id.in_(ids)).group_by(Cell.grid_id, Cell.status)):
        counts[grid_id][str(status)] = number
    images: dict[str, list[str]] = {grid_id: [] for grid_id in ids}
    for grid_id, image_id in session.execute(_first_pictures(ids)) if ids else ():
        if isinstance(image_id, str):
            images[grid_id].append(image_id)
    return GridPage([_summary(grid, _truly(grid, alive), counts[grid.id], images[grid.id]) for grid in grids], following, total, left_out)


def _sound(grid: Grid) -> Grid:
    sound(grid)
    return grid


def _first_pictures(grid_ids: list[str]) -> CompoundSelect[Any]:
    """(grid, picture) of the first pictures of each of some grids, in reading order. One short look for each grid in one query:
    numbering all pictures of large grids would read all of them."""
    order = (Cell.layer, Cell.row, Cell.column, *ORDER)
    looks = [select(Cell.grid_id, Image.id).join(Image, _shown()).where(Cell.grid_id == grid_id).order_by(*order).limit(SHOWN).subquery()
             for grid_id in grid_ids]
    return union_all(*map(select, looks))


def _summary(grid: Grid, status: str, counts: dict[str, int], images: list[str]) -> GridSummary:
    return GridSummary(grid.id, grid.name, grid.note, datetime.fromtimestamp(grid.created / 1e6, timezone.utc), status,
                       len(grid.rows), len(grid.columns), len(grid.layers), counts, tuple(images))


# The bin

def bin_grid(session: Session, grid_id: str, time: int) -> None:
    """A grid and its pictures get the same time, which no picture that was deleted before has."""
    grid = find(session, grid_id)
    if grid.deleted is None:
        before = session.scalar(select(func.max(Image.deleted)).where(_of_grid(grid_id))) or 0
        grid.deleted = max(time, before + 1)
        session.execute(update(Image).where(_of_grid(grid_id), Image.deleted.is_(None)).values(deleted=grid.deleted))


def restore_grid(session: Session, grid_id: str) -> None:
    grid = find(session, grid_id)
    if grid.deleted is not None:
        session.execute(update(Image).where(_of_grid(grid_id), Image.deleted == grid.deleted).values(deleted=None))
        grid.deleted = None


def _of_grid(grid_id: str) -> ColumnElement[bool]:
    return Image.cell_id.in_(select(Cell.id).where(Cell.grid_id == grid_id))


def empty_bin(session: Session, limit: int) -> tuple[list[str], list[str]]:
    """Remove grids deleted until then; (ids of their cells, their own). Pictures that were restored alone stay, without a grid."""
    old = select(Grid.id).where(Grid.deleted <= limit)
    cells = select(Cell.id).where(Cell.grid_id.in_(old))
    ids, gone = list(session.scalars(cells)), list(session.scalars(old))
    session.execute(update(Image).where(Image.cell_id.in_(cells)).values(cell_id=None))
    session.execute(delete(Cell).where(Cell.grid_id.in_(old)))
    session.execute(delete(Grid).where(Grid.deleted <= limit))
    return ids, gone


# What runs

def end(session: Session, grid_id: str, status: str) -> None:
    find(session, grid_id).status = status
    session.execute(update(Cell).where(Cell.grid_id == grid_id, Cell.status.in_(UNENDED)).values(status="stopped"))


def interrupt(session: Session, alive: Alive) -> None:
    """What says that it runs, and whose process is gone, was cut off; what says something else than a status has stopped."""
    for table in (Job, Grid):
        names = session.scalars(select(table.id).where(table.status == "running", func.typeof(table.id) == "text"))
        cut_off = [name for name in names if not alive(name)]
        session.execute(update(table).where(table.id.in_(cut_off)).values(status="interrupted"))
    session.execute(update(Grid).where(Grid.status.not_in(GRID)).values(status="stopped"))
    session.execute(update(Cell).where(Cell.status.not_in(CELL)).values(status="stopped"))
    ended = select(Grid.id).where(Grid.status != "running")
    session.execute(update(Cell).where(Cell.status.in_(UNENDED), Cell.grid_id.in_(ended)).values(status="stopped"))
    unfinished = select(Cell.grid_id).where(Cell.status == "stopped")
    session.execute(update(Grid).where(Grid.status == "done", Grid.id.in_(unfinished)).values(status="stopped"))
