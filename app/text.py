"""The edge where text comes in: what every command, handler and route makes of it before anything else."""
from __future__ import annotations

from dataclasses import Field, fields, is_dataclass, replace
from typing import Any, TypeVar

from app.errors import BadInput
from pipelines import options

T = TypeVar("T")


def readable(given: T) -> T:
    """The same with every text in it composed, also those in a record or a dictionary. Raises OptionError for what is no text,
    BadInput where a record has a place for one."""
    done: Any = given
    if isinstance(given, str):
        done = options.readable(given)
    elif isinstance(given, dict):
        done = {readable(name): readable(value) for name, value in given.items()}
    elif is_dataclass(given) and not isinstance(given, type):
        done = replace(given, **{f.name: readable(_text(f, getattr(given, f.name))) for f in fields(given)})
    return done


def _text(place: Field[Any], value: Any) -> Any:
    """The value of a field; a page or a script may have put anything there."""
    if place.type in ("str", "str | None") and not isinstance(value, str) and (value is not None or place.type == "str"):
        raise BadInput(f"The {place.name.replace('_', ' ')} must be text; you gave {options.quoted(repr(value))}.")
    return value
