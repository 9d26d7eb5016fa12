"""Options as frozen dataclasses: page controls, command-line flags, stored settings and tests are all made from them."""
from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from typing import Any, get_type_hints

MAX_SEED = 2**32 - 1               # of whatever has one
_DECIMAL_COMMA = re.compile(r"\s*-?\d+,\d+\s*", re.ASCII)


class OptionError(ValueError):
    """A value that an option cannot take; the message is one sentence for the user."""


def readable(text: str) -> str:
    """The text in Unicode's composed form (NFC), in which é is one character however it was typed.

    Raises OptionError for what is no text: bytes that are no UTF-8, half a character, control characters other than white space.
    """
    for c in text:
        kind = unicodedata.category(c)
        if kind == "Cs" or (kind == "Cc" and not c.isspace()):
            what = "half a character or a byte that is no UTF-8" if kind == "Cs" else f"the control character U+{ord(c):04X}"
            raise OptionError(f"The text {text[:60]!r} holds {what}; write it without.")
    return unicodedata.normalize("NFC", text)


def quoted(value: Any) -> str:
    """What somebody gave, as a sentence can say it: short, and without what is no text."""
    try:
        text = str(value)
    except ValueError:                                       # a whole number of thousands of digits
        text = "a number beyond measure"
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= 60 else text[:59] + "…"


@dataclass(frozen=True)
class Option:
    """One option as a control needs it. type is int, float, bool or str; low and high are inclusive."""
    name: str
    type: type
    default: Any
    label: str
    help: str
    symbol: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    in_plane: bool = True                    # offered in the 2-D laboratory too
    stays: bool = False                      # how much of the picture that a request starts from; does nothing without one

    def parse(self, value: Any) -> Any:
        """The value as this option's type; None is an empty text. Raises OptionError with a sentence."""
        if self.type is str and not self.choices:
            return readable("" if value is None else str(value))
        if value is None or (isinstance(value, str) and not value.strip()):
            raise OptionError(f"{self.label} is empty; {self._wanted()}.")
        if self.type is bool:
            if isinstance(value, bool) or str(value).lower() in ("true", "false"):
                return value if isinstance(value, bool) else str(value).lower() == "true"
            raise OptionError(f"{self.label} must be true or false; you asked for {quoted(repr(value))}.")
        if self.choices:
            if value in self.choices:
                return value
            raise OptionError(f"{self.label} must be one of {', '.join(self.choices)}; you asked for {quoted(repr(value))}.")
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        whole = self.type is int
        if not math.isfinite(number) or (whole and number != int(number)) or isinstance(value, bool):
            point = "; decimals are written with a point, as in 1.5" if _DECIMAL_COMMA.fullmatch(quoted(value)) else ""
            raise OptionError(f"{self.label} must be a {'whole ' if whole else ''}number {self._range()}; "
                              f"you asked for {quoted(value)}{point}.")
        if (self.low is not None and number < self.low) or (self.high is not None and number > self.high):
            raise OptionError(f"{self.label} must be {self._range()}; you asked for {quoted(value)}.")
        # An integer goes through int(value), since a large seed does not fit a float.
        return (int(value) if isinstance(value, (int, str)) and "." not in str(value) and "e" not in str(value).lower()
                else int(number)) if whole else number

    def _wanted(self) -> str:
        """What is to be done about an option that says nothing."""
        if self.type is bool:
            return "choose true or false"
        if self.choices:
            return f"choose one of {', '.join(self.choices)}"
        return f"write a {'whole ' if self.type is int else ''}number {self._range()}"

    def _range(self) -> str:
        low, high = (f"{bound:g}" if bound is None or abs(bound) < 1e6 else f"{bound:,.0f}"
                     for bound in (self.low or 0, self.high or 0))
        if self.high is None:
            return f"of at least {low}"
        return f"between {low} and {high}"


def option(default: Any, label: str, help: str, **more: Any) -> Any:
    """A dataclass field that carries an `Option`; `more` are its symbol, low, high, choices, in_plane and stays."""
    return field(default=default, metadata={"option": {"label": label, "help": help, **more}})


def from_picture(which: str = "that is changed (SDEdit, Meng et al. 2022); empty: start from noise", panel: str = "Picture") -> Any:
    """The option `source`: a picture to start from."""
    return option("", "Start from a picture", f"Checksum of the picture {which}. The {panel} panel fills it in.", symbol="x⁽⁰⁾",
                  in_plane=False)


def needs_source(options: Any, changed: bool, what: str, otherwise: str) -> None:
    """Raises OptionError where something is said of a picture and there is none."""
    if changed and not options.source:
        raise OptionError(f"{what} needs a picture to start from; choose one in the Picture panel, or {otherwise}.")


@dataclass(frozen=True)
class Tolerances:
    """Options of a solver that chooses its own steps; to be mixed into a family's own, whose number of steps it caps."""
    steps: int = option(60, "Steps at most", "A picture that needs more than these is stopped and marked; each attempted "
                        "step costs six calls.", symbol="N", low=1, high=1000)
    rtol: float = option(1e-3, "Relative tolerance", "Error that a step may make, as a share of the value.", symbol="rtol",
                         low=1e-8, high=1)
    atol: float = option(1e-3, "Absolute tolerance", "Error that a step may make where values are small.", symbol="atol",
                         low=1e-8, high=1)


@cache
def options_of(cls: type) -> tuple[Option, ...]:
    """The options of a dataclass, in order."""
    hints = get_type_hints(cls)
    return tuple(
        Option(f.name, hints[f.name], f.default if f.default is not MISSING else None, **f.metadata["option"])
        for f in fields(cls) if "option" in f.metadata)


def build(cls: type, values: Mapping[str, Any]) -> Any:
    """An options object from plain values; absent ones take their default.

    Raises OptionError with a sentence for a value out of range and for a name that the class does not have.
    """
    known = {o.name: o for o in options_of(cls)}
    for name in values:
        if name not in known:
            raise OptionError(f"There is no option {quoted(repr(name))} here; there are {', '.join(known)}.")
    return cls(**{name: known[name].parse(value) for name, value in values.items()})
