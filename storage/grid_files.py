"""A second copy of each comparison in a file of its own, from which it comes back when the database is lost.

Pictures carry the id of their cell, so that name, axes and places are all that a lost database takes along.
"""
from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, inspect, select, text, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from storage.errors import StorageError
from storage.files import read, write
from storage.records import fault
from storage.tables import Base, Cell, Grid, Image, Job

log = logging.getLogger(__name__)


def _plain(row: Base) -> dict[str, Any]:
    return {attribute.key: getattr(row, attribute.key) for attribute in inspect(row).mapper.column_attrs}


class GridFiles:
    """grids/<id>.json. read: runs a piece of work on the database."""

    def __init__(self, folder: Path, read: Callable[[Callable[[Session], Any]], Any]) -> None:
        self._folder, self._read = folder, read
        self._lock = threading.Lock()                          # the last to write has seen the latest state

    def path(self, grid_id: str) -> Path:
        return self._folder / f"{grid_id}.json"

    def keep(self, grid_id: str, durable: bool = True) -> None:
        """Write a grid as the database has it. A failure is logged: the database is what counts while it is there."""
        try:
            with self._lock:
                if (kept := self._read(lambda session: _record(session, grid_id))) is not None:
                    write(self.path(grid_id), json.dumps(kept).encode(), durable)
        except (OSError, StorageError) as error:
            log.warning("the second copy of grid %s could not be written: %s", grid_id, error)

    def drop(self, grid_ids: Iterable[str]) -> None:
        for grid_id in filter(str.isalnum, grid_ids):
            try:
                self.path(grid_id).unlink(missing_ok=True)
            except OSError as error:
                log.warning("the second copy of grid %s could not be removed: %s", grid_id, error)

    def ids(self) -> set[str]:
        """Of all grids that have a file."""
        try:
            return {path.stem for path in self._folder.iterdir() if path.suffix == ".json"}
        except OSError:
            return set()

    def bring_back(self, session: Session, grid_id: str) -> None:
        """Put a grid, its job and its cells into the database as its file has them. Raises StorageError if that is not possible."""
        try:
            kept = json.loads(read(self.path(grid_id)))
            grid, job, cells = Grid(**kept["grid"]), Job(**kept["job"]), [Cell(**values) for values in kept["cells"]]
            if grid.id != grid_id or grid.job_id != job.id or any(cell.grid_id != grid_id for cell in cells):
                raise ValueError("its parts do not belong together")
            with session.begin_nested():
                _replace(session, grid, job, cells)
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, StorageError, SQLAlchemyError) as error:
            raise StorageError(f"The comparison {grid_id} could not be brought back ({error}).") from error


def _record(session: Session, grid_id: str) -> dict[str, Any] | None:
    grid = session.get(Grid, grid_id)
    job = session.get(Job, grid.job_id) if grid is not None else None
    cells = list(session.scalars(select(Cell).where(Cell.grid_id == grid_id).order_by(Cell.layer, Cell.row, Cell.column)))
    if grid is None or job is None or any(map(fault, (grid, job, *cells))):      # what is damaged does not replace what is sound
        return None
    return {"grid": _plain(grid), "job": _plain(job), "cells": [_plain(cell) for cell in cells]}


def _replace(session: Session, grid: Grid, job: Job, cells: list[Cell]) -> None:
    """Pictures keep their cells, which are away for a moment only."""
    session.execute(text("PRAGMA defer_foreign_keys=ON"))
    session.execute(delete(Cell).where(Cell.grid_id == grid.id))
    session.execute(delete(Grid).where(Grid.id == grid.id))
    if session.get(Job, job.id) is None:
        session.add(job)
        session.flush()
    session.add(grid)
    session.flush()
    session.add_all(cells)
    session.flush()
    session.execute(update(Image).where(Image.cell_id.is_not(None), Image.cell_id.not_in(select(Cell.id))).values(cell_id=None))


def finish_cells(session: Session, grid_ids: Iterable[str]) -> None:
    """A file is as old as the last time its grid began, changed or ended: cells with all of their pictures are done since."""
    for grid in session.scalars(select(Grid).where(Grid.id.in_(list(grid_ids)))):
        count = grid.settings.get("count", 1)
        measured = session.execute(select(Image.cell_id, func.count(), func.avg(Image.nfe), func.sum(Image.seconds))
                                   .join(Cell, Cell.id == Image.cell_id)
                                   .where(Cell.grid_id == grid.id, Cell.status.in_(("waiting", "running", "stopped")))
                                   .group_by(Image.cell_id)).all()
        for cell_id, pictures, nfe, seconds in measured:
            if pictures >= (count if isinstance(count, int) else 1):
                session.execute(update(Cell).where(Cell.id == cell_id).values(
                    status="done", nfe=round(nfe), calls=round(nfe), seconds=seconds))
        left = session.scalar(select(func.count()).where(Cell.grid_id == grid.id, Cell.status.in_(("waiting", "running", "stopped"))))
        grid.status = "stopped" if left else "done" if grid.status in ("waiting", "running", "stopped", "interrupted") else grid.status
