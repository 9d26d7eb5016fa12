"""A comparison while it runs, or as the database has it: its cells, and which of them a page has not seen yet."""
from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.drawing.jobs import JobState
from app.drawing.png import data_urls
from pipelines.request import VERSION


@dataclass(frozen=True)
class CellState:
    """One cell; metrics that were not measured are absent."""
    status: str                              # waiting, running, done, failed, stopped, empty
    id: str | None = None                    # of its row, once there is one
    images: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    nfe: int | None = None                   # network evaluations per picture
    seconds: float | None = None             # time of the networks and the sampler spent on this cell
    ms_per_call: float | None = None
    distance: float | None = None            # to the limit of its sampler, in 0..1, geometric mean of its pictures; None where it has none
    metrics: dict[str, Any] = field(default_factory=dict)       # see MEASURED
    reason: str | None = None                # why it is empty
    error: str | None = None

    def page(self, i: int) -> dict[str, Any]:
        """What the page draws."""
        shown = {"status": self.status, "images": self.images, **self.figures()}
        if shown["snapshot"]:
            shown["snapshot"] = {"url": f"snapshot/{self.id}.png", **shown["snapshot"]}
        return {"i": i, **{name: value for name, value in shown.items() if value is not None and value != ()}}

    def figures(self) -> dict[str, Any]:
        """What was measured or is said of it; None where there is nothing."""
        return {name: getattr(self, name) for name in FIGURES} | {name: self.metrics.get(name) for name in MEASURED}

    def row(self) -> dict[str, Any]:
        """What the database keeps."""
        names = ("status", "nfe", "seconds", "ms_per_call", "distance", "metrics", "reason", "error")
        settings = {"version": VERSION} | self.settings if self.settings else {}
        return {name: getattr(self, name) for name in names} | {"calls": self.nfe, "settings": settings}


FIGURES = ("nfe", "seconds", "ms_per_call", "distance", "reason", "error")
# distance_to, the limit in words; ssim to it; most bytes that were held while the cell ran; accuracy {share, low, high, count, rules} by
# the judge; same_as, the label of an earlier cell with the same pixels, with why; snapshot {step, of, distance, errors}; note.
MEASURED = ("distance_to", "ssim", "peak_bytes", "accuracy", "same_as", "snapshot", "note")


def equation(cell: CellState) -> str:
    """Of whose solution a cell's distance is: "ODE" of "ODE (Heun, 100 steps)"; "" if it has none."""
    return (cell.metrics.get("distance_to") or "").partition(" ")[0]


@dataclass
class LiveGrid:
    """The cells of a grid under its job's lock. `axes`: x, y and z, each with name, title, labels."""
    id: str
    axes: dict[str, dict[str, Any]]
    job: JobState
    cells: list[CellState]
    size: int = 32                           # side of a picture
    distance: bool = True
    count: int = 1                           # pictures in a cell
    name: str = ""
    note: str = ""
    made: str = ""                           # what it was made with besides its axes, in words
    draining: bool = False                   # nothing new begins
    versions: list[int] = field(default_factory=list)           # of the job, when a cell last changed
    previews: dict[int, np.ndarray] = field(default_factory=dict)
    visible: frozenset[int] = frozenset()    # cells that a page shows at the moment; others need no previews
    settled: threading.Event = field(default_factory=threading.Event)      # its run has ended, for the database too

    def __post_init__(self) -> None:
        self.versions = [0] * len(self.cells)

    def place(self, i: int) -> tuple[int, int, int]:
        """(layer, row, column) of a cell."""
        width, height = len(self.axes["x"]["labels"]), len(self.axes["y"]["labels"])
        return i // (width * height), i // width % height, i % width

    def index(self, layer: int, row: int, column: int) -> int:
        """The number of a cell."""
        return (layer * len(self.axes["y"]["labels"]) + row) * len(self.axes["x"]["labels"]) + column

    def label(self, i: int) -> str:
        """"DDIM, 5 steps"."""
        named = zip(("z", "y", "x"), self.place(i), strict=True)
        return ", ".join(self.axes[axis]["labels"][k] for axis, k in named if self.axes[axis]["name"]) or "the only cell"

    def changed(self, i: int, **values: Any) -> CellState:
        """A cell as it would be; `metrics` are added to those it has."""
        cell = self.cells[i]
        return replace(cell, **values | ({"metrics": cell.metrics | values["metrics"]} if "metrics" in values else {}))

    def change(self, i: int, **values: Any) -> None:
        """Change a cell and let pages know."""
        with self.job.lock:
            self.cells[i] = self.changed(i, **values)
            self.previews.pop(i, None)
            self._touch(i)

    def settle(self) -> None:
        """Nothing runs any more: cells that wait or run are stopped."""
        for i, cell in enumerate(self.cells):
            if cell.status in ("waiting", "running"):
                self.change(i, status="stopped")

    def show(self, i: int, pixels: np.ndarray) -> None:
        """A preview (B, H, W, 3) uint8 of a cell that runs."""
        with self.job.lock:
            self.previews[i] = pixels
            self._touch(i)

    def _touch(self, i: int) -> None:
        self.job.version += 1
        self.versions[i] = self.job.version

    def counted(self, status: str) -> int:
        return sum(cell.status == status for cell in self.cells)

    @property
    def calls(self) -> int:
        """Network evaluations for all pictures that are drawn."""
        return sum((cell.nfe or 0) * len(cell.images) for cell in self.cells)

    def view(self, seen: int = -1, visible: Iterable[int] = ()) -> dict[str, Any]:
        """What the page draws: cells that changed since it looked, previews of those that it shows."""
        with self.job.lock:
            job, total = self.job, len(self.cells) - self.counted("empty")
            self.visible = frozenset(visible)
            if seen == job.version:
                return {"version": job.version, "status": job.status}
            seen = seen if seen < job.version else -1
            changed = [i for i, version in enumerate(self.versions) if version > seen or seen < 0]
            previews = {i: self.previews[i] for i in changed if i in self.visible and i in self.previews}
            view = job.view()
            found: dict[str, Any] = {
                "id": self.id, "job": job.id, "version": job.version, "status": job.status, "name": self.name, "note": self.note,
                "made": self.made,
                "error": job.error, "message": job.note, **self.axes, "count": self.count, "size": self.size,
                "done": self.counted("done"), "total": total, "calls": self.calls, "seconds": view.seconds,
                "seconds_left": view.seconds_left, "distance": self.distance, "cells": [self.cells[i].page(i) for i in changed]}
        for cell in found["cells"]:
            if cell["i"] in previews:
                cell["preview"] = data_urls(previews[cell["i"]])
        return found
