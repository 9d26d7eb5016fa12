"""Plain records that go in and out of the storage; none of them is tied to a database session, none holds what is no value."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timezone
from typing import Any

from sqlalchemy import inspect

from storage.errors import StorageError
from storage.soundness import wrong
from storage.tables import Base, Cell, Grid, Image
from storage.words import fold

# The columns of what was asked of a picture, by its names in the text of the picture's file. Older texts have no version, and the
# columns' names.
ASKED = {"family": "family", "model": "model_name", "prompt": "prompt", "negative_prompt": "negative_prompt", "sampler": "sampler",
         "guidance_scale": "guidance", "seed": "seed", "options": "options"}
FACTS = ("model_sha256", "steps", "nfe", "seconds", "environment", "job_id", "cell_id")      # what else the text says, as its columns do
OPTIONAL = ("environment", "job_id", "cell_id")


def fault(row: Base) -> str | None:
    """The first value that a row cannot hold, in words; values that are not there yet are not judged."""
    return wrong(row.__table__, inspect(row).dict)                                                 # type: ignore[arg-type]


def sound(row: Base) -> None:
    """Raise StorageError for a row that holds what it cannot."""
    if reason := fault(row):
        raise StorageError(f"A record of the {row.__tablename__} is damaged ({reason}); the command `gallery check` lists all that are.")


@dataclass(frozen=True)
class FileFacts:
    """What is known of a picture's file."""
    width: int
    height: int
    bytes: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ImageRecord:
    """A stored picture: what was asked, as its file tells it, and by columns; what came of it, and what it cost."""
    id: str
    created: datetime
    request: dict[str, Any]        # of any version
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
    job_id: str | None
    cell_id: str | None
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
        asked = {name: plain[name] for name in (*ASKED.values(), "width", "height")} if row.request is None else row.request
        return cls(**plain | {"created": datetime.fromtimestamp(row.created / 1e6, timezone.utc), "request": asked,
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


def columns_of(text: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of what the text in a picture's file says, of any version; a name that it should not have is among them."""
    if "version" not in text:
        return {**text, "request": None}
    return ({column: text[name] for name, column in ASKED.items() if name in text} | {name: text[name] for name in FACTS if name in text}
            | {"request": {name: value for name, value in text.items() if name not in FACTS}})


def image_row(image_id: str, created: int, text: Mapping[str, Any], file: FileFacts) -> Image:
    """The row of a picture from the text in its file. Raises StorageError if it says what cannot be kept."""
    values = {"environment": {}, "job_id": None, "cell_id": None} | columns_of(text) | asdict(file) | {
        "id": image_id, "created": created, "deleted": None, "missing": False, "altered": False}
    if reason := wrong(Image.__table__, values):                                                   # type: ignore[arg-type]
        raise StorageError(f"The picture cannot be kept, since its {reason}; change that and draw it again.")
    words = fold(" ".join((values["prompt"], values["negative_prompt"], values["model_name"])))
    return Image(**values, search=words)
