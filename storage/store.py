"""The storage's one door. Safe from many threads: one writer at a time, any number of readers."""
from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import delete, event, select, update
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from storage import files, gallery, grids
from storage.checking import Checked, check
from storage.database import Opened, open_database, open_for_reading, suspect
from storage.errors import Damaged, DiskFull, NotWritable, StorageError, failure
from storage.file_store import FileStore
from storage.grid_files import GridFiles
from storage.lock import FolderLock
from storage.reconcile import (
    ManyMissing,
    Reconciliation,
    accept_missing,
    count_unsound,
    flag,
    missing,
    reconcile,
    recover_grids,
    refuse_many,
)
from storage.records import FileFacts, GridRecord, ImageRecord, fault, image_row
from storage.running import Running
from storage.tables import Cell, Grid, Image, Job, Model

T = TypeVar("T")
BIN_DAYS = 30                      # how long a deleted picture can be restored
UNSTORABLE = (SQLAlchemyError, OverflowError, UnicodeError)         # what the database raises for what it cannot take


def now() -> int:
    """Microseconds since 1970, UTC."""
    return time.time_ns() // 1000


def days_ago(days: float) -> int:
    """The time of that many days before now."""
    return now() - int(days * 86_400e6)


class _Session(Session):
    """Refuses rows that could not be read again."""


@event.listens_for(_Session, "before_flush")
def _refuse(session: Session, *_: object) -> None:
    for row in [*session.new, *session.dirty]:
        if reason := fault(row):
            raise StorageError(f"That cannot be stored, since its {reason}; change that and try again.")


class Storage:
    """Database and pictures of one data folder. Every method raises StorageError with one sentence.

    A folder that cannot be written, or whose pictures are not there, is opened for reading: `closed` then says why.
    """

    report: Reconciliation         # what opening found and mended
    closed: StorageError | None    # why nothing may be changed

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.images = folder / "images"
        self.processes = FileStore(folder / "processes", ".npz", self._may_write)       # by the picture's id
        self.snapshots = FileStore(folder / "snapshots", ".png", self._may_write)       # by the cell's id
        self.sources = FileStore(folder / "sources", ".png", self._may_write)           # by the checksum of the pixels
        self.grid_files = GridFiles(folder / "grids", self._read)
        self._running = Running(folder / "running")
        self._writer, self._opening = threading.Lock(), threading.Lock()
        self._latest = 0
        self._open(accept=False)

    def _open(self, accept: bool) -> None:
        self.closed, self.report, self._lock = None, Reconciliation(), FolderLock(self.folder)
        self._opened: Opened | None = None
        damage: str | None = None
        while True:
            try:
                self._prepare(accept, damage)
                break
            except ManyMissing as error:
                self.closed = error
                break
            except (DiskFull, NotWritable) as error:
                self._open_for_reading(error)
                break
            except Damaged as error:
                self._dispose()
                if damage is not None or not self._lock.first:
                    self._leave()
                    raise
                damage = error.reason
            except StorageError:
                self._leave()
                raise
        self._lock.share()

    def _prepare(self, accept: bool, damage: str | None) -> None:
        """Open the database and make folder and database agree; only who is first may do more than look."""
        try:
            self.images.mkdir(parents=True, exist_ok=True)
            self._lock.take()
        except OSError as error:
            raise failure(f"The folder {self.folder} could not be opened", error, self.folder) from error
        self._opened = open_database(self.folder, self._lock.first, damage)
        self.report = Reconciliation(list(self._opened.notes))
        if self._lock.first:
            self._write(lambda session: self._tidy(session, accept))
            for grid_id in self._read(lambda session: set(session.scalars(select(Grid.id)))) - self.grid_files.ids():
                self.grid_files.keep(str(grid_id), durable=False)
            self._empty_bin(days_ago(BIN_DAYS))
            return
        gone, known = self._read(lambda session: missing(session, self.folder))
        if not accept:
            refuse_many(len(gone), known, self.folder)
        else:
            self._write(lambda session: flag(session, gone))
            self.report.flagged += gone
        self._write(lambda session: grids.interrupt(session, self._running.alive))
        self.report.left_out = self._read(count_unsound)

    def _tidy(self, session: Session, accept: bool) -> None:
        recover_grids(session, self.grid_files, self._opened is not None and self._opened.restored, self.report)
        grids.interrupt(session, self._running.alive)
        reconcile(session, self.folder, self.report, accept)

    def _open_for_reading(self, error: StorageError) -> None:
        self._dispose()
        self._opened = open_for_reading(self.folder)
        self.closed = type(error)(f"Everything can be looked at and nothing is changed for now: {error}")
        self.report = Reconciliation(list(self._opened.notes), left_out=self._read(count_unsound))

    def look_again(self, accept: bool = False) -> None:
        """Open a folder anew that could be opened for reading only. accept: pictures whose files are missing, also those that were marked
        so before, are to be gone."""
        with self._opening:
            if self.closed is not None:
                self._leave()
                try:
                    self._open(accept)
                except StorageError as error:          # it can be looked at again when that has passed
                    self.closed = error
                    raise
            if accept:
                self._write(accept_missing)

    def notices(self) -> list[str]:
        """What a person should know of how the folder was found."""
        return [*([str(self.closed)] if self.closed else []), *self.report.sentences()]

    def close(self) -> None:
        self._running.close()
        self._leave()

    def _leave(self) -> None:
        self._dispose()
        self._lock.close()

    def _dispose(self) -> None:
        if self._opened is not None:
            self._opened.engine.dispose()
            if self._opened.copy is not None:
                self._opened.copy.cleanup()
        self._opened = None

    def _may_write(self) -> None:
        if self.closed is not None:
            raise type(self.closed)(str(self.closed))

    @property
    def _engine(self) -> Any:
        if self._opened is None:
            raise self.closed or StorageError("The data folder is being opened; try again in a moment.")
        return self._opened.engine

    def _write(self, work: Callable[[Session], T]) -> T:
        """Run work in one transaction of the one writer."""
        self._may_write()
        try:
            writes = self._engine.execution_options(writes=True)
            with self._writer, _Session(writes, expire_on_commit=False) as session, session.begin():
                return work(session)
        except UNSTORABLE as error:
            raise self._failure("written", error) from error

    def _read(self, work: Callable[[Session], T]) -> T:
        try:
            with Session(self._engine) as session:
                return work(session)
        except UNSTORABLE as error:
            raise self._failure("read", error) from error

    def _failure(self, what: str, error: BaseException) -> StorageError:
        found = failure(f"The database in {self.folder} could not be {what}", error, self.folder)
        if isinstance(found, Damaged):
            suspect(self.folder)
        return found

    def _look(self, work: Callable[[Session, grids.Alive], T]) -> T:
        """Read what may run. A process stores the end of its run and then frees its lock, which may happen between the look at the
        database and the look at the lock; so what is gone is read again."""
        gone: list[str] = []

        def alive(name: str) -> bool:
            there = self._running.alive(name)
            gone.extend([] if there else [name])
            return there
        found = self._read(lambda session: work(session, alive))
        return self._read(lambda session: work(session, alive)) if gone else found

    # Models and jobs

    def remember_model(self, sha256: str, *, family: str, name: str, source: str, parameters: int | None = None) -> None:
        """Note weights that are going to make pictures."""
        values = {"family": family, "name": name, "source": source, "parameters": parameters}
        self._write(lambda session: session.execute(
            insert(Model).values(sha256=sha256, **values).on_conflict_do_update(index_elements=["sha256"], set_=values)))

    def start_job(self, kind: str, family: str, settings: dict[str, Any], job_id: str | None = None) -> str:
        """Note that a job of this process runs; returns its id. It does until `finish_job`, or until the process dies."""
        job_id = job_id or uuid.uuid4().hex
        with self._begins(job_id):
            self._write(lambda session: session.add(Job(
                id=job_id, kind=kind, family=family, settings=settings, status="running", created=now())))
        return job_id

    def finish_job(self, job_id: str, status: str, error: str | None = None) -> None:
        """status: done, stopped, failed or interrupted. Where that cannot be stored, it counts as interrupted."""
        try:
            self._write(lambda session: session.execute(
                update(Job).where(Job.id == job_id).values(status=status, error=error)))
        finally:
            self._running.release(job_id)

    @contextmanager
    def _begins(self, name: str) -> Iterator[None]:
        """A job or grid runs from now on, unless what is done meanwhile fails."""
        try:
            lock = self._running.claim(name)
        except OSError as error:
            raise failure("Nothing can be drawn now", error, self.folder) from error
        if lock is None:
            raise StorageError("That is being drawn by another process of this data folder; stop it there, or wait for it to end.")
        try:
            yield
        except BaseException:
            self._running.release(name, lock)
            raise

    # Grids

    def start_grid(self, job_id: str, *, rows: list[str], columns: list[str], layers: list[str], settings: dict[str, Any],
                   name: str = "") -> str:
        """Note that a grid is drawn by this process; returns its id. It is until `end_grid`, or until the process dies."""
        grid_id = uuid.uuid4().hex
        with self._begins(grid_id):
            self._write(lambda session: session.add(Grid(
                id=grid_id, job_id=job_id, name=name, status="running", rows=rows, columns=columns, layers=layers, settings=settings,
                created=now())))
        self.grid_files.keep(grid_id)
        return grid_id

    @contextmanager
    def taken(self, grid_id: str) -> Iterator[GridRecord]:
        """The grid as it is; from then on this process draws it, unless what is done meanwhile fails.

        Raises StorageError while it is drawn, by this process or another.
        """
        self.grid(grid_id)                                         # an id that is none gets no lock
        with self._begins(grid_id):
            yield self._read(lambda session: grids.record(session, grid_id, lambda name: False))     # as it was left

    def end_grid(self, grid_id: str, status: str) -> None:
        """This process draws the grid no more, and others may; cells that wait or run are stopped.

        status: done, stopped or failed. Where that cannot be stored, it counts as interrupted.
        """
        try:
            self._write(lambda session: grids.end(session, grid_id, status))
            self.grid_files.keep(grid_id)
        finally:
            self._running.release(grid_id)

    def is_drawn(self, grid_id: str) -> bool:
        """Whether a process draws the grid now, this one or another."""
        return self._running.alive(grid_id)

    def change_grid(self, grid_id: str, **values: Any) -> None:
        """values: any of name, note, status, job_id, rows, columns, layers, settings."""
        self._write(lambda session: grids.change(session, grid_id, values))
        self.grid_files.keep(grid_id)

    def save_cell(self, grid_id: str, layer: int, row: int, column: int, **values: Any) -> str:
        """Insert or change the cell at a place; returns its id. values: status and settings always, and any of seconds, nfe,
        calls, ms_per_call, distance, metrics, reason, error."""
        if reason := fault(Cell(grid_id=grid_id, layer=layer, row=row, column=column, **values)):
            raise StorageError(f"The cell cannot be stored, since its {reason}; change that and draw it again.")
        return self._write(lambda session: grids.save_cell(session, grid_id, (layer, row, column), values))

    def lay_out(self, grid_id: str, places: dict[str, grids.Place], fresh: Iterable[tuple[int, int, int, dict[str, Any]]] = (),
                **values: Any) -> list[str]:
        """All at once: move named cells to their (layer, row, column), insert others (layer, row, column, values as in `save_cell`),
        change the grid as in `change_grid`. Cells that are not named are removed, their pictures go into the bin.

        Returns the ids of the fresh cells.
        """
        def work(session: Session) -> tuple[list[str], list[str]]:
            removed = grids.place_cells(session, grid_id, places, now())
            grids.change(session, grid_id, values)
            return removed, grids.add_cells(session, grid_id, fresh)
        removed, ids = self._write(work)
        self._drop_snapshots(removed)
        self.grid_files.keep(grid_id)
        return ids

    def grid(self, grid_id: str) -> GridRecord:
        return self._look(lambda session, alive: grids.record(session, grid_id, alive))

    def job_of(self, grid_id: str) -> str:
        """The job that drew a grid last."""
        return self._read(lambda session: grids.find(session, grid_id).job_id)

    def grid_of(self, cell_id: str) -> str | None:
        """The grid that a cell belongs to, unless it is in the bin."""
        return self._read(lambda session: grids.of_cell(session, cell_id))

    def grids(self, text: str = "", bin: bool = False, after: gallery.Cursor | None = None, limit: int = 30) -> grids.GridPage:
        """Grids newest first; text: all its words occur in name or note."""
        return self._look(lambda session, alive: grids.page(session, text, bin, after, limit, alive))

    def delete_grid(self, grid_id: str) -> None:
        """Put a grid and its pictures into the bin; `restore_grid` brings back exactly these."""
        self._write(lambda session: grids.bin_grid(session, grid_id, now()))
        self.grid_files.keep(grid_id)

    def restore_grid(self, grid_id: str) -> None:
        self._write(lambda session: grids.restore_grid(session, grid_id))
        self.grid_files.keep(grid_id)

    def _drop_snapshots(self, cell_ids: Iterable[str]) -> None:
        for cell_id in cell_ids:
            self.snapshots.drop(cell_id)

    # Pictures

    def save_image(self, pixels: np.ndarray, settings: dict[str, Any]) -> ImageRecord:
        """Keep a finished picture, (H, W, 3) uint8, with what stands in its file: what was asked, with its version, and `FACTS`.

        File first, then row; returns when both would survive a power cut. Whatever ends it early leaves neither.
        """
        self._may_write()
        image_id, (height, width) = uuid.uuid4().hex, pixels.shape[:2]
        image_row(image_id, 0, settings, FileFacts(width, height, 0, ""))        # refused before anything is written
        path, data = self._path(image_id), files.encode(pixels, settings)
        facts = files.facts(data, width, height)
        try:
            files.write(path, data)
            return self._write(lambda session: self._add(session, image_id, settings, facts))
        except BaseException as error:
            self._forget(image_id, path)
            if isinstance(error, OSError):
                raise failure("The picture could not be saved", error, self.folder) from error
            raise

    def _add(self, session: Session, image_id: str, settings: dict[str, Any], facts: FileFacts) -> ImageRecord:
        self._latest = max(self._latest + 1, now())     # strictly growing, so that the order of saving is kept
        row = image_row(image_id, self._latest, settings, facts)
        session.add(row)
        session.flush()
        return ImageRecord.of(row)

    def _forget(self, image_id: str, path: Path) -> None:
        """Take back both halves of a save; a file whose row may be there stays, to be looked at by the next start."""
        with suppress(StorageError, OSError):
            self._write(lambda session: session.execute(delete(Image).where(Image.id == image_id)))
        with suppress(StorageError, OSError):
            if not self._read(lambda session: session.get(Image, image_id)):
                path.unlink(missing_ok=True)

    def image(self, image_id: str) -> ImageRecord:
        def work(session: Session) -> ImageRecord:
            row = session.get(Image, image_id)
            if row is None:
                raise StorageError("That picture is not in the gallery; it may have been removed for good.")
            return ImageRecord.of(row)
        return self._read(work)

    def path(self, image_id: str) -> Path:
        """The file of a picture. Raises StorageError if there is no such picture or its file is gone."""
        path = self._path(self.image(image_id).id)
        if not path.is_file():
            raise StorageError(f"The file of that picture is gone from {self.images}; draw it again from its settings.")
        return path

    def _path(self, image_id: str) -> Path:
        return self.images / image_id[:2] / f"{image_id}.png"

    def page(self, filters: gallery.Filters, after: gallery.Cursor | None = None, limit: int = 60) -> gallery.Page:
        """Pictures newest first."""
        return self._read(lambda session: gallery.page(session, filters, after, limit))

    def facets(self) -> gallery.Facets:
        return self._read(gallery.facets)

    def delete(self, ids: Iterable[str]) -> int:
        """Put pictures into the bin; `restore` brings them back. Returns how many."""
        return self._mark(ids, now())

    def restore(self, ids: Iterable[str]) -> int:
        return self._mark(ids, None)

    def _mark(self, ids: Iterable[str], deleted: int | None) -> int:
        wanted = Image.deleted.is_(None) if deleted else Image.deleted.is_not(None)

        def work(session: Session) -> int:
            statements = (update(Image).where(Image.id == image_id, wanted).values(deleted=deleted) for image_id in ids)
            return sum(session.execute(statement).rowcount for statement in statements)            # type: ignore[attr-defined]
        return self._write(work)

    def empty_bin(self, older_than_days: float = BIN_DAYS) -> int:
        """Remove pictures and grids for good that have been in the bin for that long; returns how many pictures."""
        limit = days_ago(older_than_days)
        try:
            return self._empty_bin(limit)
        except DiskFull as full:
            if not (gone := self._empty_files(limit)):
                raise
            with suppress(DiskFull):
                self.look_again()
                return self._empty_bin(limit)
            raise DiskFull(f"The files of {gone:,} picture{'s' * (gone != 1)} in the bin were removed, which leaves too little room to "
                           "note it; free some more space and empty the bin again.") from full

    def _empty_bin(self, limit: int) -> int:
        """Rows first: a file alone is adopted again at the next start, a row without a file would be a loss."""
        def work(session: Session) -> tuple[list[str], list[str], list[str]]:
            ids = list(session.scalars(select(Image.id).where(Image.deleted <= limit)))
            session.execute(delete(Image).where(Image.deleted <= limit))
            return ids, *grids.empty_bin(session, limit)
        ids, cells, gone = self._write(work)
        ids, cells, gone = (list(filter(lambda name: isinstance(name, str), names)) for names in (ids, cells, gone))
        self._drop_snapshots(cells)
        self.grid_files.drop(gone)
        self._drop_files(ids)
        return len(ids)

    def _empty_files(self, limit: int) -> int:
        """Remove the files of pictures in the bin, where there is no room to change a row: without them there may be. Returns how many
        there were. Whatever ends it here, a row in the bin without a file is no loss."""
        ids = self._read(lambda session: list(session.scalars(select(Image.id).where(Image.deleted <= limit))))
        return self._drop_files(name for name in ids if isinstance(name, str))

    def _drop_files(self, ids: Iterable[str]) -> int:
        """The files of pictures; how many there were."""
        count = 0
        for image_id in filter(str.isalnum, ids):
            with suppress(OSError):                     # it comes back at the next start, which says so
                self._path(image_id).unlink()
                count += 1
            self.processes.drop(image_id)
        return count

    def check(self, progress: Callable[[int, int], None] = lambda done, total: None) -> Checked:
        """Read every picture and compare it with the checksum that was noted when it was saved; list what is wrong."""
        return check(self._read, None if self.closed else self._write, self._path, progress)
