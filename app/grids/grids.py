"""Comparisons as objects that stay: started, watched, stopped, resumed, extended, found again. Raises `app.errors.sentences`."""
from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from typing import Any

from app.drawing.artist import Artist
from app.drawing.ask import is_new
from app.drawing.jobs import RUNNING, JobState
from app.errors import BadInput, UserError, sentence, sentences
from app.grids.ask import AXES, GridAsk
from app.grids.axes import comma_note
from app.grids.measures import terms
from app.grids.plan import Plan, evaluations, make_plan, references
from app.grids.records import asked_of, axis_of, cells_of, made_from, plan_of, request_of, upgraded
from app.grids.run import BATCH, GridRun
from app.grids.state import CellState, LiveGrid
from app.grids.staying import given
from app.grids.store import GridStore
from app.models.models import Models
from app.text import readable
from pipelines.request import Request
from storage import Cursor, GridRecord, StorageError

log = logging.getLogger(__name__)
KEPT = 8                           # ended grids whose cells stay in memory
SIZE = 32                          # side of a picture before one was drawn
PATIENCE = 60                      # seconds at most until a run that was stopped has ended
ELSEWHERE = "That grid is being drawn by another process of this data folder; stop it there, or wait for it to end."


@dataclass(frozen=True)
class GridCheck:
    """What is known of a comparison before anything runs."""
    cells: int
    empty: int                               # to which the axes do not apply,
    reason: str                              # as the first of them says
    images: int
    calls: int | None                        # network evaluations, without those of reference solutions; None: known when it starts
    references: int                          # reference solutions that distances need,
    reference_calls: int                     # and their network evaluations
    seconds: float | None                    # for all of it; None until every model was measured once
    notes: tuple[str, ...]


def _budget_in_seconds(asked: GridAsk) -> bool:
    return any(text.partition("=")[0].strip() == "seconds" for text in (asked.x, asked.y, asked.z))


class Grids:
    """All comparisons of a data folder."""

    def __init__(self, artist: Artist, models: Models) -> None:
        self._artist, self._models, self._storage = artist, models, artist.storage
        self.store = GridStore(artist.storage)
        self._live: dict[str, LiveGrid] = {}                       # that this process draws, and the last that it drew
        self._lock = threading.Lock()                              # of that table

    def check(self, asked: GridAsk, comma: bool = False) -> GridCheck:
        """Check a comparison without running it; a budget in seconds becomes calls only when it starts.

        comma: whether decimals are written with a comma where the person is.
        """
        plan = make_plan(asked, self._models)
        empty = [spot.reason for spot in plan.spots if spot.request is None]
        solutions, later = references(plan), _budget_in_seconds(asked)
        seconds = self._artist.estimate([*plan.requests, *solutions])
        commas = [note for text in (asked.x, asked.y, asked.z) if comma and (note := comma_note(text))]
        notes = dict.fromkeys([*commas, *plan.notes, *(note for request in plan.requests[:50] for note in request.notes)])
        return GridCheck(len(plan.spots), len(empty), empty[0] or "" if empty else "", sum(r.count for r in plan.requests),
                         None if later else evaluations(plan.requests), len(solutions), evaluations(solutions),
                         None if later else seconds, tuple(notes))

    def start(self, asked: GridAsk) -> str:
        """Begin a comparison; returns the grid's id at once."""
        plan = self._plan(asked)
        live = self._empty(plan)
        with self._beginning(live):
            live.id = self._storage.start_grid(live.job.id, **self._labels(live, plan), name=live.name)
            self._launch(live, plan)
        return live.id

    def resume(self, grid_id: str, retry: bool = False) -> str:
        """Draw the cells that are not done, as they were to be when the grid began; retry: those that failed too. Returns its id."""
        with self._taken(grid_id) as record:
            ended = ("done",) if retry else ("done", "failed")
            kept = {i: cell for i, cell in enumerate(cells_of(record)) if cell.status in ended}
            return self._go_on(record, plan_of(record), kept)

    def extend(self, grid_id: str, asked: GridAsk) -> str:
        """Draw a grid further with more values on its axes; cells that are done stay as they are, and so does the seed where a new one
        would be drawn. Returns its id.

        Raises BadInput if one of them would be lost.
        """
        with self._taken(grid_id) as record:
            before = asked_of(record.settings).ask
            if is_new(asked.ask.seed):
                asked = replace(asked, ask=replace(asked.ask, seed=before.seed))
            plan, done = self._plan(asked, given(before)), dict[Request | None, list[CellState]]()
            for cell in cells_of(record):
                if cell.status == "done":
                    done.setdefault(request_of(cell.settings), []).append(cell)
            kept = {}
            for i, spot in enumerate(plan.spots):
                if spot.request is not None and (same := done.get(spot.request)):
                    kept[i] = same.pop(0)
            if lost := sum(len(cells) for cells in done.values()):
                raise BadInput(f"{lost} finished cell{'s' * (lost != 1)} of that grid would be lost, since the settings or values above "
                               "leave them out; press Use its settings and add to its values, or begin a new grid.")
            return self._go_on(record, plan, kept)

    @contextmanager
    def _taken(self, grid_id: str) -> Iterator[GridRecord]:
        """A stored grid that is not in the bin, and that from now on nobody else draws. Raises UserError."""
        if (live := self._live.get(grid_id)) is not None:
            if live.job.status in RUNNING:
                raise UserError("That grid is being drawn already; stop it first, or wait for it to end.")
            live.settled.wait(PATIENCE)
        with self._storage.taken(grid_id) as record:
            if record.deleted:
                raise UserError("That grid is in the bin; restore it first.")
            yield upgraded(record)

    def _go_on(self, record: GridRecord, plan: Plan, kept: dict[int, CellState]) -> str:
        """Draw what a grid lacks of its plan."""
        if not plan.requests:
            raise UserError(next((spot.reason for spot in plan.spots if spot.reason), None) or "There is nothing to draw in that grid.")
        for model, cell in {cell.settings.get("model", ""): cell for cell in kept.values() if cell.images}.items():
            drawn_by = self._storage.image(cell.images[0]).model_sha256
            if drawn_by != self._artist.digest(model):
                raise UserError(f"The weights {model} have changed since that grid was begun, so new cells would not compare with the "
                                "old ones; begin a new grid.")
        live = self._empty(plan, record.id)
        live.name, live.note = record.name, record.note
        for i, cell in kept.items():
            live.cells[i] = cell
        with self._beginning(live):
            self._launch(live, plan)
        return live.id

    @contextmanager
    def _beginning(self, live: LiveGrid) -> Iterator[None]:
        """A run of a grid begins with a job that is stored; one that cannot begin has ended. Raises UserError."""
        job = live.job
        self._storage.start_job(job.kind, job.family, job.settings, job_id=job.id)
        try:
            yield
        except Exception as error:
            live.settle()
            job.change(status="failed", error=sentence(error))
            self._end(live, "stopped")
            with suppress(StorageError):                   # the job counts as interrupted then
                self._storage.finish_job(job.id, "failed", job.error)
            raise

    def _end(self, live: LiveGrid, status: str) -> None:
        """The end of a run for the database; from now on others may draw the grid."""
        try:
            if live.id:
                self._storage.end_grid(live.id, status)
        except StorageError as error:
            log.warning("the end of grid %s could not be stored, so it counts as interrupted: %s", live.id, error)
        finally:
            live.settled.set()

    def _plan(self, asked: GridAsk, dropped: Collection[str] = ()) -> Plan:
        return make_plan(asked, self._models, self._artist.pace if _budget_in_seconds(asked) else None, dropped)

    def _empty(self, plan: Plan, grid_id: str = "") -> LiveGrid:
        """A grid in memory whose cells wait."""
        first, axes = plan.requests[0], {name: axis_of(getattr(plan, name)) for name in AXES}
        size = " × ".join(str(len(axes[a]["labels"])) for a in ("y", "x", "z") if axes[a]["name"]) or "1"
        name = plan.asked.name or f"{first.prompt[:500]} · {size}"
        job = JobState("compare", first.family, name, asdict(plan.asked))
        job.models = {request.model for request in plan.requests}
        cells = [CellState("empty", reason=spot.reason) if spot.request is None
                 else CellState("waiting", settings=spot.request.settings, metrics={"note": spot.note} if spot.note else {})
                 for spot in plan.spots]
        return LiveGrid(grid_id, axes, job, cells, distance=bool(references(plan)),
                        count=first.count, name=name, made=made_from(plan.asked))

    def _labels(self, live: LiveGrid, plan: Plan) -> dict[str, Any]:
        rows, columns, layers = (list(live.axes[a]["labels"]) for a in ("y", "x", "z"))
        return {"rows": rows, "columns": columns, "layers": layers,
                "settings": {"asked": asdict(plan.asked), "axes": live.axes, "distance": live.distance, "count": live.count}}

    def _launch(self, live: LiveGrid, plan: Plan) -> None:
        """Lay out the cells in the database, those that are kept at their places and rows for the others, and draw."""
        job, kept = live.job, {cell.id: live.place(i) for i, cell in enumerate(live.cells) if cell.id is not None}
        fresh = [i for i, cell in enumerate(live.cells) if cell.id is None]
        job.grid_id, job.step_before, job.note = live.id, live.counted("done"), " ".join(plan.notes)
        job.on_end = lambda: self._end(live, job.status)
        ids = self._storage.lay_out(live.id, kept, [(*live.place(i), live.cells[i].row()) for i in fresh], status="running",
                                    job_id=job.id, **self._labels(live, plan))
        for i, cell_id in zip(fresh, ids, strict=True):
            live.cells[i] = replace(live.cells[i], id=cell_id)
        with self._lock:
            self._live.pop(live.id, None)                      # the latest stands last
            ended = [k for k, other in self._live.items() if other.job.status not in RUNNING]
            for old in ended[:max(0, len(ended) - KEPT)]:
                del self._live[old]
            self._live[live.id] = live
        self._artist.launch(job, plan.requests[0], GridRun(live, plan, self._artist, self.store).run)

    # Looking at them

    def view(self, grid_id: str, seen: int = -1, visible: Iterable[int] = ()) -> dict[str, Any]:
        """What the page draws of a grid, see `LiveGrid.view`, and "terms", what its numbers mean."""
        live = self.find(grid_id)
        view = live.view(seen, visible)
        return view | ({"terms": terms(live)} if "cells" in view else {})

    def find(self, grid_id: str) -> LiveGrid:
        """A grid with its cells: as this process draws or has drawn it, else as it is stored now."""
        if (live := self._latest(grid_id)) is not None:
            return live
        record = self.record(grid_id)
        cells = cells_of(record)
        job = JobState("compare", "", record.name, record.settings, id=record.job_id, status=record.status)
        job.finished.set()
        job.step = sum(c.status == "done" for c in cells)
        job.version = 1 + sum(c.status in ("done", "failed") for c in cells)          # another process may be drawing it
        size, first = SIZE, next((c.images[0] for c in cells if c.images), None)
        with suppress(StorageError):                           # a damaged picture does not hide the others
            size = self._storage.image(first).width if first else SIZE
        return LiveGrid(grid_id, record.settings["axes"], job, cells, size, record.settings["distance"], record.settings["count"],
                        record.name, record.note, made_from(asked_of(record.settings)))

    def _latest(self, grid_id: str) -> LiveGrid | None:
        """What this process draws, or what it drew, unless another one has gone on with it."""
        live = self._live.get(grid_id)
        if live is None or live.job.status in RUNNING:
            return live
        with suppress(StorageError):                           # what cannot be read now is in memory
            return live if self._storage.job_of(grid_id) == live.job.id else None
        return live

    def has(self, grid_id: str) -> bool:
        """Whether there is a grid of this id."""
        try:
            self.record(grid_id)
        except sentences():
            return False
        return True

    def batch_invariant(self, grid_id: str) -> int | None:
        """The size of the batches that a grid was drawn in, if it was fixed."""
        return BATCH if self.asked(grid_id).batch_invariant else None

    def images(self, grid_id: str) -> dict[int, tuple[str, ...]]:
        """The pictures of the finished cells."""
        return {i: cell.images for i, cell in enumerate(self.find(grid_id).cells) if cell.status == "done"}

    def asked(self, grid_id: str) -> GridAsk:
        """What a grid was made from."""
        return asked_of(self.record(grid_id).settings)

    def list(self, text: str = "", bin: bool = False, after: str = "") -> dict[str, Any]:
        """A page of all grids, newest first."""
        page = self._storage.grids(readable(text), bin, Cursor.parse(after) if after else None)
        items = [{"id": g.id, "name": g.name, "note": g.note, "created": g.created.isoformat(), "status": g.status,
                  "done": g.counts.get("done", 0), "failed": g.counts.get("failed", 0), "thumbs": list(g.image_ids),
                  "total": sum(n for status, n in g.counts.items() if status != "empty"),
                  "size": " × ".join(str(n) for n in (g.rows, g.columns, g.layers) if n > 1) or "1"} for g in page.items]
        return {"items": items, "next": str(page.next) if page.next else None, "total": page.total, "left_out": page.left_out}

    def stop(self, grid_id: str, after: bool = False) -> None:
        """Stop now, or when the cells that are being drawn are done."""
        live = self._live.get(grid_id)
        if live is None or live.job.status not in RUNNING:
            if (live is None or live.settled.is_set()) and self._storage.is_drawn(grid_id):
                raise UserError(ELSEWHERE)
            return
        live.draining = True
        if after:
            live.job.change(note="Stopping after the cells that are being drawn.")
        else:
            self._artist.stop(live.job.id)

    def change(self, grid_id: str, name: str | None = None, note: str | None = None) -> None:
        """Rename a grid, or write a note to it."""
        given = {key: readable(value).strip()[:500] for key, value in (("name", name), ("note", note)) if value is not None}
        self._storage.change_grid(grid_id, **given)
        if (live := self._live.get(grid_id)) is not None:
            for key, value in given.items():
                setattr(live, key, value)
            live.job.change()

    def delete(self, grid_id: str) -> None:
        """Into the bin, with its pictures; `restore` undoes it."""
        self.stop(grid_id)
        if (live := self._live.get(grid_id)) is not None:
            live.settled.wait(PATIENCE)                        # so that no picture comes after it is gone
        self._storage.delete_grid(grid_id)

    def restore(self, grid_id: str) -> None:
        self._storage.restore_grid(grid_id)

    def record(self, grid_id: str) -> GridRecord:
        """A grid as it is stored."""
        return upgraded(self._storage.grid(grid_id))
