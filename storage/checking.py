"""Every picture's file, read and compared with what was noted when it was saved; and every record that cannot be read."""
from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage import files
from storage.reconcile import TABLES, accepted
from storage.records import fault
from storage.soundness import unsound
from storage.tables import Image

Door = Callable[[Callable[[Session], Any]], Any]           # runs a piece of work on the database


@dataclass
class Checked:
    """What was found, pictures by their ids."""
    sound: int = 0
    noted: int = 0                                          # had no checksum yet and have one from now on
    missing: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)           # as a person said, or in the bin: their files are not expected
    altered: list[str] = field(default_factory=list)        # their files are not those that were saved
    left_out: list[dict[str, str]] = field(default_factory=list)        # damaged records: table, id, reason

    @property
    def complete(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.missing or self.altered or self.left_out)


def check(read: Door, write: Door | None, path: Callable[[str], Path], progress: Callable[[int, int], None]) -> Checked:
    """write: None if nothing may be changed; else what was found is noted too."""
    found = Checked(left_out=read(_left_out))
    damaged = {entry["id"] for entry in found.left_out if entry["table"] == "images"}
    columns = Image.id, Image.sha256, Image.altered, Image.deleted, Image.missing, Image.bytes
    rows = [row for row in read(lambda session: session.execute(select(*columns)).all())
            if isinstance(row.id, str) and row.id not in damaged]
    for done, row in enumerate(rows, 1):
        _look(row, path(row.id), found, write)
        progress(done, len(rows))
    return found


def _look(row: Any, path: Path, found: Checked, write: Door | None) -> None:
    try:
        digest = hashlib.sha256(files.read(path)).hexdigest()
    except FileNotFoundError:
        (found.gone if row.deleted is not None or accepted(row) else found.missing).append(row.id)
        return
    except (OSError, ValueError):
        digest = ""
    if row.sha256 is None and digest:
        found.noted += 1
        changes: dict[str, Any] = {"sha256": digest}
    else:
        same = digest == row.sha256 and bool(digest)
        found.sound += same
        found.altered += [] if same else [row.id]
        changes = {} if row.altered == (not same) else {"altered": not same}
    if changes and write is not None:
        write(lambda session: session.execute(update(Image).where(Image.id == row.id).values(**changes)))


def _left_out(session: Session) -> list[dict[str, str]]:
    found = []
    for table in TABLES:
        for row in session.scalars(select(table).where(unsound(table.__table__))):              # type: ignore[arg-type]
            found.append({"table": table.__tablename__, "id": str(getattr(row, "id", "")), "reason": fault(row) or "it cannot be read"})
    return found
