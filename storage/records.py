"""Plain records that go in and out of the storage; none of them is tied to a database session, none holds what is no value."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Any

import numpy as np
from sqlalchemy import inspect

from storage.errors import StorageError
from storage.soundness import wrong
from storage.tables import Base, Cell, Grid, Image
from storage.words import fold


def fault(row: Base) -> str | None:
    """The first value that a row cannot hold, in words; values that are not there yet are not judged."""
    return wrong(row.__table__, inspect(row).dict)                                                 # type: ignore[arg-type]


def sound(row: Base) -> None:
    """Raise StorageError for a row that holds what it cannot."""
    if reason := fault(row):
        raise StorageError(f"A record of the {row.__tablename__} is damaged ({reason}); the command `gallery check` lists all that are.")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything needed to draw a picture again, and what it cost; written into its file and its row."""
    family: str
    model_sha256: str
    model_name: str
    prompt: str
    negative_prompt: str
    sampler: str
    steps: int
    guidance: float
    seed: int
    nfe: int
    seconds: float
    options: dict[str, Any]
    environment: dict[str, Any] = field(default_factory=dict)
    job_id: str | None = None
    cell_id: str | None = None


@dataclass(frozen=True)
class FileFacts:
    """What is known of a picture's file."""
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class NewImage(Recipe):
    """A finished picture, (H, W, 3) uint8."""
    pixels: np.ndarray

    def settings(self) -> dict[str, Any]:
        """What is written into the file beside the pixels."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "pixels"}


@dataclass(frozen=True, kw_only=True)
class ImageRecord(Recipe):
    """A stored picture."""
    id: str
    created: datetime
    width: int
    height: int
    deleted: bool
    missing: bool
    altered: bool                  # its file is not the one that was saved

    @classmethod
    def of(cls, row: Image) -> ImageRecord:
        """Raises StorageError for a row that holds what it cannot."""
        sound(row)
        plain = {f.name: getattr(row, f.name) for f in fields(cls)}
        return cls(**plain | {"created": datetime.fromtimestamp(row.created / 1e6, timezone.utc),
                              "deleted": row.deleted is not None})


@dataclass(frozen=True)
class CellRecord:
    """One cell of a grid; image_ids: its pictures that are neither deleted nor missing."""
    id: str
    layer: int
    row: int
    column: int
    status: str
    settings: dict[str, Any]
    seconds: float | None
    nfe: int | None
    calls: int | None
    ms_per_call: float | None
    distance: float | None
    metrics: dict[str, Any]
    reason: str | None
    error: str | None
    image_ids: tuple[str, ...]

    @classmethod
    def of(cls, row: Cell, image_ids: Iterable[str]) -> CellRecord:
        """Raises StorageError for a row that holds what it cannot."""
        sound(row)
        plain = {f.name: getattr(row, f.name) for f in fields(cls) if f.name != "image_ids"}
        return cls(**plain, image_ids=tuple(image_ids))


@dataclass(frozen=True)
class GridRecord:
    """A grid with its cells in the order of layer, row and column."""
    id: str
    job_id: str
    name: str
    note: str
    status: str
    rows: list[str]
    columns: list[str]
    layers: list[str]
    settings: dict[str, Any]
    deleted: bool
    cells: tuple[CellRecord, ...]
    left_out: int                  # cells whose records are damaged

    @classmethod
    def of(cls, row: Grid, cells: Iterable[tuple[Cell, Iterable[str]]]) -> GridRecord:
        """cells: with the ids of their pictures. Raises StorageError for a row that holds what it cannot."""
        sound(row)
        found, left_out = [], 0
        for cell, image_ids in cells:
            try:
                found.append(CellRecord.of(cell, image_ids))
            except StorageError:
                left_out += 1
        return cls(row.id, row.job_id, row.name, row.note, row.status, row.rows, row.columns, row.layers, row.settings,
                   row.deleted is not None, tuple(found), left_out)


def image_row(image_id: str, created: int, settings: dict[str, Any], file: FileFacts) -> Image:
    """The row of a picture from its settings. Raises StorageError if they are none that can be kept."""
    values = {"environment": {}, "job_id": None, "cell_id": None} | settings | asdict(file) | {
        "id": image_id, "created": created, "deleted": None, "missing": False, "altered": False}
    if reason := wrong(Image.__table__, values):                                                   # type: ignore[arg-type]
        raise StorageError(f"The picture cannot be kept, since its {reason}; change that and draw it again.")
    words = fold(" ".join((settings["prompt"], settings["negative_prompt"], settings["model_name"])))
    return Image(**values, search=words)
