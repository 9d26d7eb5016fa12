"""Plain records that go in and out of the storage; none of them is tied to a database session."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime, timezone
from typing import Any

import numpy as np

from storage.tables import Cell, Image
from storage.words import fold


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


@dataclass(frozen=True, kw_only=True)
class NewImage(Recipe):
    """A finished picture, (H, W, 3) uint8."""
    pixels: np.ndarray

    def settings(self) -> dict[str, Any]:
        """What is written into the file beside the pixels."""
        return {name: value for name, value in asdict(self).items() if name != "pixels"}


@dataclass(frozen=True, kw_only=True)
class ImageRecord(Recipe):
    """A stored picture."""
    id: str
    created: datetime
    width: int
    height: int
    deleted: bool
    missing: bool

    @classmethod
    def of(cls, row: Image) -> ImageRecord:
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


def image_row(image_id: str, created: int, settings: dict[str, Any], width: int, height: int) -> Image:
    """The row of a picture from its settings."""
    words = fold(" ".join((settings["prompt"], settings["negative_prompt"], settings["model_name"])))
    values = {"environment": {}} | settings
    return Image(id=image_id, created=created, width=width, height=height, search=words, deleted=None, missing=False,
                 **values)
