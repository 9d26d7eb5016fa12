"""The tables. Columns that are filtered stand by themselves; the full settings stand beside them as JSON."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, ForeignKey, Index, TypeDecorator, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

Settings = dict[str, Any]


class Lenient(TypeDecorator[Any]):
    """JSON; a text that is none comes back as it is, so that one row does not stop a query (`storage.soundness` finds it)."""
    impl = JSON
    shape: type

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any]:
        read = super().result_processor(dialect, coltype)
        assert read is not None

        def process(value: Any) -> Any:
            try:
                return read(value)
            except (ValueError, TypeError, RecursionError):
                return value
        return process


class Object(Lenient):
    cache_ok = True
    shape = dict


class Texts(Lenient):
    cache_ok = True
    shape = list


class Base(DeclarativeBase):
    type_annotation_map = {Settings: Object, list[str]: Texts}


class Model(Base):
    """Weights that made pictures, by the checksum of their file."""
    __tablename__ = "models"
    sha256: Mapped[str] = mapped_column(primary_key=True)
    family: Mapped[str]
    name: Mapped[str]
    source: Mapped[str]
    parameters: Mapped[int | None]


class Job(Base):
    """One run of a person's: "generate" or "compare"."""
    __tablename__ = "jobs"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    family: Mapped[str]
    settings: Mapped[Settings]
    status: Mapped[str]                               # running, done, stopped, failed, interrupted
    error: Mapped[str | None]
    created: Mapped[int] = mapped_column(BigInteger)  # microseconds since 1970, UTC


class Grid(Base):
    """A comparison: labels of rows, columns and layers, and what it was made from."""
    __tablename__ = "grids"
    __table_args__ = (Index("grids_newest", "deleted", "created", "id"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    job_id: Mapped[str] = mapped_column(ForeignKey("jobs.id"))
    name: Mapped[str]
    note: Mapped[str] = mapped_column(default="")
    status: Mapped[str]                               # waiting, loading, running, done, stopped, failed, interrupted
    rows: Mapped[list[str]]
    columns: Mapped[list[str]]
    layers: Mapped[list[str]]
    settings: Mapped[Settings]
    created: Mapped[int] = mapped_column(BigInteger)
    deleted: Mapped[int | None] = mapped_column(BigInteger, default=None)   # when it went into the bin


class Cell(Base):
    """One cell of a grid with the settings that it really used."""
    __tablename__ = "cells"
    __table_args__ = (UniqueConstraint("grid_id", "layer", "row", "column", name="cells_place"),)
    id: Mapped[str] = mapped_column(primary_key=True)
    grid_id: Mapped[str] = mapped_column(ForeignKey("grids.id"))
    layer: Mapped[int] = mapped_column(default=0)
    row: Mapped[int]
    column: Mapped[int]
    status: Mapped[str]                               # waiting, running, done, failed, stopped, empty
    settings: Mapped[Settings]
    seconds: Mapped[float | None]
    nfe: Mapped[int | None]
    calls: Mapped[int | None]
    ms_per_call: Mapped[float | None]
    distance: Mapped[float | None]                    # to the reference solution: where its sampler converges from the same seeds
    metrics: Mapped[Settings] = mapped_column(default=dict)     # what else was measured
    reason: Mapped[str | None]                        # why it is empty
    error: Mapped[str | None]


class Image(Base):
    """One picture; its file is images/<first two of id>/<id>.png."""
    __tablename__ = "images"
    __table_args__ = (
        Index("images_newest", "deleted", "created", "id"),
        Index("images_family", "deleted", "family", "created", "id"),
        Index("images_sampler", "deleted", "sampler", "created", "id"),
    )
    id: Mapped[str] = mapped_column(primary_key=True)
    created: Mapped[int] = mapped_column(BigInteger)
    family: Mapped[str]
    model_sha256: Mapped[str]
    model_name: Mapped[str]
    prompt: Mapped[str]
    negative_prompt: Mapped[str]
    sampler: Mapped[str]
    steps: Mapped[int]
    guidance: Mapped[float]
    seed: Mapped[int] = mapped_column(BigInteger)
    nfe: Mapped[int]
    seconds: Mapped[float]
    options: Mapped[Settings]
    environment: Mapped[Settings]
    width: Mapped[int]
    height: Mapped[int]
    search: Mapped[str]                               # prompt, negative prompt and model name, folded (words.py)
    deleted: Mapped[int | None] = mapped_column(BigInteger, default=None)   # when it went into the bin
    missing: Mapped[bool] = mapped_column(default=False)                    # its file was gone at a start
    altered: Mapped[bool] = mapped_column(default=False)                    # its file is not the one that was saved
    bytes: Mapped[int | None] = mapped_column(BigInteger)                   # of its file; None: saved before they were noted
    sha256: Mapped[str | None]                                              # of its file
    # All that was asked, with its version; None: saved before that was noted, so that the columns say all that is known.
    request: Mapped[Settings | None] = mapped_column(Object(none_as_null=True))
    job_id: Mapped[str | None] = mapped_column(ForeignKey("jobs.id"), index=True)
    cell_id: Mapped[str | None] = mapped_column(ForeignKey("cells.id"), index=True)
