"""What a job does, on its own thread: hands samplers to the engine, records what comes back, saves pictures.

The service passes itself in as `Backend`, so nothing here knows of database, weights files or devices.
"""
from __future__ import annotations

import queue
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from app.jobs import JobState
from app.recording import Recorded
from app.requests import guidance_calls
from app.views import Shot, UserError
from pipelines.request import Request

PREVIEW_SECONDS = 0.1              # least time between two live previews of a compare cell
PIXELS = 13                        # pixels of a picture whose way is recorded
WINDOW_ROWS = 256                  # rows of a grid that are in the engine at once


def recorded(p: Any, calls: int) -> Recorded:
    """A preview as plain arrays: numbers per picture, the size of the field per pixel, x_t at PIXELS places."""
    rows = len(p.x_t)
    numbers = {name: tuple(float(v) for v in (value.tolist() if hasattr(value, "tolist") else [value] * rows))
               for name, value in p.numbers.items()}
    size = None
    if p.field is not None:
        size = p.field.float().square().sum(1).sqrt()                                            # (B, H, W)
        size = (255 * size / size.amax((1, 2), keepdim=True).clamp(min=1e-12)).byte().cpu().numpy()
    count = p.x_t[0, 0].numel()
    places = [round((k + 0.5) * count / PIXELS) for k in range(PIXELS)]

    def at_places(z: Any) -> np.ndarray:
        return z[:, 0].float().flatten(1)[:, places].cpu().numpy()

    return Recorded(p.step, p.total, p.t, p.sigma, calls, pixels_of(p.x_t), pixels_of(p.x0), numbers, size, at_places(p.x_t),
                    None if p.field is None else at_places(p.field))


@dataclass(frozen=True)
class Drawn:
    """What a request came to: pictures (B, H, W, 3) uint8, and for each its evaluations and what is to be said of it."""
    pixels: np.ndarray
    nfe: tuple[int, ...]
    notes: tuple[str | None, ...]
    tokens: np.ndarray | None = None         # (B, L) what they were decoded from
    captions: tuple[str, ...] = ()           # a few words to stand under each


class Backend(Protocol):
    """What a runner needs of the service."""
    def submit(self, request: Request, priority: int, listener: Callable[..., None] | None = None, look: bool = False) -> Any: ...
    def cancel(self, engine_job: Any) -> None: ...
    def save(self, request: Request, k: int, drawn: Drawn, stats: Any, job: JobState,
             cell: str | None = None) -> Shot: ...
    def save_cell(self, job: JobState, index: int) -> str: ...
    def measured(self, rows: int, seconds: float) -> None: ...
    def reference(self, request: Request) -> Request: ...
    def reference_pixels(self, request: Request) -> np.ndarray | None: ...
    def remember_reference(self, request: Request, pixels: np.ndarray) -> None: ...


def pixels_of(images: Any) -> np.ndarray:
    """(B, 3, H, W) in [-1, 1] -> (B, H, W, 3) uint8."""
    from pipelines.data.dataset import to_pixels
    return to_pixels(images)


def drawn_of(request: Request, result: Any, calls: int) -> Drawn:
    """From a sampler's result; `calls` are those of the whole request, which its rows share unless the result says else."""
    from pipelines.protocol import Outcome
    if isinstance(result, Outcome):
        return Drawn(pixels_of(result.x), tuple(n * guidance_calls(request) for n in result.nfe), result.notes,
                     None if result.tokens is None else result.tokens.cpu().numpy(), result.captions)
    return Drawn(pixels_of(result), (calls,) * request.count, (None,) * request.count)


def _said(job: JobState, drawn: Drawn) -> str:
    """The job's note with what is to be said of its pictures."""
    said = [f"Picture {k + 1}: {note}" for k, note in enumerate(drawn.notes) if note]
    return " ".join([*([job.note] if job.note else []), *said])


def generate(job: JobState, request: Request, backend: Backend) -> None:
    """Draw the pictures of one request."""
    engine_job = backend.submit(request, priority=1, look=True)
    job.on_stop = lambda: backend.cancel(engine_job)
    if job.stopped:
        job.on_stop()
    for event in engine_job.events():
        stats = engine_job.stats
        if event.kind == "started":
            job.change(status="running")
        elif event.kind == "preview":
            job.record(recorded(event.preview, stats.nfe))
            job.ms_per_call = 1e3 * stats.network / max(1, stats.nfe)
        elif event.kind == "failed":
            job.change(status="failed", error=event.error)
        elif event.kind == "cancelled":
            job.change(status="stopped", note=f"Stopped at step {job.step} of {job.total}; nothing was saved.")
        elif event.kind == "done":
            backend.measured(stats.rows, stats.network)
            drawn = drawn_of(request, event.result, stats.nfe)
            shots = tuple(backend.save(request, k, drawn, stats, job) for k in range(request.count))
            job.change(status="done", shots=shots, tokens=drawn.tokens, calls=max(drawn.nfe), note=_said(job, drawn))


@dataclass
class _Cell:
    request: Request
    engine_job: Any = None
    shown: float = 0.0             # when its preview was last refreshed


def compare(job: JobState, grid: list[list[Request]], backend: Backend) -> None:
    """Draw all cells of a grid as one continuous batch; each is saved when it finishes, and stopping keeps them.

    A converged run of the same seeds goes along; when it is there, every cell gets its distance to it.
    """
    inbox: queue.SimpleQueue[tuple[int, Any, Any]] = queue.SimpleQueue()
    cells = [_Cell(request) for row in grid for request in row]
    waiting = list(range(len(cells)))
    active: set[int] = set()
    pixels: dict[int, np.ndarray] = {}
    target = backend.reference(grid[0][0])
    target_pixels = backend.reference_pixels(target)
    target_job = None

    def submit(index: int, request: Request) -> Any:
        return backend.submit(request, 0, lambda engine_job, event: inbox.put((index, engine_job, event)), look=index >= 0)

    def fill() -> None:
        room = max(1, WINDOW_ROWS // grid[0][0].count)
        while waiting and len(active) < room and not job.stopped:
            index = waiting.pop(0)
            cells[index].engine_job = submit(index, cells[index].request)
            active.add(index)

    def measure(index: int) -> None:
        if target_pixels is not None and index in pixels:
            distance = float(np.sqrt(np.mean((pixels[index] / 255.0 - target_pixels / 255.0) ** 2)))
            job.change_cell(index, distance=distance)
            backend.save_cell(job, index)

    job.on_stop = lambda: inbox.put((-2, None, None))
    job.change(status="running", total=len(cells))
    if target_pixels is None:
        target_job = submit(-1, target)
    fill()
    while active or (target_job is not None and not job.stopped):
        index, engine_job, event = inbox.get()
        if index == -2:
            for k in active:
                backend.cancel(cells[k].engine_job)
            if target_job is not None:
                backend.cancel(target_job)
        elif index == -1:
            if event.kind == "done":
                target_pixels = drawn_of(target, event.result, 0).pixels
                backend.remember_reference(target, target_pixels)
                for k in pixels:
                    measure(k)
            if event.kind in ("done", "failed", "cancelled"):
                target_job = None
        elif _cell_event(job, index, cells[index], engine_job, event, pixels, backend):
            active.discard(index)
            job.change(step=len(pixels), calls=sum(c.nfe or 0 for c in job.cells))
            measure(index)
            fill()
    if target_job is not None:
        backend.cancel(target_job)
    for index in waiting:
        job.change_cell(index, status="stopped")
    failed = sum(cell.status == "failed" for cell in job.cells)
    if job.stopped:
        job.change(status="stopped", note=f"Stopped; {len(pixels)} of {len(cells)} cells are done and kept.")
    else:
        job.change(status="failed" if failed == len(cells) else "done",
                   error=f"{failed} of {len(cells)} cells failed; each says why." if failed else None)


def _cell_event(job: JobState, index: int, cell: _Cell, engine_job: Any, event: Any, pixels: dict[int, np.ndarray],
                backend: Backend) -> bool:
    """Draw what happened to a cell; True when it has ended."""
    stats = engine_job.stats
    if event.kind == "started":
        job.change_cell(index, status="running")
    elif event.kind == "preview" and time.monotonic() - cell.shown > PREVIEW_SECONDS:
        cell.shown = time.monotonic()
        with job.lock:
            job.cell_previews[index] = pixels_of(event.preview.x0)
            job.version += 1
    elif event.kind == "failed":
        job.change_cell(index, status="failed", error=event.error)
    elif event.kind == "cancelled":
        job.change_cell(index, status="stopped")
    elif event.kind == "done":
        drawn = drawn_of(cell.request, event.result, stats.nfe)
        pixels[index] = drawn.pixels
        backend.measured(stats.rows, stats.network)
        job.change_cell(index, nfe=round(sum(drawn.nfe) / len(drawn.nfe)), note=next((n for n in drawn.notes if n), None),
                        seconds=stats.network + stats.sampler,
                        ms_per_call=1e3 * stats.network / max(1, stats.nfe), same_as=_twin(job, index, pixels))
        cell_id = backend.save_cell(job, index)
        try:
            shots = tuple(backend.save(cell.request, k, drawn, stats, job, cell_id) for k in range(cell.request.count))
            job.change_cell(index, status="done", shots=shots)
        except UserError as error:
            job.change_cell(index, status="failed", error=str(error))
    ended = event.kind in ("done", "failed", "cancelled")
    if ended:
        backend.save_cell(job, index)
    return ended


def _twin(job: JobState, index: int, pixels: dict[int, np.ndarray]) -> str | None:
    """The label of an earlier cell with the same pixels, so that an option without effect does not go unseen.

    Pixels may differ by one of 255: that is how far rounding reaches when batches are formed otherwise.
    """
    own = pixels[index].astype(np.int16)
    for k, other in pixels.items():
        if k != index and other.shape == own.shape and np.abs(own - other).max() <= 1:
            cell = job.cells[k]
            return f"{job.rows[cell.row]}, {job.columns[cell.column]}"
    return None
