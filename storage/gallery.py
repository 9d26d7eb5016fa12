"""Finding pictures: filters, and paging by key so that the last page costs what the first one does."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.orm import Session

from storage.errors import NoSuchPlace, StorageError
from storage.records import ImageRecord
from storage.tables import Cell, Image
from storage.words import holds

T = TypeVar("T")


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the next one begins after this picture or grid."""
    created: int
    id: str

    def __str__(self) -> str:
        return f"{self.created}-{self.id}"

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """Raises NoSuchPlace for anything that `str(cursor)` did not write."""
        created, _, image_id = text.partition("-")
        if not (created.isascii() and created.isdigit() and len(created) < 19 and image_id.isalnum()):
            raise NoSuchPlace("The list cannot go on from there; give the `next` that a part of it ended with, or begin with the newest "
                              "again.")
        return cls(int(created), image_id)


@dataclass(frozen=True)
class Filters:
    """Which pictures; None and "" do not filter. text: all its words occur in prompt, negative prompt or model name."""
    family: str | None = None
    sampler: str | None = None
    model_sha256: str | None = None
    steps_min: int | None = None
    steps_max: int | None = None
    seed: int | None = None
    text: str = ""
    grid_id: str | None = None
    job_id: str | None = None
    bin: bool = False

    def conditions(self) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [Image.deleted.is_not(None) if self.bin else Image.deleted.is_(None)]
        for name in ("family", "sampler", "model_sha256", "seed", "job_id"):
            value = getattr(self, name)
            if value is not None:
                found.append(getattr(Image, name) == value)
        if self.steps_min is not None:
            found.append(Image.steps >= self.steps_min)
        if self.steps_max is not None:
            found.append(Image.steps <= self.steps_max)
        found += holds(Image.search, self.text, folded=True)
        if self.grid_id is not None:
            found.append(Image.cell_id.in_(select(Cell.id).where(Cell.grid_id == self.grid_id)))
        return found


@dataclass(frozen=True)
class Page:
    items: list[ImageRecord]
    next: Cursor | None
    total: int
    left_out: int                  # records beside these that are damaged


@dataclass(frozen=True)
class Facets:
    """What there is to filter by."""
    families: tuple[str, ...]
    samplers: tuple[str, ...]
    steps_min: int
    steps_max: int


def page(session: Session, filters: Filters, after: Cursor | None, limit: int) -> Page:
    """Newest first; the id breaks ties, so that no picture is lost or doubled between pages."""
    conditions = filters.conditions()
    items, following, left_out = newest(session, Image, conditions, after, limit, ImageRecord.of)
    total = session.scalar(select(func.count()).select_from(Image).where(*conditions)) or 0
    return Page(items, following, total, left_out)


def newest(session: Session, table: Any, conditions: list[ColumnElement[bool]], after: Cursor | None, limit: int,
           read: Callable[[Any], T]) -> tuple[list[T], Cursor | None, int]:
    """(items, where the next page begins, rows that `read` refused with StorageError and that are passed over)."""
    items: list[T] = []
    left_out, last = 0, after
    position: tuple[Any, Any] | None = (after.created, after.id) if after is not None else None
    while True:
        query: Select[Any] = select(table).where(*conditions, table.id.is_not(None))
        if position is not None:
            query = query.where(tuple_(table.created, table.id) < position)
        rows = list(session.scalars(query.order_by(table.created.desc(), table.id.desc()).limit(limit + 1)))
        for row in rows:
            try:
                found = read(row)
            except StorageError:
                left_out += 1
                continue
            if len(items) == limit:
                return items, last, left_out
            items.append(found)
            last = Cursor(row.created, row.id)
        if len(rows) <= limit:
            return items, None, left_out
        position = (rows[-1].created, rows[-1].id)


def facets(session: Session) -> Facets:
    def distinct(column: ColumnElement[str]) -> tuple[str, ...]:
        found = select(column).where(Image.deleted.is_(None), func.typeof(column) == "text").distinct().order_by(column)
        return tuple(session.scalars(found))

    low, high = session.execute(select(func.min(Image.steps), func.max(Image.steps)).where(func.typeof(Image.steps) == "integer")).one()
    return Facets(distinct(Image.family), distinct(Image.sampler), low or 0, high or 0)     # type: ignore[arg-type]
