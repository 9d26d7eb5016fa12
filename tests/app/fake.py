"""An artist without networks: whatever is asked of it, it draws coloured squares at once. Nothing here imports torch."""
from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from app.drawing.artist import Artist
from app.drawing.runner import Drawn
from pipelines.request import Request

SIDE = 8                           # pixels; the judge reads pictures of 32 only


def squares(request: Request) -> np.ndarray:
    """(B, SIDE, SIDE, 3) uint8: a colour for each prompt, sampler, step count and seed, nearer to that of many steps the more there are."""
    def colour(text: str) -> np.ndarray:
        return np.frombuffer(hashlib.sha256(text.encode()).digest()[:3], np.uint8).astype(float)

    found = []
    for seed in request.seeds:
        limit = colour(f"{request.family} {request.prompt} {seed}")
        off = (colour(f"{request.sampler} {request.settings['options']}") - 128) / (2 * request.steps)
        found.append(np.full((SIDE, SIDE, 3), np.clip(limit + off, 0, 255)))
    return np.stack(found).astype(np.uint8)


class Done:
    """An engine's job that is at its end when it begins."""

    def __init__(self, request: Request, problem: str | None) -> None:
        self.stats = SimpleNamespace(nfe=request.nfe, network=0.01 * request.nfe, sampler=0.0)
        drawn = Drawn(squares(request), (request.nfe,) * request.count, (None,) * request.count)
        end = SimpleNamespace(kind="failed", error=problem) if problem else SimpleNamespace(kind="done", result=drawn, error=None)
        self._events = [SimpleNamespace(kind="started"), end]

    def events(self) -> Iterator[Any]:
        return iter(self._events)


class FakeArtist(Artist):
    """problem: why a request cannot be drawn, or None."""
    problem: Callable[[Request], str | None] = staticmethod(lambda request: None)

    def submit(self, request: Request, priority: int, listener: Callable[..., None] | None = None, previews: bool = False,
               batch_invariant: int | None = None, stop: Callable[[], bool] = lambda: False) -> Any:
        job = Done(request, self.problem(request))
        for event in job.events() if listener else ():
            listener(job, event)                                                           # type: ignore[misc]
        return job

    def cancel(self, engine_job: Any) -> None:
        pass

    def load(self, name: str, stop: Callable[[], bool] = lambda: False) -> Any:
        entry = self.weights.find(name)
        return SimpleNamespace(sha256=entry.expected, size=SIDE, note=None, net=None, entry=entry)

    def notes(self, request: Request) -> list[str]:
        return []

    def held_bytes(self) -> int:
        return 0

    def environment(self) -> dict[str, str]:
        return {"device": "none"}


def without_networks(patch: pytest.MonkeyPatch) -> None:
    """From now on services have an artist of this kind."""
    patch.setattr("app.service.Artist", FakeArtist)
    for place in ("app.drawing.runner", "app.grids.run"):
        patch.setattr(f"{place}.drawn_of", lambda request, result, calls: result)
