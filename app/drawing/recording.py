"""What a run looked like on its way: steps for the scrubber while it goes on, and in a file beside a picture afterwards."""
from __future__ import annotations

import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.formulas import template
from app.drawing.png import data_urls
from app.drawing.views import Frame, Trajectories
from app.errors import UserError
from pipelines import registry
from storage import Storage, StorageError

if TYPE_CHECKING:
    from app.drawing.jobs import JobTable

MAX_FRAMES = 64                    # recorded steps of a run; longer runs are thinned evenly
DAMAGED = (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error,
           struct.error)           # what numpy and zipfile raise for files that are none of ours
DIGITS = 3                         # of a number in a formula


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
    numbers: dict[str, tuple[float, ...]] = dataclass_field(default_factory=dict)      # of the step's formula, for each picture
    field: np.ndarray | None = None                                          # (B, H, W) uint8: size of the network's field
    pixels: np.ndarray | None = None                                         # (B, K) float: x_t at a few pixels
    slopes: np.ndarray | None = None                                         # (B, K) float: the network's field there

    @property
    def bytes(self) -> int:
        """How much memory its arrays take."""
        return sum(z.nbytes for z in (self.x_t, self.x0, self.field, self.pixels, self.slopes) if z is not None)

    def of(self, k: int) -> Recorded:
        """The step of picture k alone."""
        part = slice(k, k + 1)
        more: dict[str, Any] = {name: None if (z := getattr(self, name)) is None else z[part] for name in ("field", "pixels", "slopes")}
        return replace(self, x_t=self.x_t[part], x0=self.x0[part], numbers={name: v[part] for name, v in self.numbers.items()},
                       **more)


@dataclass(frozen=True)
class Recording:
    """The recorded steps of a run, in order, and the formula of its sampler."""
    steps: tuple[Recorded, ...]
    formula: str = ""                                                        # LaTeX

    def frame(self, k: int) -> Frame:
        """Recorded step k. Raises UserError if there is none."""
        if not 0 <= k < len(self.steps):
            raise UserError(f"This run has {len(self.steps)} recorded steps; there is no step {k + 1}.")
        f = self.steps[k]
        numbers = tuple({name: f"{values[row]:.{DIGITS}g}" for name, values in f.numbers.items()} for row in range(len(f.x0)))
        return Frame(f.step, f.total, f.t, f.sigma, f.calls, data_urls(f.x_t), data_urls(f.x0), data_urls(f.field) if f.field is not None
                     else (), numbers, template(self.formula, tuple(f.numbers)))

    def trajectories(self) -> Trajectories:
        """How a few pixels of each picture moved through the recorded steps."""
        pixels = [f.pixels for f in self.steps if f.pixels is not None]
        slopes = [f.slopes for f in self.steps if f.slopes is not None]

        def by_picture(found: list[np.ndarray]) -> list[list[list[float]]]:
            return (np.stack(found) if found else np.zeros((0, 0, 0))).transpose(1, 2, 0).round(3).tolist()     # from (frames, B, K)

        return Trajectories(tuple(f.t for f in self.steps), by_picture(pixels), by_picture(slopes))

    def pack(self, k: int) -> bytes:
        """The steps of picture k as a compressed file; `unpack` is the inverse."""
        steps = [f.of(k) for f in self.steps]
        facts = [{"step": f.step, "total": f.total, "t": f.t, "sigma": f.sigma, "calls": f.calls, "numbers": f.numbers} for f in steps]
        text = json.dumps({"formula": self.formula, "steps": facts}).encode()
        arrays = {"facts": np.frombuffer(text, np.uint8)}
        for name in ("x_t", "x0", "field", "pixels", "slopes"):
            if steps and all(getattr(f, name) is not None for f in steps):
                arrays[name] = np.stack([getattr(f, name) for f in steps])
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)                                # type: ignore[arg-type]
        return buffer.getvalue()


def unpack(data: bytes) -> Recording:
    """A recording from `Recording.pack`. Raises UserError if it is none."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        steps = tuple(Recorded(**f | {"numbers": {name: tuple(v) for name, v in f["numbers"].items()}}
                               | {name: z[i] for name, z in arrays.items()}) for i, f in enumerate(facts["steps"]))
        return Recording(steps, facts["formula"])
    except DAMAGED as error:
        raise UserError("The recorded process of this picture is damaged; draw the picture again to record it anew.") from error


class Recordings:
    """Recordings by the id of a job of this session, or of a picture with which one was kept."""

    def __init__(self, jobs: JobTable, storage: Storage) -> None:
        self._jobs, self._storage = jobs, storage

    def find(self, name: str) -> Recording:
        """Raises UserError if there is none."""
        job = self._jobs.get(name)
        if job is not None and job.kind != "generate":
            raise UserError("A comparison records no steps; draw one of its pictures in the family's tab to look inside.")
        if job is None:
            try:
                return unpack(self._storage.processes.get(name))
            except StorageError as error:
                raise UserError("The recording of that run is no longer kept; run it again to look inside.") from error
        with job.lock:
            steps = tuple(job.kept)
        return Recording(steps, registry.face(job.family).every[job.settings["sampler"]].formula)

    def keep(self, job_id: str) -> int:
        """Store a finished job's recording beside its pictures; returns with how many."""
        recording, job = self.find(job_id), self._jobs.get(job_id)
        if job is None or not job.shots or not recording.steps:
            raise UserError("There is nothing to keep yet; wait until the pictures are there.")
        for k, shot in enumerate(job.shots):
            self._storage.processes.put(shot.id, recording.pack(k))
        return len(job.shots)
