"""The axes of a comparison: what may vary from cell to cell, and how the values that a person wrote are read.

An axis is written as name=values: "steps=5,10,20", "eta=0-1(+0.25)", "seed=1-100[5]", "seed=-1,-1" (two new ones), "sampler=all",
"prompt=a red star | a cross".
"""
from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.drawing.ask import seed_of
from app.errors import BadInput
from app.models.views import ModelView
from pipelines import registry
from pipelines.effects import never
from pipelines.options import Option, OptionError, options_of, quoted
from pipelines.request import OLD_NAMES, Request, amount, face_of, samplers_of

MAX_VALUES = 1000                  # on one axis
MAX_TEXT = 100_000                 # characters that an axis is written with
ALL = "all"
# What no dataclass of options names. Budgets are spent by each sampler as it can: the most steps that cost no more.
OWN = {o.name: o for o in (
    Option("family", str, "", "Family", "The formulation itself: the same caption and seeds by each."),
    Option("model", str, "", "Model", "The weights."),
    Option("training", int, 0, "Training step", "Weights that the model's run kept on its way (train --keep).", low=1),
    Option("sampler", str, "", "Sampler", "How the pictures are drawn."),
    Option("prompt", str, "", "Prompt", "Captions, with | between them"),
    Option("replace", str, "", "Words replaced", "Words of the prompt, then what stands in their place, with | between them"),
    Option("negative_prompt", str, "", "Negative prompt", "What to lean away from, with | between; nothing before a | is none"),
    Option("size", str, "", "Size", "Width x height in pixels, or one side of squares, like 64x48, 96"),
    Option("nfe", int, 20, "Budget in NFE", "Number of function evaluations: how often the network runs for a picture, guidance included.",
           low=1, high=100_000),
    Option("seconds", float, 1.0, "Budget in seconds", "Time for a picture, by what a call takes on this machine.", low=0.001, high=10_000),
)}
EXAMPLES = {"prompt": "a red star | a cross", "replace": "red | green | blue", "negative_prompt": "| a small ring", "size": "64x48, 96"}
BUDGETS = ("nfe", "seconds")
# As programs write them, which may be with all digits of a double.
_DIGITS = r"(?:\d{1,17}(?:\.\d{0,30})?|\.\d{1,30})(?:e[+-]?\d{1,2})?"
_RANGE = re.compile(rf"(-?{_DIGITS})(?:\s*-\s*(-?{_DIGITS})\s*(?:\(\s*([+-]\s*{_DIGITS})\s*\)|\[\s*(\d{{1,6}})\s*\])?)?",
                    re.IGNORECASE | re.ASCII)
_PAIR = re.compile(r"(?<![\d.])(\d+),(\d+)(?![\d.])", re.ASCII)
NEAR = Decimal("1e-9")             # of a stride: as far as one that was rounded may miss the end of its range


@dataclass(frozen=True)
class Axis:
    """One thing that varies, and its values."""
    name: str
    title: str
    values: tuple[Any, ...]
    labels: tuple[str, ...]


NONE = Axis("", "", (None,), ("",))


def choices(families: Iterable[str]) -> dict[str, list[Option]]:
    """What may vary among these families, by name; samplers may know an option of one name within different bounds."""
    found: dict[str, list[Option]] = {name: [o] for name, o in OWN.items()}
    for o in options_of(Request):
        if o.name != "count":
            found[o.name] = [o]
    for family in families:
        for spec in face_of(family).every.values():
            for o in options_of(spec.options):
                if o.type is not str or o.choices:
                    found.setdefault(o.name, [])
                    found[o.name] += [o] if o not in found[o.name] else []
    return found


def offered(families: Iterable[str], models: Sequence[ModelView], drawn: Sequence[ModelView],
            picture: bool = True) -> dict[str, list[Option]]:
    """Those of the choices that do something with at least one of the models that are drawn; models: all there are; picture: whether
    there is one to start from."""
    families, works = tuple(families), {"family", "model"}
    for family in families:
        face = face_of(family)
        plain = {*OWN, *(o.name for o in options_of(Request))}
        own = samplers_of(face), tuple(never(face))
        for samplers, idle in [(m.samplers, m.idle) for m in drawn if m.family == family] or [own]:
            works |= (plain | {o.name for name in samplers for o in options_of(face.every[name].options)}) - {*idle}
    if not any("@" in m.name and m.family in families for m in models):
        works -= {"training"}
    return {name: options for name, options in choices(families).items() if name in works and (picture or not options[0].stays)}


def families_of(texts: Iterable[str], family: str, models: Sequence[ModelView]) -> tuple[str, ...]:
    """The families that a comparison speaks of: those of its axes, else the one of the request."""
    said = {name.strip(): values for name, _, values in (text.partition("=") for text in texts)}
    if "family" in said:
        return tuple(_named(said["family"], registry.NAMES, "family"))
    wanted = [part.strip() for part in said.get("model", "").split(",")]
    return tuple(dict.fromkeys(m.family for m in models if m.name in wanted)) or (family,)


def models_of(texts: Iterable[str], model: str | None, models: Sequence[ModelView]) -> list[ModelView]:
    """The models that a comparison names: those of its axis, else the one of the request."""
    said = [values for name, _, values in (text.partition("=") for text in texts) if name.strip() == "model"]
    wanted = [part.strip() for part in said[0].split(",")] if said else [model]
    return [m for m in models if m.name in wanted or ALL in wanted]


def parse_axis(text: str, families: Sequence[str], models: Sequence[ModelView] = (), drawn: Sequence[ModelView] = (),
               picture: bool = True) -> Axis:
    """An axis from name=values; "" is no axis. Every value is checked. Raises BadInput with a sentence.

    models: all there are; drawn: those that the comparison names, whose samplers may vary; picture: whether it has one to start from.
    """
    if not text.strip():
        return NONE
    if len(text) > MAX_TEXT:
        raise BadInput(f"An axis is written with {MAX_TEXT:,} characters at most, this one has {len(text):,}; name fewer values.")
    name, equals, written = (part.strip() for part in text.partition("="))
    name, known = today(name), choices(families)
    if not equals or not written:
        raise BadInput(f"The axis {quoted(repr(text.strip()))} says no values; write it like steps=5,10,20 or sampler=all.")
    if name not in known:
        titles = ", ".join(face_of(f).title for f in families)
        there = ", ".join(offered(families, models, drawn, picture))
        raise BadInput(f"There is no axis {quoted(repr(name))} for {titles}; there are {there}.")
    if known[name][0].stays and not picture:
        raise BadInput(f"{known[name][0].label} says how much stays of a picture, so that it varies only where there is one to start from: "
                       "give --picture FILE, or write source=CHECKSUM of one among the fixed settings.")
    values, labels = _values(name, written, known[name], families, models, drawn)
    if not values:
        raise BadInput(f"The axis {name} says no values that there are; write it like {name}={EXAMPLES.get(name, 'all')}.")
    if len(values) > MAX_VALUES:
        raise BadInput(f"The axis {name} has {len(values):,} values; at most {MAX_VALUES:,} are possible.")
    return Axis(name, known[name][0].label, tuple(values), tuple(labels))


def today(name: str) -> str:
    """A setting by its name of today, from how it was written, perhaps by an older version."""
    name = name.replace("-", "_")
    return OLD_NAMES.get(name, name)


def fixed_options(text: str) -> dict[str, str]:
    """Options that do not vary, from "steps=20, eta=0.5". Raises BadInput."""
    found = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        name = today(name)
        if not name or not equals or not value:
            raise BadInput(f"The fixed setting {quoted(repr(part))} could not be read; write them like steps=20, eta=0.5.")
        if name in found:
            raise BadInput(f"The fixed setting {quoted(repr(name))} has two values; write it once.")
        found[name] = value
    return found


def _values(name: str, written: str, options: list[Option], families: Sequence[str],
            models: Sequence[ModelView], drawn: Sequence[ModelView]) -> tuple[list[Any], list[str]]:
    """(values, what stands beside them)."""
    if name == "family":
        return list(families), [face_of(family).title for family in families]
    if name == "model":
        there = {m.name: m.title for m in models if m.problem is None and m.family in families}
        names = _named(written, tuple(there), "model")
        return names, [there[n] for n in names]
    if name == "sampler":
        titles = {s: face_of(family).every[s].title for family in families for s in _samplers(family, drawn)}
        names = _named(written, tuple(titles), "sampler")
        return names, [titles[n] for n in names]
    if name in WRITTEN:
        return WRITTEN[name](written)
    if name == "training" and written == ALL:
        written = ",".join(m.name.partition("@")[2] for m in models if "@" in m.name and m.family in families)
        if not written:
            raise BadInput("No run has kept weights on its way; train one with --keep N first.")
    first = options[0]
    if first.choices:
        found = _named(written, tuple(dict.fromkeys(c for o in options for c in o.choices)), first.label.lower())
        return found, found
    parts: Sequence[Any] = numbers(written, first.type is int) if first.type is not bool else \
        ("false", "true") if written == ALL else parts_of(written)
    values = list(dict.fromkeys(_parsed(options, part) for part in parts))
    return values, [label_of(first, value, families) for value in values]


def _prompts(written: str) -> tuple[list[Any], list[str]]:
    prompts = list(dict.fromkeys(part.strip() for part in written.split("|") if part.strip()))
    return prompts, prompts


def _negative_prompts(written: str) -> tuple[list[Any], list[str]]:
    """Nothing before, after or between | is no negative prompt."""
    prompts = list(dict.fromkeys(part.strip() for part in written.split("|")))
    return prompts, [f"negative: {text}" if text else "no negative prompt" for text in prompts]


def _replacements(written: str) -> tuple[list[Any], list[str]]:
    """(words, what stands in their place), the words themselves first."""
    words, *others = dict.fromkeys(part.strip() for part in written.split("|"))
    if not words or not others:
        raise BadInput(f"The axis replace says words of the prompt and what stands in their place, like replace={EXAMPLES['replace']}.")
    return [(words, text) for text in (words, *others)], [text or f"without {words}" for text in (words, *others)]


def _sizes(written: str) -> tuple[list[Any], list[str]]:
    """(width, height) of each."""
    sides, found = {o.name: o for o in options_of(Request)}, []
    for part in parts_of(written):
        width, times, height = part.lower().replace("×", "x").partition("x")
        if not width.strip() or (times and not height.strip()):
            raise BadInput(f"The size {quoted(repr(part.strip()))} could not be read; write sizes like {EXAMPLES['size']}.")
        found.append(tuple(_parsed([sides[name]], side.strip()) for name, side in (("width", width), ("height", height or width))))
    values = list(dict.fromkeys(found))
    return values, [f"{width} × {height}" if width or height else "the model's own size" for width, height in values]


WRITTEN = {"prompt": _prompts, "negative_prompt": _negative_prompts, "replace": _replacements, "size": _sizes}


def _samplers(family: str, drawn: Sequence[ModelView]) -> list[str]:
    """Those that work with one of the models, or with the family's own where none is named."""
    working = [m.samplers for m in drawn if m.family == family] or [samplers_of(face_of(family))]
    return list(dict.fromkeys(name for names in working for name in names))


def label_of(option: Option, value: Any, families: Sequence[str]) -> str:
    """"5 steps", "20 NFE", "η = 0.5", "Clip x̂0: no"."""
    if option.name == "steps":
        return amount(families[0], value)
    if option.name == "nfe":
        return f"{value} NFE"
    if option.name == "training":
        return f"training step {value:,}"
    if option.name == "seconds":
        return f"{value:g} s"
    if option.type is bool:
        return f"{option.label}: {'yes' if value else 'no'}"
    return f"seed {value}" if option.name == "seed" else f"{option.symbol or option.label} = {value:g}"


def _parsed(options: list[Option], part: Any) -> Any:
    """The value by the first option that takes it. Raises BadInput with the first one's sentence."""
    problem = None
    for o in options:
        try:
            return o.parse(part)
        except OptionError as error:
            problem = problem or error
    raise BadInput(str(problem))


def _named(written: str, there: tuple[str, ...], what: str) -> list[str]:
    """Names from a list, or all there are."""
    if written.strip() == ALL:
        return list(there)
    names = list(dict.fromkeys(part.strip() for part in written.split(",") if part.strip()))
    wrong = [n for n in names if n not in there]
    if wrong or not names:
        said = ", ".join(quoted(repr(n)) for n in wrong[:5]) + ", …" * (len(wrong) > 5)
        raise BadInput(f"There is no {what} {said or 'named'}; there are {', '.join(there) or 'none'}.")
    return names


def numbers(text: str, whole: bool) -> list[int | float]:
    """Numbers from "5,10,20", "10-50(+10)", "50-10(-10)" or "1-100[5]" (five of them, evenly); order kept, doubles dropped.

    Raises BadInput with a sentence.
    """
    found: list[int | float] = []
    for part in parts_of(text):
        match = _RANGE.fullmatch(part)
        if match is None or (whole and any(g and not g.lstrip("+- ").isdigit() for g in match.groups()[:3])):
            raise BadInput(f"The value {quoted(repr(part))} could not be read; write a list like 5,10,20 or a "
                           f"range like {'10-50(+10)' if whole else '0-1(+0.25)'}.")
        found += _values_of(match, whole, MAX_VALUES - len(found))
    return list(dict.fromkeys(found))


def parts_of(written: str) -> list[str]:
    """What stands between the commas of a list; one at its end adds nothing. Raises BadInput for a place without a value."""
    parts = [part.strip() for part in written.split(",")]
    if len(parts) > 1 and not parts[-1]:
        parts.pop()
    if "" in parts and written.strip():
        raise BadInput(f"The list {quoted(repr(written))} has nothing between two commas; write a value there, or one comma less.")
    return parts


def _values_of(match: re.Match[str], whole: bool, room: int) -> list[int | float]:
    """A number or a range, of no more values than there is room for. Raises BadInput."""
    low, high, stride = (Decimal("".join(g.split())) if g else None for g in match.groups()[:3])
    pieces, written = int(match.group(4)) if match.group(4) else None, match.group()
    assert low is not None
    if high is None:
        return [int(low) if whole else float(low)]
    stride = Decimal(1).copy_sign(high - low) if stride is None else stride
    if pieces == 0 or stride == 0:
        raise BadInput(f"The range {written!r} is empty; write it with a step or a number of values, like 10-50(+10) or 1-100[5].")
    if pieces is None and (high - low) / stride < 0:
        right = f"{match.group(1)}-{match.group(2)}({-stride:+})"
        raise BadInput(f"The range {written!r} is empty, since its end lies the other way; write {right}.")
    count = pieces or int((high - low) / stride + NEAR) + 1
    if count > room:
        raise BadInput(f"The range {written!r} has {count:,} values; at most {MAX_VALUES:,} are possible on an axis, its parts together.")
    step = (high - low) / max(pieces - 1, 1) if pieces else stride
    return [_number(low + k * step, whole) for k in range(count)]


def _number(value: Decimal, whole: bool) -> int | float:
    return round(value) if whole else round(float(value), 10)


def with_new_seeds(text: str) -> str:
    """An axis of seeds with a new one for each -1; any other axis as it is."""
    name, equals, written = text.partition("=")
    if name.strip() != "seed":
        return text
    return name + equals + ",".join(str(seed_of(part)) for part in written.split(","))


def comma_note(text: str) -> str:
    """A sentence where two numbers on an axis may be meant as one, for those who write decimals with a comma; else ""."""
    name, _, written = (part.strip() for part in text.partition("="))
    options, pair = choices(registry.NAMES).get(name.replace("-", "_"), []), _PAIR.search(written)
    if pair is None or {o.type for o in options} != {float}:
        return ""
    try:
        *others, last = (f"{value:g}" for value in numbers(written, whole=False))
    except BadInput:
        return ""                                              # which says what is wrong
    read = f"{', '.join(others)} and {last}" if others else last
    return f"{name}={written} is read as {read}; a decimal is written with a point, as in {pair[1]}.{pair[2]}."
