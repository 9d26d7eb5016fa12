"""Start-up: make database and folder agree again after a crash. Adopts and flags; never deletes a picture or a record that can be read."""
from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from storage import files
from storage.errors import StorageError
from storage.grid_files import GridFiles, finish_cells
from storage.quarantine import Quarantine, printable
from storage.records import image_row
from storage.soundness import LATEST, unsound
from storage.tables import Base, Cell, Grid, Image, Job

ROOT = "images"                    # the folder of the pictures
MANY, SHARE = 20, 0.01             # more missing files than both of these is no debris but a wrong folder
TABLES: tuple[type[Base], ...] = (Image, Grid, Cell)      # whose records are read


class ManyMissing(StorageError):
    """So many files are gone that their folder is probably not there."""


@dataclass
class Reconciliation:
    """What opening the storage found."""
    notes: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)        # files without a row, or with a damaged one, that got one
    quarantined: list[str] = field(default_factory=list)    # files that are none of ours, or half written,
    quarantine: str = ""                                    # and the folder that they were put into
    flagged: list[str] = field(default_factory=list)        # rows whose file is gone
    found_again: list[str] = field(default_factory=list)    # rows whose file came back
    altered: list[str] = field(default_factory=list)        # rows whose file has another size than the one that was saved
    grids: list[str] = field(default_factory=list)          # comparisons that came back from their files
    left_out: int = 0                                       # records that cannot be read

    def sentences(self) -> list[str]:
        """All of it for people; nothing where nothing is to be said."""
        return self.notes + [sentence for found, sentence in (
            (self.adopted, "{} picture{s} without a sound record {were} taken over from {their} file{s}."),
            (self.grids, "{} comparison{s} came back from {their} file{s}; what was measured since {they} last began, changed or ended "
                         "may be missing."),
            (self.flagged, "{} picture{s} {are} marked as missing, since {their} file{s} {are} gone."),
            (self.found_again, "{} missing picture{s} {are} there again."),
            (self.altered, "{} picture{s} {have} another size than when {they} {were} saved; the command `gallery check` looks at all."),
            (self.quarantined, "{} thing{s} that {are} no sound picture{s} {were} put into the folder {place}, each with its reason."),
            (range(self.left_out), "{} damaged record{s} cannot be read and {are} left out; the command `gallery check` lists {them}."),
        ) if found for sentence in [_counted(sentence, len(found), self.quarantine)]]


def _counted(sentence: str, number: int, place: str) -> str:
    one = number == 1
    words = {"s": "" if one else "s", "are": "is" if one else "are", "were": "was" if one else "were", "have": "has" if one else "have",
             "their": "its" if one else "their", "they": "it" if one else "they", "them": "it" if one else "them"}
    return sentence.format(f"{number:,}", place=place, **words)


@dataclass
class _Disk:
    """What lies below the image folder."""
    pictures: dict[str, tuple[str, int]] = field(default_factory=dict)      # id -> path, bytes (-1: not asked)
    odd: list[tuple[str, str]] = field(default_factory=list)                # path, why it is no picture
    dark: set[str] = field(default_factory=set)                             # names of folders that cannot be looked into


def recover_grids(session: Session, grid_files: GridFiles, restored: bool, report: Reconciliation) -> None:
    """Grids that the database lacks, or whose records are damaged, or, where it is a backup, all come back as their files have them."""
    known = set(session.scalars(select(Grid.id)))
    broken = set(session.scalars(select(Grid.id).where(unsound(_table(Grid))))) | \
        set(session.scalars(select(Cell.grid_id).where(unsound(_table(Cell)))))
    for grid_id in sorted(grid_files.ids()):
        if restored or grid_id in broken or grid_id not in known:
            try:
                grid_files.bring_back(session, grid_id)
                report.grids.append(grid_id)
            except StorageError as error:
                report.notes.append(str(error))


def missing(session: Session, folder: Path) -> tuple[list[str], int]:
    """(ids of pictures whose file is gone, number of all), but for those in the bin. Reads names only, no files."""
    rows = list(session.scalars(select(Image.id).where(Image.missing.is_(False), Image.deleted.is_(None))))
    disk = _scan(folder / ROOT, sizes=False)
    return [image_id for image_id in rows if isinstance(image_id, str) and _gone(disk, image_id)], len(rows)


def refuse_many(gone: int, known: int, folder: Path) -> None:
    """Raise ManyMissing if so many files are gone that nobody can have wanted that."""
    if gone >= MANY and gone > SHARE * known:
        raise ManyMissing(f"{gone:,} of {known:,} pictures are missing from {folder / 'images'}, which looks like a folder that is not "
                          "connected; until that is settled everything can be looked at and nothing is changed: connect the folder and "
                          "look again (the command `gallery check`), or say that they are gone (`gallery check --accept`).")


def flag(session: Session, gone: Iterable[str]) -> None:
    """Mark pictures as missing."""
    _mark(session, gone, missing=True)


def accept_missing(session: Session) -> None:
    """Pictures that are marked as missing are to be gone: no more is known of their files, so that none is expected."""
    session.execute(update(Image).where(Image.missing.is_(True)).values(bytes=None))


def accepted(row: Any) -> bool:
    """Whether that was said of a picture."""
    return row.missing and row.bytes is None


def reconcile(session: Session, folder: Path, report: Reconciliation, accept: bool = False) -> None:
    """Compare every file with every row; see `Reconciliation` for what is done about differences.

    Raises ManyMissing, with nothing changed, unless it is accepted that many files are gone.
    """
    disk = _scan(folder / ROOT)
    damaged = set(session.scalars(select(Image.id).where(unsound(_table(Image)))))
    columns = Image.id, Image.missing, Image.bytes, Image.altered, Image.deleted
    rows = {row.id: row for row in session.execute(select(*columns)) if row.id not in damaged}
    gone = [image_id for image_id, row in rows.items() if not row.missing and _gone(disk, image_id)]
    lost = [image_id for image_id in gone if rows[image_id].deleted is None]       # what is in the bin may be going for good just now
    if not accept:
        refuse_many(len(lost), sum(row.deleted is None for row in rows.values()), folder)
    report.flagged += lost
    report.found_again += [image_id for image_id, row in rows.items() if row.missing and image_id in disk.pictures]
    flag(session, gone)
    _mark(session, report.found_again, missing=False)
    sizes = [(row, disk.pictures[image_id][1]) for image_id, row in rows.items() if image_id in disk.pictures]
    _change(session, [{"id": row.id, "bytes": size} for row, size in sizes if row.bytes is None])
    report.altered += [row.id for row, size in sizes if row.bytes not in (None, size) and not row.altered]
    _mark(session, report.altered, altered=True)
    quarantine = Quarantine(folder)
    for name, (path, _) in disk.pictures.items():
        if name not in rows:
            try:
                _adopt(session, name, Path(path), name in damaged)
                report.adopted.append(name)
            except (StorageError, OSError) as error:
                disk.odd.append((path, str(error)))
    for path, why in disk.odd:
        name = printable(os.path.basename(path))
        if (problem := quarantine.take(path, why)) is None:
            report.quarantined.append(name)
        else:
            report.notes.append(f"{name} does not belong among the pictures ({why}) and could not be put aside ({problem}).")
    report.quarantine = quarantine.name
    report.notes += [f"The folder {printable(name)} of pictures could not be looked into; make it readable." for name in sorted(disk.dark)]
    finish_cells(session, report.grids)
    report.left_out = count_unsound(session, TABLES if damaged else (Grid, Cell))      # many pictures are judged once


def count_unsound(session: Session, tables: tuple[type[Base], ...] = TABLES) -> int:
    """How many records cannot be read."""
    return sum(session.scalar(select(func.count()).select_from(table).where(unsound(_table(table)))) or 0 for table in tables)


def _table(table: type[Base]):  # type: ignore[no-untyped-def]
    return table.__table__


def _mark(session: Session, ids: Iterable[str], **values: bool) -> None:
    _change(session, [{"id": image_id} | values for image_id in ids])


def _change(session: Session, rows: list[dict[str, Any]]) -> None:
    """Pictures by their ids, each by a statement of its own: one for all would have more values than SQLite takes."""
    if rows:
        session.execute(update(Image), rows)


def _gone(disk: _Disk, image_id: str) -> bool:
    return image_id not in disk.pictures and image_id[:2] not in disk.dark and ROOT not in disk.dark


def _scan(images: Path, sizes: bool = True) -> _Disk:
    """Every name below the image folder, and no file's content: that would take minutes for a large gallery, or wait for a pipe."""
    disk = _Disk()
    for shard in _entries(str(images), disk):
        if len(shard.name) != 2 or not _is_folder(shard):
            disk.odd.append((shard.path, "it is no folder of pictures"))
            continue
        for entry in _entries(shard.path, disk):
            name, ending = os.path.splitext(entry.name)
            why = "it is not named like a picture of this program" if ending != ".png" or name[:2] != shard.name or not (
                name.isascii() and name.isalnum() and len(name) <= 64) else None
            size = -1 if why or not sizes and entry.is_file(follow_symlinks=False) else _size(entry)
            if why or size is None:
                disk.odd.append((entry.path, why or "it is no file"))
            else:
                disk.pictures[name] = entry.path, size
    return disk


def _entries(folder: str, disk: _Disk) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError:
        disk.dark.add(os.path.basename(folder))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:                                          # links in a circle
        return False


def _size(entry: os.DirEntry[str]) -> int | None:
    """Bytes of a file; None for what is none."""
    try:
        about = entry.stat()
    except OSError:
        return None
    return about.st_size if stat.S_ISREG(about.st_mode) else None


def _adopt(session: Session, name: str, path: Path, damaged: bool) -> None:
    """Give a picture its row back. Raises StorageError if it is none of ours."""
    settings, facts = files.inspect(path)
    for key, table in (("job_id", Job), ("cell_id", Cell)):
        if settings.get(key) is not None and session.get(table, settings[key]) is None:
            settings[key] = None                             # its job went with a lost database
    created = min(max(0, path.stat().st_mtime_ns // 1000), LATEST)
    row = image_row(name, created, settings, facts)
    if damaged:
        deleted: object = session.scalar(select(Image.deleted).where(Image.id == name))
        row.deleted = deleted if isinstance(deleted, int) and 0 <= deleted <= LATEST else None      # it stays in the bin
        session.execute(delete(Image).where(Image.id == name))
    session.add(row)
    session.flush()
