"""What a job does, on its own thread: hands a request to the engine, records what comes back, has the pictures saved."""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from app.drawing.jobs import JobState
from app.drawing.recording import Recorded
from app.errors import UserError
from pipelines.request import Request

if TYPE_CHECKING:
    from app.drawing.artist import Artist

PIXELS = 13                        # pixels of a picture whose way is recorded


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


def finished(engine_job: Any) -> Any:
    """What an engine's job came to. Raises UserError if it failed or was stopped."""
    for event in engine_job.events():
        if event.kind == "done":
            return event.result
        if event.kind in ("failed", "cancelled"):
            raise UserError(event.error or "It was stopped.")
    raise AssertionError("unreachable")


def pixels_of(images: Any) -> np.ndarray:
    """(B, 3, H, W) in [-1, 1] -> (B, H, W, 3) uint8."""
    from pipelines.data.batches import to_pixels
    return to_pixels(images)


def drawn_of(request: Request, result: Any, calls: int) -> Drawn:
    """From a sampler's result; `calls` are those of the whole request, which its rows share unless the result says else."""
    from pipelines.protocol import Outcome
    if isinstance(result, Outcome):
        return Drawn(pixels_of(result.x), tuple(n * request.guidance_calls for n in result.nfe), result.notes,
                     None if result.tokens is None else result.tokens.cpu().numpy(), result.captions)
    return Drawn(pixels_of(result), (calls,) * request.count, (None,) * request.count)


def _said(job: JobState, drawn: Drawn) -> str:
    """The job's note with what is to be said of its pictures."""
    said = [f"Picture {k + 1}: {note}" for k, note in enumerate(drawn.notes) if note]
    return " ".join([*([job.note] if job.note else []), *said])


def generate(job: JobState, request: Request, artist: Artist) -> None:
    """Draw the pictures of one request."""
    engine_job = artist.submit(request, priority=1, previews=True)
    job.on_stop = lambda: artist.cancel(engine_job)
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
            drawn = drawn_of(request, event.result, stats.nfe)
            artist.measured(request, drawn, stats.network)
            for k in range(request.count):                         # one that fails to be saved leaves those before it
                job.change(shots=(*job.shots, artist.save(request, k, drawn, stats, job)))
            job.change(status="done", tokens=drawn.tokens, calls=max(drawn.nfe), note=_said(job, drawn))
