"""What the database says of a comparison, in the terms of the program."""
from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from app.drawing.ask import Ask
from app.errors import UserError, sentence, sentences
from app.grids.ask import AXES, GridAsk
from app.grids.axes import NONE, Axis
from app.grids.distances import geometric_mean
from app.grids.plan import Plan, PlannedCell
from app.grids.state import CellState
from pipelines import registry
from pipelines.request import Request, plain
from storage import CellRecord, GridRecord

OLD_ASKED = {"exact": "batch_invariant"}         # as older comparisons call it
MOST = 4096                        # pictures of a cell; the bounds of a request are narrower
Distances = Annotated[list[Annotated[float, Field(ge=0, le=1)]], Field(min_length=1)]


@dataclass(frozen=True)
class _Axis:
    """What is kept of an axis."""
    name: str
    title: str
    labels: Annotated[list[str], Field(min_length=1)]


@dataclass(frozen=True)
class _Grid:
    """What is kept of a comparison."""
    asked: GridAsk
    axes: dict[Literal["x", "y", "z"], _Axis]
    distance: bool
    count: Annotated[int, Field(gt=0)]


@dataclass(frozen=True)
class _Settings:
    """What is kept of the settings of a cell, as far as others rely on it."""
    family: str
    prompt: str
    model: str
    sampler: str
    options: dict[str, Any]
    seed: int
    count: Annotated[int, Field(gt=0, le=MOST)]


@dataclass(frozen=True)
class _Snapshot:
    step: int
    of: int
    distance: float | None = None
    errors: Distances | None = None


@dataclass(frozen=True)
class _Accuracy:
    share: float
    low: float
    high: float
    count: int
    rules: int | None = None       # of the judge


@dataclass(frozen=True)
class _Metrics:
    """What is kept of a cell's measurements."""
    distance_to: str | None = None
    ssim: float | None = None
    peak_bytes: int | None = None
    accuracy: _Accuracy | None = None
    right: list[bool] | None = None
    errors: Distances | None = None
    same_as: str | None = None
    snapshot: _Snapshot | None = None
    note: str | None = None


GRID, SETTINGS, METRICS = TypeAdapter(_Grid), TypeAdapter(_Settings), TypeAdapter(_Metrics)


def fault(kind: TypeAdapter[Any], values: dict[str, Any]) -> str | None:
    """The first of some stored values that is not what it was, in words."""
    try:
        kind.validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return None


def axis_of(axis: Axis) -> dict[str, Any]:
    return {"name": axis.name, "title": axis.title, "labels": list(axis.labels)}


def upgraded(record: GridRecord) -> GridRecord:
    """A grid as it is stored now, also of one from the time when rows were samplers and columns the values of one option.

    Raises UserError if what is stored is damaged.
    """
    try:
        found = _of_today(record) if "asked" in record.settings else _of_old(record)
        problem = fault(GRID, found.settings)
    except (KeyError, TypeError) as error:
        problem = f"{error} is missing"
    if problem:
        raise UserError(f"What is stored of that comparison is damaged ({problem}); its pictures are in the gallery, and a new comparison "
                        "can draw them again.")
    return found


def _of_today(record: GridRecord) -> GridRecord:
    """With what was asked under today's names. Raises TypeError."""
    asked = {OLD_ASKED.get(name, name): value for name, value in {**record.settings["asked"]}.items()}
    return replace(record, settings=record.settings | {"asked": asked})


def _of_old(record: GridRecord) -> GridRecord:
    old = record.settings
    face = registry.face(old["family"])
    ask = Ask(old["family"], old["prompt"], old["negative_prompt"], old["model"], None, {}, old["guidance_scale"], old["seed"],
              old["count"])
    x, y = (f"{name}={','.join(map(str, values))}" for name, values in ((face.axis, old["columns"]), ("sampler", old["samplers"])))
    axes = {"x": {"name": face.axis, "title": face.axis.capitalize(), "labels": record.columns},
            "y": {"name": "sampler", "title": "Sampler", "labels": record.rows}, "z": axis_of(NONE)}
    return replace(record, settings={"asked": asdict(GridAsk(ask, x, y)), "axes": axes, "distance": True, "count": old["count"]})


def asked_of(settings: dict[str, Any]) -> GridAsk:
    return GridAsk(**settings["asked"] | {"ask": Ask.of(settings["asked"]["ask"])})


def made_from(asked: GridAsk) -> str:
    """What a grid was made with besides its axes: "Diffusion · shapes-diffusion · “a red star” · guidance 3 · seed 7 · steps 20"."""
    ask, varied = asked.ask, {text.partition("=")[0].strip() for text in (asked.x, asked.y, asked.z)}
    varied |= {"model", "sampler"} if "family" in varied else set()
    face = registry.face(ask.family) if ask.family in registry.NAMES else None                # or it is of a family that is gone
    sampler = face.every[ask.sampler].title if face and ask.sampler in face.every else ask.sampler
    whose = f"{face.title}: " if face and "family" in varied else ""                          # the other families have their own
    facts = {"family": face.title if face else ask.family, "model": ask.model or "", "prompt": f"“{ask.prompt}”" if ask.prompt else "",
             "sampler": sampler or "",
             "guidance_scale": f"{whose}guidance {ask.guidance_scale}" if ask.guidance_scale is not None else "",
             "seed": f"seed {ask.seed}"}
    facts |= {name: f"{whose}{name.replace('_', ' ')} {value}" for name, value in ask.options.items()}
    return " · ".join(text for name, text in facts.items() if text and name not in varied)


def request_of(settings: dict[str, Any]) -> Request | None:
    """What a cell drew, by which it is known again; None where that cannot be any more."""
    with suppress(KeyError, TypeError, *sentences()):
        return Request.from_dict(settings)
    return None


def places_of(record: GridRecord) -> list[tuple[int, int, int]]:
    """(layer, row, column) of all cells, in order."""
    depth, height, width = (range(len(record.settings["axes"][axis]["labels"])) for axis in ("z", "y", "x"))
    return list(product(depth, height, width))


def cells_of(record: GridRecord) -> list[CellState]:
    """All cells of a grid by their places; one that was never begun has no row and no settings."""
    there = {(cell.layer, cell.row, cell.column): cell for cell in record.cells}
    return [_state(there[place]) if place in there else CellState("stopped") for place in places_of(record)]


def _state(cell: CellRecord) -> CellState:
    """A cell as it is stored now, also of the time when distances had other means, and all samplers' were to the end of the ODE."""
    if problem := (fault(SETTINGS, cell.settings) if cell.settings else None) or fault(METRICS, cell.metrics):
        return CellState("failed", cell.id, tuple(cell.image_ids), error=f"What is stored of this cell is damaged ({problem}); retry it.")
    state = CellState(cell.status, cell.id, tuple(cell.image_ids), plain(cell.settings), cell.nfe, cell.seconds, cell.ms_per_call,
                      cell.distance, cell.metrics, cell.reason, cell.error)
    count = state.settings.get("count", 1)
    if shot := state.metrics.get("snapshot"):
        state = replace(state, metrics=state.metrics | {"snapshot": shot | {"distance": _mean(shot, shot.get("distance"), count)}})
    if state.distance is None:
        return state
    if "distance_to" not in state.metrics and not _solves_the_ode(state.settings):
        return _without_distance(state, "its distance was to a run that it does not converge to; draw it again to measure it")
    distance = _mean(state.metrics, state.distance, count)
    if distance is None:
        return _without_distance(state, "of its distance another mean was kept; draw it again to measure it")
    return replace(state, distance=distance, metrics={"distance_to": "ODE"} | state.metrics)


def _mean(measured: dict[str, Any], kept: float | None, count: int) -> float | None:
    """Of the distances of a number of pictures; None where another mean than the geometric one is all that was kept of them."""
    if errors := measured.get("errors"):
        return geometric_mean(errors)
    return kept if count == 1 else None


def _without_distance(state: CellState, why: str) -> CellState:
    kept = {name: value for name, value in state.metrics.items() if name not in ("errors", "ssim", "distance_to")}
    return replace(state, distance=None, metrics=kept | {"note": "; ".join([*filter(None, [kept.get("note")]), why])})


def _solves_the_ode(settings: dict[str, Any]) -> bool:
    request = request_of(settings)
    limit = None if request is None else registry.limit_of(request)
    return limit is not None and limit.equation == "ODE"


def plan_of(record: GridRecord) -> Plan:
    """The plan of a stored grid: what its cells were to be when it began, whatever has changed since."""
    x, y, z = (Axis(a["name"], a["title"], tuple(a["labels"]), tuple(a["labels"])) for a in (record.settings["axes"][n] for n in AXES))
    spots = tuple(_spot(place, cell) for place, cell in zip(places_of(record), cells_of(record), strict=True))
    return Plan(asked_of(record.settings), x, y, z, spots)


def _spot(place: tuple[int, int, int], cell: CellState) -> PlannedCell:
    z, y, x = place
    if cell.status == "empty" or not cell.settings:
        return PlannedCell(z, y, x, None, cell.reason or "This cell was never begun.")
    try:
        return PlannedCell(z, y, x, Request.from_dict(cell.settings), note=cell.metrics.get("note"))
    except (KeyError, TypeError):
        return PlannedCell(z, y, x, None, "What is stored of this cell is damaged.")
    except sentences() as error:                         # a model's family or a sampler is gone
        return PlannedCell(z, y, x, None, sentence(error))