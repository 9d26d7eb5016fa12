"""Jobs live here, on the server: pages attach to them, reload, and attach again."""
from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np

from app.drawing.png import data_urls
from app.drawing.recording import MAX_FRAMES, Recorded
from app.drawing.views import GeneratedImage, JobView
from app.errors import UserError

RUNNING = ("waiting", "loading", "running")
MAX_WAITING = 32                   # unfinished jobs that are accepted
KEPT = 50                          # finished jobs that can still be looked at
MAX_RECORDED = 64 * 2**20          # bytes of recorded steps of all of them; a run's own are thinned to no more than that


def nothing() -> None:
    pass


@dataclass
class JobState:
    """A job while it lives; changed by its runner under the lock, read as a `JobView`."""
    kind: str
    family: str
    title: str
    settings: dict[str, Any]
    id: str = dataclass_field(default_factory=lambda: uuid.uuid4().hex)
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
    frames: list[Recorded] = dataclass_field(default_factory=list)
    stride: int = 1                # between the recorded steps
    last: Recorded | None = None
    shots: tuple[GeneratedImage, ...] = ()
    grid_id: str | None = None
    models: set[str] = dataclass_field(default_factory=set)      # that have to stay in memory
    tokens: np.ndarray | None = None         # (B, L) what the pictures were decoded from, for families that draw tokens
    step_before: int = 0                     # steps that an earlier run had done
    on_stop: Callable[[], None] = nothing
    on_end: Callable[[], None] = nothing
    finished: threading.Event = dataclass_field(default_factory=threading.Event)
    lock: threading.RLock = dataclass_field(default_factory=threading.RLock)

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

    def record(self, frame: Recorded) -> None:
        """Show a step, and keep it for the scrubber: all of them, or every second, fourth, ... of many.

        How many there will be is not known before, since an adaptive solver stops where it is exact enough.
        """
        with self.lock:
            if (frame.step - 1) % self.stride == 0:
                self.frames.append(frame)
            while len(self.frames) > MAX_FRAMES or (len(self.frames) > 2 and len(self.frames) * frame.bytes > MAX_RECORDED):
                self.frames, self.stride = self.frames[::2], 2 * self.stride
            self.last = frame
            self.step, self.total, self.calls = frame.step, frame.total, frame.calls
            self.version += 1

    @property
    def recorded_bytes(self) -> int:
        return sum(frame.bytes for frame in self.frames)

    def let_go(self) -> None:
        """The job has ended: what drew it, with all that this holds, is of no use any more."""
        self.on_stop = self.on_end = nothing

    def forget(self) -> None:
        """Let go of the recorded steps of a finished job; its pictures stay."""
        with self.lock:
            self.frames, self.last = [], None
            self.version += 1

    @property
    def kept(self) -> list[Recorded]:
        """The recorded steps, the last one always among them."""
        return self.frames + ([self.last] if self.last is not None and (not self.frames or self.frames[-1] is not self.last) else [])

    def view(self) -> JobView:
        """A snapshot; previews are encoded only while the job runs, and only when someone looks."""
        with self.lock:
            last = self.last if self.status == "running" else None
            seconds = (self.ended or time.monotonic()) - self.started if self.started else 0.0
            done = self.step - self.step_before
            left = seconds / done * (self.total - self.step) if done > 0 and self.status == "running" else None
            return JobView(
                id=self.id, kind=self.kind, family=self.family, status=self.status, title=self.title,
                settings=self.settings, version=self.version, step=self.step, total=self.total, calls=self.calls,
                ms_per_call=self.ms_per_call, seconds=seconds, seconds_left=left, note=self.note, error=self.error,
                x_t=data_urls(last.x_t) if last else (), x0=data_urls(last.x0) if last else (),
                t=last.t if last else None, sigma=last.sigma if last else None, shots=self.shots,
                frames=len(self.kept), grid_id=self.grid_id)


class JobTable:
    """All jobs of this process: the unfinished ones and the latest finished ones."""

    def __init__(self) -> None:
        self._jobs: dict[str, JobState] = {}
        self._lock = threading.Lock()

    def add(self, job: JobState) -> None:
        """Take a job in, if it is not there yet. Raises UserError when too many are unfinished."""
        with self._lock:
            unfinished = sum(j.status in RUNNING for j in self._jobs.values())
            if job.id not in self._jobs and unfinished >= MAX_WAITING:
                raise UserError(f"{unfinished} jobs are unfinished, which is the most that are accepted; wait for one "
                                "to end or stop one.")
            self._jobs[job.id] = job

    def remove(self, job: JobState) -> None:
        """A job that could not begin."""
        with self._lock:
            self._jobs.pop(job.id, None)

    def ended(self, job: JobState) -> None:
        """Of the jobs that have ended the latest stay, and of these the latest keep their steps."""
        job.let_go()
        with self._lock:
            finished = [j.id for j in self._jobs.values() if j.status not in RUNNING]
            for old in finished[:-KEPT]:
                del self._jobs[old]
            room = MAX_RECORDED
            for old in finished[-KEPT:][::-1]:
                room -= self._jobs[old].recorded_bytes
                if room < 0:
                    self._jobs[old].forget()

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
