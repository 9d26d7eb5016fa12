"""Comparisons as objects that stay: started, watched, stopped, resumed, extended, found again. Raises UserError with one sentence."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from app.grid_keeper import Keeper
from app.grid_records import asked_of, axis_of, key_of, state_of, upgraded
from app.grid_runner import EXACT, GridBackend, GridRun
from app.jobs import RUNNING, JobState
from app.live import AXES, CellState, LiveGrid
from app.models import Models
from app.plan import Pace, Plan, converges, evaluations, families, make_plan, targets
from app.requests import notes_of, settings_of
from app.views import BadInput, GridAsk, UserError
from pipelines.request import Request
from storage import Cursor, GridRecord, Storage, StorageError

KEPT = 8                           # ended grids whose cells stay in memory
SIZE = 32                          # side of a picture before one was drawn


@dataclass(frozen=True)
class GridCheck:
    """What is known of a comparison before anything runs."""
    cells: int
    empty: int                               # to which the axes do not apply,
    reason: str                              # as the first of them says
    images: int
    calls: int                               # network evaluations, without those of converged runs
    references: int                          # converged runs that distances need
    seconds: float | None                    # None until every model was measured once
    notes: tuple[str, ...]


class Desk(GridBackend, Protocol):
    """What grids need of the service."""
    def launch(self, job: JobState, request: Request, run: Callable[[], None]) -> str: ...
    def stop(self, job_id: str) -> None: ...
    def pace(self, request: Request) -> float: ...
    def estimate(self, calls: dict[str, int]) -> float | None: ...


class Grids:
    """All comparisons of a data folder."""

    def __init__(self, storage: Storage, models: Models, desk: Desk) -> None:
        self._storage, self._models, self._desk = storage, models, desk
        self.keeper = Keeper(storage)
        self._live: dict[str, LiveGrid] = {}

    def check(self, asked: GridAsk) -> GridCheck:
        """Check a comparison without running it."""
        plan = make_plan(asked, self._models)
        empty = [spot.reason for spot in plan.spots if spot.request is None]
        calls = evaluations(plan)
        notes = dict.fromkeys(note for request in plan.requests[:50] for note in notes_of(request))
        return GridCheck(len(plan.spots), len(empty), empty[0] or "" if empty else "", sum(r.count for r in plan.requests),
                         sum(calls.values()), targets(plan), self._desk.estimate(calls), tuple(notes))

    def start(self, asked: GridAsk) -> str:
        """Begin a comparison; returns the grid's id at once."""
        plan = self._plan(asked)
        live = self._new(plan)
        self._live = {**{k: v for k, v in list(self._live.items())[-KEPT:]}, live.id: live}
        return self._launch(live, plan)

    def resume(self, grid_id: str, retry: bool = False) -> str:
        """Draw the cells that are not done; retry: those that failed too. Returns the grid's id."""
        record = self.record(grid_id)
        return self._again(record, asked_of(record.settings), retry)

    def extend(self, grid_id: str, x: str, y: str, z: str) -> str:
        """Draw a grid further with more values on its axes, or fewer; finished cells stay as they are."""
        record = self.record(grid_id)
        before = asked_of(record.settings)
        for axis, text in zip(AXES, (x, y, z), strict=True):
            old = getattr(before, axis)
            if old and old.partition("=")[0].strip() != text.partition("=")[0].strip():
                raise BadInput(f"The {axis} axis of this grid is {old!r}; give it other values, or begin a new grid.")
        return self._again(record, replace(before, x=x, y=y, z=z), retry=False)

    def _again(self, record: GridRecord, asked: GridAsk, retry: bool) -> str:
        """Draw what a grid lacks of what is asked."""
        if (old := self._live.get(record.id)) is not None and old.job.status in RUNNING:
            raise UserError("That grid is being drawn already; stop it first, or wait for it to end.")
        plan = self._plan(asked)
        ended: dict[str, list[Any]] = {}
        for cell in record.cells:
            if cell.status == "done" or (cell.status == "failed" and not retry):
                ended.setdefault(key_of(cell.settings), []).append(cell)
        live = self._empty(plan, record.id)
        live.name, live.note = record.name, record.note
        moved = {}
        for i, spot in enumerate(plan.spots):
            if spot.request is not None and (same := ended.get(key_of(settings_of(spot.request)))):
                cell = same.pop(0)
                live.cells[i] = state_of(cell)
                moved[cell.id] = live.place(i)
        try:
            self._storage.place_cells(record.id, moved)
            self._fill(live, plan)
        except StorageError as error:
            raise UserError(str(error)) from error
        self._live[record.id] = live
        return self._launch(live, plan)

    def _plan(self, asked: GridAsk) -> Plan:
        seconds = any(text.partition("=")[0].strip() == "seconds" for text in (asked.x, asked.y, asked.z))
        pace: Pace | None = self._desk.pace if seconds else None
        return make_plan(asked, self._models, pace)

    def _new(self, plan: Plan) -> LiveGrid:
        """A grid and its cells, in memory and in the database."""
        try:
            live = self._empty(plan)
            live.id = self._storage.start_grid(live.job.id, **self._labels(live, plan), name=live.name)
            self._fill(live, plan)
            return live
        except StorageError as error:
            raise UserError(str(error)) from error

    def _empty(self, plan: Plan, grid_id: str = "") -> LiveGrid:
        """A grid in memory whose cells wait, with a job that is stored."""
        first, axes = plan.requests[0], {name: axis_of(getattr(plan, name)) for name in AXES}
        size = " × ".join(str(len(axes[a]["labels"])) for a in ("y", "x", "z") if axes[a]["name"]) or "1"
        name = plan.asked.name or f"{first.prompt} · {size}"
        job = JobState("compare", families(plan)[0], name, asdict(plan.asked))
        job.models = {request.model for request in plan.requests}
        cells = [CellState("empty", reason=spot.reason) if spot.request is None
                 else CellState("waiting", settings=settings_of(spot.request)) for spot in plan.spots]
        try:
            self._storage.start_job(job.kind, job.family, job.settings, job_id=job.id)
        except StorageError as error:
            raise UserError(str(error)) from error
        return LiveGrid(grid_id, axes, job, cells, SIZE, plan.asked.distance and any(map(converges, plan.requests)), first.count, name)

    def _labels(self, live: LiveGrid, plan: Plan) -> dict[str, Any]:
        rows, columns, layers = (list(live.axes[a]["labels"]) for a in ("y", "x", "z"))
        return {"rows": rows, "columns": columns, "layers": layers,
                "settings": {"asked": asdict(plan.asked), "axes": live.axes, "distance": live.distance, "count": live.count}}

    def _fill(self, live: LiveGrid, plan: Plan) -> None:
        """Rows for the cells that have none, and what the grid now is."""
        fresh = [i for i, cell in enumerate(live.cells) if cell.id is None]
        ids = self._storage.add_cells(live.id, [(*live.place(i), live.cells[i].row()) for i in fresh])
        for i, cell_id in zip(fresh, ids, strict=True):
            live.cells[i] = replace(live.cells[i], id=cell_id)
        self._storage.change_grid(live.id, status="running", **self._labels(live, plan))

    def _launch(self, live: LiveGrid, plan: Plan) -> str:
        job = live.job
        job.grid_id = live.id

        def run() -> None:
            try:
                GridRun(live, plan, self._desk, self.keeper).run()
            finally:
                self._storage.change_grid(live.id, status=job.status if job.status not in RUNNING else "failed")

        self._desk.launch(job, plan.requests[0], run)
        return live.id

    # Looking at them

    def view(self, grid_id: str, seen: int = -1, visible: Iterable[int] = ()) -> dict[str, Any]:
        """What the page draws of a grid; see `LiveGrid.view`."""
        return self.find(grid_id).view(seen, visible)

    def find(self, grid_id: str) -> LiveGrid:
        """A grid with its cells, as it is drawn or as it is stored."""
        live = self._live.get(grid_id)
        if live is None:
            record = self.record(grid_id)
            job = JobState("compare", "", record.name, record.settings, id=record.job_id, status=record.status, version=1)
            job.finished.set()
            job.step, job.calls = sum(c.status == "done" for c in record.cells), sum(c.nfe or 0 for c in record.cells)
            live = LiveGrid(grid_id, record.settings["axes"], job, [state_of(cell) for cell in record.cells], SIZE,
                            record.settings["distance"], record.settings["count"], record.name, record.note)
            live.versions = [1] * len(live.cells)
            self._live = {**{k: v for k, v in list(self._live.items())[-KEPT:]}, grid_id: live}
        return live

    def has(self, grid_id: str) -> bool:
        """Whether there is a grid of this id."""
        try:
            self.record(grid_id)
        except UserError:
            return False
        return True

    def exact(self, grid_id: str) -> int | None:
        """The size of the batches that a grid was drawn in, if it was fixed."""
        return EXACT if self.asked(grid_id).exact else None

    def images(self, grid_id: str) -> dict[int, tuple[str, ...]]:
        """The pictures of the finished cells."""
        return {i: cell.images for i, cell in enumerate(self.find(grid_id).cells) if cell.status == "done"}

    def asked(self, grid_id: str) -> GridAsk:
        """What a grid was made from."""
        return asked_of(self.record(grid_id).settings)

    def list(self, text: str = "", bin: bool = False, after: str = "") -> dict[str, Any]:
        """A page of all grids, newest first."""
        try:
            page = self._storage.grids(text, bin, Cursor.parse(after) if after else None)
        except StorageError as error:
            raise UserError(str(error)) from error
        items = [{"id": g.id, "name": g.name, "note": g.note, "created": g.created.isoformat(), "status": g.status,
                  "done": g.counts.get("done", 0), "failed": g.counts.get("failed", 0), "thumbs": list(g.image_ids),
                  "total": sum(n for status, n in g.counts.items() if status != "empty"),
                  "size": " × ".join(str(n) for n in (g.rows, g.columns, g.layers) if n > 1) or "1"} for g in page.items]
        return {"items": items, "next": str(page.next) if page.next else None, "total": page.total}

    def stop(self, grid_id: str, after: bool = False) -> None:
        """Stop now, or when the cells that are being drawn are done."""
        live = self._live.get(grid_id)
        if live is None or live.job.status not in RUNNING:
            return
        live.draining = True
        if after:
            live.job.change(note="Stopping after the cells that are being drawn.")
        else:
            self._desk.stop(live.job.id)

    def change(self, grid_id: str, name: str | None = None, note: str | None = None) -> None:
        """Rename a grid, or write a note to it."""
        given = {key: value.strip()[:500] for key, value in (("name", name), ("note", note)) if value is not None}
        try:
            self._storage.change_grid(grid_id, **given)
        except StorageError as error:
            raise UserError(str(error)) from error
        if (live := self._live.get(grid_id)) is not None:
            for key, value in given.items():
                setattr(live, key, value)
            live.job.change()

    def delete(self, grid_id: str) -> None:
        """Into the bin, with its pictures; `restore` undoes it."""
        self.stop(grid_id)
        if (live := self._live.get(grid_id)) is not None:
            live.job.finished.wait(10)                         # so that no picture comes after it is gone
        self._record_change(self._storage.delete_grid, grid_id)

    def restore(self, grid_id: str) -> None:
        self._record_change(self._storage.restore_grid, grid_id)

    def _record_change(self, what: Callable[[str], Any], grid_id: str) -> None:
        try:
            what(grid_id)
        except StorageError as error:
            raise UserError(str(error)) from error

    def record(self, grid_id: str) -> GridRecord:
        """A grid as it is stored."""
        try:
            return upgraded(self._storage.grid(grid_id))
        except StorageError as error:
            raise UserError(str(error)) from error
