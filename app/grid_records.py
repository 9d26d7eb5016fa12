"""What the database says of a comparison, in the terms of the program."""
from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from app.axes import NONE, Axis
from app.live import CellState
from app.views import Ask, GridAsk
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


def state_of(cell: CellRecord) -> CellState:
    """A cell as the database has it."""
    return CellState(cell.status, cell.id, tuple(cell.image_ids), cell.settings, cell.nfe, cell.seconds, cell.ms_per_call, cell.distance,
                     cell.metrics, cell.reason, cell.error)
