"""Fixed settings: which of them nothing reads, and what a cell says of those that are not for it."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from app.drawing.ask import Ask
from app.grids.axes import BUDGETS
from pipelines.options import quoted
from pipelines.request import Request, face_of

# What an axis of another name says too.
IMPLIED = {"nfe": ("steps",), "seconds": ("steps",), "size": ("width", "height")}
PLAIN: dict[str, Any] = {"negative_prompt": "", "width": 0, "height": 0}       # what else may be given, and what it is while it is not


def given(ask: Ask) -> dict[str, Any]:
    """All of them by name."""
    return {name: value for name in PLAIN if (value := getattr(ask, name))} | ask.options


def without(ask: Ask, names: Iterable[str]) -> Ask:
    """The same, as if these had not been given."""
    names = {*names}
    return replace(ask, options={name: value for name, value in ask.options.items() if name not in names},
                   **{name: value for name, value in PLAIN.items() if name in names})


def overridden(what: str, axis: str) -> str:
    """What is to be said of a setting beside an axis."""
    return f"{quoted(what)} says nothing beside the axis {axis}, which chooses it in every cell; leave out one of the two."


def unread(ask: Ask, axes: Iterable[str], requests: Iterable[Request]) -> dict[str, str]:
    """Those that none of the cells reads that can be drawn: name -> a sentence.

    axes: names of what varies.
    """
    varied = {name: axis for axis in axes for name in (axis, *IMPLIED.get(axis, ()))}
    own = [request for request in requests if request.family == ask.family]
    there = dict.fromkeys(o.name for request in own for o in request.own_options)
    limited = any(request.spec.adaptive for request in own)        # whose steps no budget says
    found = {}
    for name, value in given(ask).items():
        if name in varied and not (varied[name] in BUDGETS and limited):
            found[name] = overridden(f"{name}={quoted(value)}", varied[name])
        elif name not in PLAIN and not own:
            found[name] = f"{quoted(name)} is a setting of {face_of(ask.family).title}, by which no cell is drawn; leave it out."
        elif name not in PLAIN and name not in there:
            found[name] = f"No sampler of this grid has an option {quoted(repr(name))}; there are {', '.join(there) or 'none'}."
    return found


def note_on(request: Request, ask: Ask) -> str | None:
    """Which of them say nothing to a cell."""
    own = {o.name for o in request.own_options} if request.family == ask.family else set()
    lost = " or ".join(name.replace("_", " ") for name in ask.options if name not in own)
    if not lost:
        return None
    if request.family != ask.family:
        return f"{request.face.title} has settings of its own, not the {lost} of {face_of(ask.family).title}."
    return f"{request.spec.title} has no {lost}."
