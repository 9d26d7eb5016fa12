"""Jobs live here, on the server: pages attach to them, reload, and attach again."""
from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np

from app.pictures import data_url
from app.views import CellView, Frame, JobView, Shot, UserError

RUNNING = ("waiting", "loading", "running")
MAX_FRAMES = 64                    # recorded steps of a run; longer runs are thinned evenly
MAX_WAITING = 32                   # unfinished jobs that are accepted
KEPT = 50                          # finished jobs that can still be looked at


@dataclass(frozen=True)
class Recorded:
    """One step as it was: pictures are (B, H, W, 3) uint8."""
    step: int
    total: int
    t: float
    sigma: float
    calls: int
    x_t: np.ndarray
    x0: np.ndarray


@dataclass
class JobState:
    """A job while it lives; changed by its runner under the lock, read as a `JobView`."""
    kind: str
    family: str
    title: str
    settings: dict[str, Any]
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    status: str = "waiting"
    version: int = 0
    stopped: bool = False          # a person asked for it
    started: float | None = None
    ended: float | None = None
    note: str = ""
    error: str | None = None
    step: int = 0
    total: int = 0
    calls: int = 0
    ms_per_call: float | None = None
    frames: list[Recorded] = field(default_factory=list)
    last: Recorded | None = None
    shots: tuple[Shot, ...] = ()
    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    cells: list[CellView] = field(default_factory=list)
    cell_previews: dict[int, np.ndarray] = field(default_factory=dict)
    grid_id: str | None = None
    on_stop: Callable[[], None] = lambda: None
    finished: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def change(self, **values: Any) -> None:
        """Set fields and let pages know."""
        with self.lock:
            for name, value in values.items():
                setattr(self, name, value)
            if values.get("status") == "running" and self.started is None:
                self.started = time.monotonic()
            if values.get("status", "waiting") not in RUNNING:
                self.ended = time.monotonic()
            self.version += 1
        if self.status not in RUNNING:
            self.finished.set()

    def change_cell(self, index: int, **values: Any) -> None:
        with self.lock:
            self.cells[index] = replace(self.cells[index], **values)
            self.cell_previews.pop(index, None)
            self.version += 1

    def record(self, frame: Recorded) -> None:
        """Keep a step for the scrubber if it is one of at most MAX_FRAMES evenly spread ones."""
        keep = frame.total <= MAX_FRAMES or frame.step in _spread(frame.total)
        with self.lock:
            if keep:
                self.frames.append(frame)
            self.last = frame
            self.step, self.total, self.calls = frame.step, frame.total, frame.calls
            self.version += 1

    def view(self) -> JobView:
        """A snapshot; previews are encoded only while the job runs, and only when someone looks."""
        with self.lock:
            last = self.last if self.status == "running" else None
            seconds = (self.ended or time.monotonic()) - self.started if self.started else 0.0
            left = seconds / self.step * (self.total - self.step) if self.step and self.status == "running" else None
            cells = tuple(replace(cell, preview=_urls(self.cell_previews[i])) if i in self.cell_previews else cell
                          for i, cell in enumerate(self.cells))
            return JobView(
                id=self.id, kind=self.kind, family=self.family, status=self.status, title=self.title,
                settings=self.settings, version=self.version, step=self.step, total=self.total, calls=self.calls,
                ms_per_call=self.ms_per_call, seconds=seconds, seconds_left=left, note=self.note, error=self.error,
                x_t=_urls(last.x_t) if last else (), x0=_urls(last.x0) if last else (),
                t=last.t if last else None, sigma=last.sigma if last else None, shots=self.shots,
                frames=len(self.frames), rows=self.rows, columns=self.columns, cells=cells, grid_id=self.grid_id)

    def frame(self, k: int) -> Frame:
        """Recorded step k. Raises UserError if there is none."""
        with self.lock:
            if not 0 <= k < len(self.frames):
                raise UserError(f"This run has {len(self.frames)} recorded steps; there is no step {k + 1}.")
            f = self.frames[k]
        abar = 1 / (1 + f.sigma**2)
        numbers = {"t": f"{f.t:.0f}", r"\sigma": f"{f.sigma:.3g}", r"\bar\alpha_t": f"{abar:.3g}",
                   r"\sqrt{\bar\alpha_t}": f"{abar**0.5:.3g}", r"\sqrt{1-\bar\alpha_t}": f"{(1 - abar) ** 0.5:.3g}"}
        return Frame(f.step, f.total, f.t, f.sigma, f.calls, _urls(f.x_t), _urls(f.x0), numbers)


@lru_cache(64)
def _spread(total: int) -> frozenset[int]:
    return frozenset(round(1 + k * (total - 1) / (MAX_FRAMES - 1)) for k in range(MAX_FRAMES))


def _urls(pictures: np.ndarray) -> tuple[str, ...]:
    return tuple(data_url(picture) for picture in pictures)


class JobTable:
    """All jobs of this process: the unfinished ones and the latest finished ones."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobState] = {}
        self._lock = threading.Lock()

    def add(self, job: JobState) -> None:
        """Raises UserError when too many are unfinished."""
        with self._lock:
            unfinished = sum(j.status in RUNNING for j in self._jobs.values())
            if unfinished >= MAX_WAITING:
                raise UserError(f"{unfinished} jobs are unfinished, which is the most that are accepted; wait for one "
                                "to end or stop one.")
            self._jobs[job.id] = job
            finished = [j.id for j in self._jobs.values() if j.status not in RUNNING]
            for old in finished[:-KEPT]:
                del self._jobs[old]

    def get(self, job_id: str) -> JobState | None:
        return self._jobs.get(job_id)

    def all(self) -> list[JobState]:
        """Unfinished ones first, then the latest."""
        with self._lock:
            jobs = list(self._jobs.values())[::-1]
        return sorted(jobs, key=lambda job: job.status not in RUNNING)

    def count(self) -> tuple[int, int]:
        """(running or loading, waiting)."""
        with self._lock:
            states = [job.status for job in self._jobs.values()]
        return sum(s in ("running", "loading") for s in states), states.count("waiting")

    def stop(self, job_id: str) -> None:
        """Ask a job to stop; it does so within one network call."""
        job = self.get(job_id)
        if job is not None and job.status in RUNNING:
            job.stopped = True
            job.on_stop()
