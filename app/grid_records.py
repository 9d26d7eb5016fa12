"""What the database says of a comparison, in the terms of the program."""
from __future__ import annotations

from dataclasses import asdict, replace
from itertools import product
from typing import Any

from app.axes import NONE, Axis
from app.live import AXES, CellState
from app.plan import Plan, Spot
from app.requests import make_request
from app.views import Ask, GridAsk, UserError
from pipelines import registry
from storage import CellRecord, GridRecord


def axis_of(axis: Axis) -> dict[str, Any]:
    return {"name": axis.name, "title": axis.title, "labels": list(axis.labels)}


def upgraded(record: GridRecord) -> GridRecord:
    """A grid as it is stored now, of one from the time when rows were samplers and columns the values of one option."""
    old = record.settings
    if "asked" in old:
        return record
    face = registry.face(old["family"])
    ask = Ask(old["family"], old["prompt"], old["negative_prompt"], old["model"], None, {}, old["guidance_scale"], old["seed"],
              old["count"])
    x, y = (f"{name}={','.join(map(str, values))}" for name, values in ((face.axis, old["columns"]), ("sampler", old["samplers"])))
    axes = {"x": {"name": face.axis, "title": face.axis.capitalize(), "labels": record.columns},
            "y": {"name": "sampler", "title": "Sampler", "labels": record.rows}, "z": axis_of(NONE)}
    return replace(record, settings={"asked": asdict(GridAsk(ask, x, y)), "axes": axes, "distance": True, "count": old["count"]})


def asked_of(settings: dict[str, Any]) -> GridAsk:
    return GridAsk(**settings["asked"] | {"ask": Ask(**settings["asked"]["ask"])})


def key_of(settings: dict[str, Any]) -> str:
    """By which a finished cell is known again."""
    return repr(sorted((name, sorted(value.items()) if isinstance(value, dict) else value) for name, value in settings.items()))


def places_of(record: GridRecord) -> list[tuple[int, int, int]]:
    """(layer, row, column) of all cells, in order."""
    depth, height, width = (range(len(record.settings["axes"][axis]["labels"])) for axis in ("z", "y", "x"))
    return list(product(depth, height, width))


def cells_of(record: GridRecord) -> list[CellState]:
    """All cells of a grid by their places; one that was never begun has no row and no settings."""
    there = {(cell.layer, cell.row, cell.column): cell for cell in record.cells}
    return [_state(there[place]) if place in there else CellState("stopped") for place in places_of(record)]


def _state(cell: CellRecord) -> CellState:
    return CellState(cell.status, cell.id, tuple(cell.image_ids), cell.settings, cell.nfe, cell.seconds, cell.ms_per_call, cell.distance,
                     cell.metrics, cell.reason, cell.error)


def plan_of(record: GridRecord) -> Plan:
    """The plan of a stored grid: what its cells were to be when it began, whatever has changed since."""
    x, y, z = (Axis(a["name"], a["title"], tuple(a["labels"]), tuple(a["labels"])) for a in (record.settings["axes"][n] for n in AXES))
    spots = tuple(_spot(place, cell) for place, cell in zip(places_of(record), cells_of(record), strict=True))
    return Plan(asked_of(record.settings), x, y, z, spots)


def _spot(place: tuple[int, int, int], cell: CellState) -> Spot:
    z, y, x = place
    if cell.status == "empty" or not cell.settings:
        return Spot(z, y, x, None, cell.reason or "This cell was never begun.")
    given = {name: value for name, value in cell.settings.items() if name != "options"}
    try:
        return Spot(z, y, x, make_request(Ask(**given, options=cell.settings["options"])), note=cell.metrics.get("note"))
    except UserError as error:                         # a model's family or a sampler is gone
        return Spot(z, y, x, None, str(error))
