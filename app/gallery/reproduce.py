"""Run again and compare: whether a picture comes out the same from its settings, here and now."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.drawing.runner import drawn_of, finished
from app.errors import BadInput, UserError
from app.grids.grids import Grids
from app.grids.store import GridStore
from pipelines.request import Request
from storage import ImageRecord

TOLERANCE = 3                      # of 255: as far as other batches, or another version's rounding, move a pixel at most
MOST = 256                         # pictures that are drawn again at once
BATCH = 8                          # pictures of the self-test


def verdict(then: np.ndarray, now: np.ndarray) -> dict[str, Any]:
    """How far two pictures (H, W, 3) uint8 differ: "verdict", "max" and "mean" of 255."""
    if then.shape != now.shape:
        return {"verdict": "different", "max": 255, "mean": 255.0}
    apart = np.abs(then.astype(np.int16) - now)
    most = int(apart.max())
    return {"verdict": "bit-exact" if most == 0 else "within tolerance" if most <= TOLERANCE else "different", "max": most,
            "mean": round(float(apart.mean()), 4)}


class Reproduction:
    """Draws kept pictures again, each by a request of its own, and holds them against the files."""

    def __init__(self, artist: Artist, grids: Grids) -> None:
        self._artist, self._storage, self._grids = artist, artist.storage, grids
        self._store, self._turn = GridStore(artist.storage), threading.Lock()

    def of(self, name: str) -> dict[str, Any]:
        """A grid or a picture, by its id."""
        return self.grid(name) if self._grids.has(name) else self.picture(name)

    def picture(self, image_id: str) -> dict[str, Any]:
        """One picture: its verdict, device and versions then and now."""
        found = self._again([image_id])
        return found["pictures"][0] | {"then": found["then"], "now": found["now"]}

    def grid(self, grid_id: str, i: int | None = None) -> dict[str, Any]:
        """A cell of a grid, or all: the worst verdict of each cell's pictures."""
        cells = {k: images for k, images in self._grids.images(grid_id).items() if i is None or k == i}
        images = [image for ids in cells.values() for image in ids]
        if not images:
            raise BadInput("There is no finished picture to draw again; let the grid draw some first.")
        if len(images) > MOST:
            raise BadInput(f"The grid has {len(images):,} pictures; at most {MOST} are drawn again at once, so choose a cell.")
        found = self._again(images, self._grids.batch_invariant(grid_id))
        verdicts = dict(zip(images, found["pictures"], strict=True))
        worst = [{"i": k, **max((verdicts[image] for image in ids), key=lambda v: v["max"])} for k, ids in cells.items() if ids]
        return {"cells": worst, "then": found["then"], "now": found["now"]}

    def selftest(self, ask: Ask) -> dict[str, Any]:
        """The same seeds one by one and as one batch."""
        batch = self._artist.weights.request(replace(ask, count=BATCH))
        with self._alone():
            together = self._artist.drawn(batch).pixels
            pictures = [verdict(together[k], self._artist.drawn(batch.alone(k)).pixels[0]) for k in range(batch.count)]
        return {"batch": BATCH, "pictures": pictures, "worst": max(pictures, key=lambda v: v["max"]), "now": self._artist.environment()}

    def _again(self, images: list[str], batch_invariant: int | None = None) -> dict[str, Any]:
        records = [self._storage.image(image) for image in images]
        then = [self._store.pixels(image) for image in images]
        requests = [self._request(record) for record in records]
        with self._alone():
            jobs = [self._artist.submit(request, 0, batch_invariant=batch_invariant) for request in requests]
            now = [drawn_of(request, finished(job), 0).pixels[0] for request, job in zip(requests, jobs, strict=True)]
        return {"pictures": [verdict(a, b) for a, b in zip(then, now, strict=True)], "then": _environments(records),
                "now": self._artist.environment()}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One of these at a time: each holds a thread of the server. Raises UserError."""
        if not self._turn.acquire(blocking=False):
            raise UserError("Pictures are being drawn again already; wait until that is done.")
        try:
            yield
        finally:
            self._turn.release()

    def _request(self, record: ImageRecord) -> Request:
        """What drew a picture. Raises UserError if its weights are no longer there."""
        request = self._artist.weights.request(Ask.of(record.request))
        if self._artist.digest(record.model_name) != record.model_sha256:
            raise UserError(f"The weights {record.model_name} are not those that drew this picture ({record.model_sha256[:12]}); "
                            "put the old file back to draw it again.")
        return request


def _environments(records: list[ImageRecord]) -> dict[str, str]:
    """Device and versions with which pictures were drawn; all of them where they differ."""
    names = dict.fromkeys(name for record in records for name in record.environment if name != "note")
    return {name: " / ".join(dict.fromkeys(str(record.environment.get(name, "unknown")) for record in records)) for name in names}
