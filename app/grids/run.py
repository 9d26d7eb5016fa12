"""Draws a comparison: all cells as one continuous batch, each saved when it finishes and measured against a reference solution."""
from __future__ import annotations

import queue
import time
from collections import Counter, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from app.drawing.artist import Artist
from app.drawing.runner import Drawn, drawn_of, pixels_of
from app.errors import NoRoom, sentence, sentences
from app.grids.distances import measured
from app.grids.measures import Duplicates, caption_check, similarity, why_same
from app.grids.plan import Plan, limit_text, reference_of, snapshots_wanted
from app.grids.state import CellState, LiveGrid
from app.grids.store import GridStore
from pipelines.request import Request
from storage import DiskFull

PREVIEW_SECONDS = 0.1              # least time between two live previews of a cell,
PREVIEW_PAUSE = 0.03               # and between those of all cells: pictures to look at must not hold up the networks
WINDOW_ROWS = 256                  # pictures of a grid that are in the engine at once
STOP = "stop"
ENDS = ("done", "failed", "cancelled")
BATCH = 16                         # rows of every batch of an exactly repeatable grid


def _unmeasured(cell: CellState) -> bool:
    """Whether a cell was drawn, and the run ended before its distance was known."""
    return cell.status == "done" and cell.distance is None and "distance_to" in cell.metrics


class GridRun:
    """One run over the cells of a grid that are waiting."""

    def __init__(self, live: LiveGrid, plan: Plan, artist: Artist, store: GridStore) -> None:
        self.live, self.plan, self.artist, self.store, self.job = live, plan, artist, store, live.job
        self.inbox: queue.SimpleQueue[tuple[Any, Any, Any]] = queue.SimpleQueue()
        self.waiting = deque(i for i, cell in enumerate(live.cells) if cell.status == "waiting")
        self.active: dict[Any, Any] = {}                          # cell number, or request of a reference solution -> engine's job
        self.crowded: set[str] = set()                            # models for which there is no room until others have ended
        self.shown: dict[int, float] = {}                         # when a preview was last refreshed
        self.held: dict[int, int] = {}                            # most bytes that were held while a cell ran
        self.references = {i: run for i, cell in enumerate(live.cells) if cell.status == "waiting" or _unmeasured(cell)
                           if (request := plan.spots[i].request) and (run := reference_of(request, plan))}          # by cell
        self.users = Counter(self.references.values())            # cells that have yet to be measured from a reference solution
        self.solutions: dict[Request, np.ndarray | str | None] = {}      # their pictures; None: on their way; or why there are none
        self.unmeasured: dict[int, np.ndarray] = {}               # pictures of finished cells whose reference solution is on its way
        self.duplicates = Duplicates(store.pixels)
        self.note = self.job.note                                 # what is said of the whole grid,
        self.noted: dict[int, list[str]] = {}                     # and what a cell's network said of it
        self.halted: Exception | None = None                      # why nothing can be kept any more
        self.wanted = snapshots_wanted(plan) if plan.asked.snapshots else {}

    def request(self, i: int) -> Request:
        request = self.plan.spots[i].request
        assert request is not None
        return request

    def run(self) -> None:
        """Until every cell has ended, a person stops it, or nothing can be kept any more."""
        try:
            self._run()
        finally:
            self._cancel()                                     # nothing, unless an error ended the run
            self.live.settle()

    def _run(self) -> None:
        job, live = self.job, self.live
        job.on_stop = lambda: self.inbox.put((STOP, None, None))
        job.change(status="running", total=len(live.cells) - live.counted("empty"), step=live.counted("done"))
        self._recall()
        self._keeping(self._fill)
        while self.active:
            self._keeping(self._event, *self.inbox.get())
            self._keeping(self._fill)
        live.settle()
        self._finish()

    def _keeping(self, work: Callable[..., None], *given: Any) -> None:
        """Do something that keeps what it comes to; where nothing can be kept, drawing on would be for nothing."""
        try:
            work(*given)
        except sentences() as error:
            self.halted = self.halted or error
            self._cancel()

    def _cancel(self) -> None:
        for running in self.active.values():
            self.artist.cancel(running)

    def _event(self, what: Any, engine_job: Any, event: Any) -> None:
        if what == STOP:
            self._cancel()
            return
        if event.kind in ENDS:
            self._ended(what)
        if isinstance(what, Request):
            self._reference_event(what, event)
        else:
            self._cell_event(what, engine_job, event)

    def _recall(self) -> None:
        """What finished cells looked like, so that equal ones among the new are found, and those measured that an earlier run left before
        it had."""
        for i, cell in enumerate(self.live.cells):
            if cell.status == "done" and cell.images:
                with suppress(*sentences()):                      # its file may be gone
                    self.duplicates.add(i, self.store.pixels(cell.images[0]), cell.images)
                    if i in self.references:
                        self.unmeasured[i] = np.stack([self.store.pixels(image) for image in cell.images])

    def _fill(self) -> None:
        """Cells into the engine, as many as may be there at once; those of a model for which there is no room wait until it is."""
        rows = self._measure_left(sum(self.asked(key).count for key in self.active))
        for i in list(self.waiting):
            request = self.request(i)
            if self._full(rows):
                break
            if request.model in self.crowded:
                continue
            if request.model not in self.artist.loaded():
                self.job.change(note=f"Loading {request.model}…")
            try:
                if i in self.references:
                    rows += self._start_reference(self.references[i])
                self._submit(i, request)
                rows += request.count
                self.waiting.remove(i)
            except NoRoom as error:
                self.crowded.add(request.model)
                if not self.active:
                    self._fails(i, error)
            except DiskFull:
                raise
            except sentences() as error:
                if not self.job.stopped:
                    self._fails(i, error)
            if self.job.note.startswith("Loading"):
                self.job.change(note=self.note)

    def _full(self, rows: int) -> bool:
        """Whether nothing more is to begin: so many pictures are in the engine, or the run is to end."""
        return rows >= WINDOW_ROWS or self.job.stopped or self.live.draining or self.halted is not None

    def _measure_left(self, rows: int) -> int:
        """Begin the reference solutions of cells that an earlier run left unmeasured; how many rows are in the engine then."""
        for run in dict.fromkeys(self.references[i] for i in self.unmeasured if self.references[i] not in self.solutions):
            if self._full(rows):
                break
            try:
                rows += self._start_reference(run)
            except NoRoom:                                         # until others have ended
                break
            except DiskFull:
                raise
            except sentences() as error:
                self._known(run, f"not measured: {sentence(error)}")
        return rows

    def _fails(self, i: int, error: Exception) -> None:
        self.waiting.remove(i)
        self._used(i)
        self._keep(i, status="failed", error=sentence(error))

    def asked(self, key: Any) -> Request:
        """The request of a cell's number, or a reference solution's own."""
        return self.request(key) if isinstance(key, int) else key

    def _submit(self, key: Any, request: Request) -> None:
        previews = isinstance(key, int)
        batch = BATCH if self.plan.asked.batch_invariant else None
        # What has cells under way stays in memory; what waits only may make room for others.
        self.job.models = {request.model, *(self.asked(other).model for other in self.active)}
        self.active[key] = self.artist.submit(request, 0, lambda job, event: self.inbox.put((key, job, event)), previews, batch,
                                               lambda: self.job.stopped)
        if previews:
            self.noted[key] = self.artist.notes(request)

    def _start_reference(self, reference: Request) -> int:
        """The reference solution of a cell, unless it is there or on its way; how many rows it adds."""
        if reference in self.solutions:
            return 0
        self._submit(reference, reference)
        self.solutions[reference] = None
        return reference.count

    def _reference_event(self, reference: Request, event: Any) -> None:
        if event.kind not in ENDS:
            return
        self._known(reference, drawn_of(reference, event.result, 0).pixels if event.kind == "done" else
                    f"not measured, since the reference solution {event.kind}: {event.error or 'it was stopped'}")

    def _known(self, reference: Request, found: np.ndarray | str) -> None:
        """The pictures of a reference solution, or why there are none; what waited for them is measured."""
        self.solutions[reference] = found
        for i in [i for i in self.unmeasured if self.references[i] == reference]:
            self._keep(i, **self._apart_from(reference, i, self.unmeasured.pop(i)))

    def _apart_from(self, reference: Request, i: int, pixels: np.ndarray) -> dict[str, Any]:
        """What is measured of a cell's pictures against its reference solution, which is let go when nobody needs it any more."""
        solution = self.solutions[reference]
        assert solution is not None
        self._used(i)
        if isinstance(solution, str):
            note = self.live.cells[i].metrics.get("note")
            return {"metrics": {"note": f"{note}; distance {solution}" if note else f"distance {solution}"}}
        found = measured(pixels, solution)
        return {"distance": found["distance"], "metrics": {"ssim": similarity(pixels, solution), "errors": found["errors"]}}

    def _used(self, i: int) -> None:
        """A cell needs its reference solution no more."""
        reference = self.references.pop(i, None)
        if reference is not None:
            self.users[reference] -= 1
            if not self.users[reference]:
                self.solutions.pop(reference, None)

    def _cell_event(self, i: int, engine_job: Any, event: Any) -> None:
        stats, live = engine_job.stats, self.live
        if event.kind == "started":
            live.change(i, status="running")
        elif event.kind == "preview":
            self._preview(i, event.preview)
        elif event.kind == "done":
            self._done(i, drawn_of(self.request(i), event.result, stats.nfe), stats)
        elif event.kind == "failed":
            self._used(i)
            self._keep(i, status="failed", error=event.error)
        elif event.kind == "cancelled":
            self._used(i)
            live.change(i, status="stopped")

    def _ended(self, key: Any) -> None:
        del self.active[key]
        self.shown.pop(key, None)
        if all(self.asked(other).model != self.asked(key).model for other in self.active):
            self.crowded.clear()

    def _preview(self, i: int, preview: Any) -> None:
        now = time.monotonic()
        longest = getattr(self.request(i).options, "steps", 1)
        for step, cell in self.wanted.get(i, ()):
            if preview.step == -(-step * preview.total // longest):      # a step may be shown by several previews
                self._snapshot(cell, step, longest, preview)
        if i in self.live.visible and now - self.shown.get(i, 0.0) > max(PREVIEW_SECONDS, PREVIEW_PAUSE * len(self.active)):
            self.shown[i] = now
            self.held[i] = max(self.artist.held_bytes(), self.held.get(i, 0))
            self.live.show(i, pixels_of(preview.x0))

    def _keep(self, i: int, **values: Any) -> None:
        """Change a cell: first in the database, only then on the page."""
        self.store.save_cell(self.live, i, self.live.changed(i, **values))
        self.live.change(i, **values)

    def _snapshot(self, i: int, step: int, longest: int, preview: Any) -> None:
        """What a longer run of the same line looks like after as many steps as this cell takes in all."""
        cell = self.live.cells[i]
        assert cell.id is not None
        self.store.save_snapshot(cell.id, pixels_of(preview.x_t))
        facts = {"step": step, "of": longest}
        self._keep(i, metrics={"snapshot": facts | (self._apart(cell) if cell.status == "done" else {})})

    def _apart(self, cell: CellState) -> dict[str, Any]:
        """How far a finished cell is from its snapshot."""
        own = np.stack([self.store.pixels(image) for image in cell.images])
        return measured(own, self.store.snapshot(str(cell.id), own.shape[1]))

    def _done(self, i: int, drawn: Drawn, stats: Any) -> None:
        request, live, cell = self.request(i), self.live, self.live.cells[i].id
        self.artist.measured(request, drawn, stats.network)
        try:
            images = tuple(self.artist.save(request, k, drawn, stats, self.job, cell).id for k in range(request.count))
        except DiskFull:
            raise
        except sentences() as error:
            self._used(i)
            self._keep(i, status="failed", error=sentence(error))
            return
        metrics = {"peak_bytes": max(self.artist.held_bytes(), self.held.pop(i, 0))} | caption_check(request, drawn.pixels)
        live.size = drawn.pixels.shape[1]
        note = "; ".join(dict.fromkeys(n for n in [self.plan.spots[i].note, *self.noted.pop(i, ()), *drawn.notes] if n))
        twin = self.duplicates.find(drawn.pixels)
        metrics |= {"note": note} if note else {}
        if twin is not None and twin < i:
            metrics["same_as"] = self._same(i, twin)
        elif twin is not None:                           # it was finished sooner, but stands after this one
            self._keep(twin, metrics={"same_as": self._same(twin, i)})
        self.duplicates.add(i, drawn.pixels[0], images)
        values = {"status": "done", "images": images, "nfe": round(sum(drawn.nfe) / len(drawn.nfe)),
                  "seconds": stats.network + stats.sampler, "ms_per_call": 1e3 * stats.network / max(1, stats.nfe)}
        if snapshot := live.cells[i].metrics.get("snapshot"):
            metrics["snapshot"] = snapshot | self._apart(live.changed(i, **values))
        run = self.references.get(i)
        if run is not None:
            metrics["distance_to"] = limit_text(request)
        if run is not None and self.solutions[run] is not None:
            apart = self._apart_from(run, i, drawn.pixels)
            metrics |= apart.pop("metrics")
            values |= apart
        elif run is not None:
            self.unmeasured[i] = drawn.pixels
        self._keep(i, **values, metrics=metrics)
        self.job.change(step=live.counted("done"), calls=live.calls)

    def _same(self, i: int, twin: int) -> str:
        return f"{self.live.label(twin)}{why_same(self.request(i), self.request(twin))}"

    def _finish(self) -> None:
        job, live = self.job, self.live
        failed, done, total = live.counted("failed"), live.counted("done"), len(live.cells) - live.counted("empty")
        kept = f"Stopped; {done} of {total} cells are done and kept."
        if self.halted:
            job.change(status="stopped", note=f"{kept} Resume it when that is mended.", error=sentence(self.halted))
        elif done + failed < total:
            job.change(status="stopped", note=kept)
        else:
            job.change(status="failed" if failed == total else "done",
                       error=f"{failed} of {total} cells failed; each says why." if failed else None)
