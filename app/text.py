"""The edge where text comes in: what every command, handler and route makes of it before anything else."""
from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from app.views import BadInput
from pipelines import options

T = TypeVar("T")


def readable(given: T) -> T:
    """The same with every text in it composed, also those in a record or a dictionary. Raises BadInput for what is no text."""
    done: Any = given
    if isinstance(given, str):
        try:
            done = options.readable(given)
        except options.OptionError as error:
            raise BadInput(str(error)) from None
    elif isinstance(given, dict):
        done = {readable(name): readable(value) for name, value in given.items()}
    elif is_dataclass(given) and not isinstance(given, type):
        done = replace(given, **{f.name: readable(getattr(given, f.name)) for f in fields(given)})
    return done
