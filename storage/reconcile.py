"""Start-up: make database and folder agree again after a crash. Adopts and flags; never deletes a picture or a row."""
from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image as Picture
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from storage import files
from storage.errors import StorageError
from storage.records import image_row
from storage.tables import Cell, Image, Job

MANY, SHARE = 20, 0.01             # more missing files than both of these is no debris but a wrong folder


@dataclass(frozen=True)
class Reconciliation:
    """What opening the storage found."""
    notes: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)        # files without a row that got one
    quarantined: list[str] = field(default_factory=list)    # files that are none of ours, or half written
    flagged: list[str] = field(default_factory=list)        # rows whose file is gone
    found_again: list[str] = field(default_factory=list)    # rows whose file came back


def reconcile(session: Session, folder: Path, notes: list[str]) -> Reconciliation:
    """Compare every file with every row; see the class for what is done about differences.

    Raises StorageError when so many files are gone that the folder is probably not there.
    """
    report = Reconciliation(notes)
    on_disk = _scan(folder / "images")
    rows = {image_id: missing for image_id, missing in session.execute(select(Image.id, Image.missing))}
    gone = [image_id for image_id, missing in rows.items() if image_id not in on_disk and not missing]
    if len(gone) >= MANY and len(gone) > SHARE * len(rows):
        raise StorageError(f"{len(gone)} of {len(rows)} pictures are missing from {folder / 'images'}, which looks like "
                           "a folder that is not connected; nothing was changed, so connect or restore it and start "
                           "again.")
    report.flagged.extend(gone)
    report.found_again.extend(image_id for image_id, missing in rows.items() if missing and image_id in on_disk)
    session.execute(update(Image).where(Image.id.in_(gone)).values(missing=True))
    session.execute(update(Image).where(Image.id.in_(report.found_again)).values(missing=False))
    for name, path in on_disk.items():
        if name not in rows:
            _adopt(session, folder, name, path, report)
    return report


def _scan(images: Path) -> dict[str, Path]:
    """All files below the image folder, by their name without ending."""
    found = {}
    for shard in os.scandir(images):
        entries = os.scandir(shard.path) if shard.is_dir() else [shard]
        for entry in entries:
            path = Path(entry.path)
            found[path.stem if path.suffix == ".png" else path.name] = path
    return found


def _adopt(session: Session, folder: Path, name: str, path: Path, report: Reconciliation) -> None:
    """Give a picture without a row its row back; put anything else aside."""
    try:
        if path.suffix != ".png" or path.parent.name != name[:2] or not name.isalnum():
            raise StorageError("not named like a picture of ours")
        settings = files.read_settings(path)
        for key, table in (("job_id", Job), ("cell_id", Cell)):
            if settings.get(key) is not None and session.get(table, settings[key]) is None:
                settings[key] = None                         # its job went with a lost database
        with Picture.open(path) as image:
            width, height = image.size
        session.add(image_row(name, path.stat().st_mtime_ns // 1000, settings, width, height))
        session.flush()
        report.adopted.append(name)
    except StorageError:
        quarantine = folder / "quarantine"
        quarantine.mkdir(exist_ok=True)
        path.rename(quarantine / path.name)
        report.quarantined.append(path.name)
