"""Run again and compare: whether a picture comes out the same from its settings, here and now."""
from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from app.grid_keeper import Keeper
from app.grids import Grids
from app.models import Models
from app.requests import make_request
from app.runners import drawn_of
from app.views import Ask, BadInput, UserError
from pipelines.request import Request
from storage import Storage, StorageError

TOLERANCE = 3                      # of 255: as far as other batches, or another version's rounding, move a pixel at most
MOST = 256                         # pictures that are drawn again at once
BATCH = 8                          # pictures of the self-test


class Drawing(Protocol):
    """What drawing again needs of the service."""
    def submit(self, request: Request, priority: int, *, exact: int | None = None) -> Any: ...
    def environment(self) -> dict[str, str]: ...
    def digest(self, model: str) -> str: ...


def verdict(then: np.ndarray, now: np.ndarray) -> dict[str, Any]:
    """How far two pictures (H, W, 3) uint8 differ: "verdict", "max" and "mean" of 255."""
    if then.shape != now.shape:
        return {"verdict": "different", "max": 255, "mean": 255.0}
    apart = np.abs(then.astype(np.int16) - now)
    most = int(apart.max())
    return {"verdict": "bit-exact" if most == 0 else "within tolerance" if most <= TOLERANCE else "different", "max": most,
            "mean": round(float(apart.mean()), 4)}


class Reproduction:
    """Draws kept pictures again, alone, and holds them against the files."""

    def __init__(self, storage: Storage, models: Models, grids: Grids, drawing: Drawing) -> None:
        self._storage, self._models, self._grids, self._drawing = storage, models, grids, drawing
        self._keeper = Keeper(storage)

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
        found = self._again(images, self._grids.exact(grid_id))
        verdicts = dict(zip(images, found["pictures"], strict=True))
        worst = [{"i": k, **max((verdicts[image] for image in ids), key=lambda v: v["max"])} for k, ids in cells.items() if ids]
        return {"cells": worst, "then": found["then"], "now": found["now"]}

    def selftest(self, ask: Ask) -> dict[str, Any]:
        """The same seeds one by one and as one batch."""
        batch = make_request(self._models.resolved(replace(ask, count=BATCH)))
        jobs = [self._drawing.submit(batch, 1)]
        together = drawn_of(batch, jobs[0].result(), 0).pixels
        pictures = []
        for k, seed in enumerate(batch.seeds):
            alone = replace(batch, seed=seed, count=1)
            pictures.append(verdict(together[k], drawn_of(alone, self._drawing.submit(alone, 1).result(), 0).pixels[0]))
        return {"batch": BATCH, "pictures": pictures, "worst": max(pictures, key=lambda v: v["max"]), "now": self._drawing.environment()}

    def _again(self, images: list[str], exact: int | None = None) -> dict[str, Any]:
        try:
            records = [self._storage.image(image) for image in images]
            then = [self._keeper.pixels(image) for image in images]
        except StorageError as error:
            raise UserError(str(error)) from error
        jobs = []
        for record in records:
            ask = Ask(record.family, record.prompt, record.negative_prompt, record.model_name, record.sampler, record.options,
                      record.guidance, record.seed, 1)
            request = make_request(self._models.resolved(ask))
            if self._drawing.digest(record.model_name) != record.model_sha256:
                raise UserError(f"The weights {record.model_name} are not those that drew this picture ({record.model_sha256[:12]}); "
                                "put the old file back to draw it again.")
            jobs.append((request, self._drawing.submit(request, 1, exact=exact)))
        pictures = [verdict(old, drawn_of(request, job.result(), 0).pixels[0]) for old, (request, job) in zip(then, jobs, strict=True)]
        return {"pictures": pictures, "then": records[0].environment, "now": self._drawing.environment()}
