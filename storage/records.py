"""Plain records that go in and out of the storage; none of them is tied to a database session."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from typing import Any

import numpy as np

from storage.tables import Image


@dataclass(frozen=True)
class NewImage:
    """A finished picture, (H, W, 3) uint8, with everything needed to draw it again."""
    pixels: np.ndarray
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
    job_id: str | None = None
    cell_id: str | None = None
    environment: dict[str, Any] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """What is written into the file beside the pixels: all fields but the pixels."""
        return {name: value for name, value in asdict(self).items() if name != "pixels"}


@dataclass(frozen=True)
class ImageRecord:
    """A stored picture."""
    id: str
    created: datetime
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
    environment: dict[str, Any]
    width: int
    height: int
    deleted: bool
    missing: bool
    job_id: str | None
    cell_id: str | None

    @classmethod
    def of(cls, row: Image) -> ImageRecord:
        plain = {name: getattr(row, name) for name in cls.__annotations__}
        return cls(**plain | {"created": datetime.fromtimestamp(row.created / 1e6, timezone.utc),
                              "deleted": row.deleted is not None})


@dataclass(frozen=True)
class CellRecord:
    id: str
    row: int
    column: int
    status: str
    settings: dict[str, Any]
    seconds: float | None
    nfe: int | None
    calls: int | None
    distance: float | None
    error: str | None
    image_ids: tuple[str, ...]


@dataclass(frozen=True)
class GridRecord:
    id: str
    job_id: str
    name: str
    rows: list[str]
    columns: list[str]
    settings: dict[str, Any]
    cells: tuple[CellRecord, ...]
