"""From what a person asked for to a checked request, and how settings are written down."""
from __future__ import annotations

import re
from dataclasses import asdict, fields
from typing import Any

from app.views import Ask, BadInput, FamilyInfo, SamplerInfo
from pipelines import registry
from pipelines.data.vocabulary import unknown_words
from pipelines.options import Option, OptionError, build, options_of
from pipelines.registry import Face
from pipelines.request import Request, check_prompt

MAX_CELLS = 900
MAX_EVALUATIONS = 400_000          # network evaluations in one grid


def face_of(family: str) -> Face:
    """A family by name. Raises BadInput with the names that exist."""
    try:
        return registry.face(family)
    except KeyError:
        raise BadInput(f"There is no family {family!r}; there are {', '.join(registry.NAMES)}.") from None


def family_info(name: str) -> FamilyInfo:
    """What the page is made from."""
    face = face_of(name)
    samplers = tuple(SamplerInfo(s.name, s.title, s.summary, s.source, s.formula, s.file, options_of(s.options))
                     for s in face.samplers.values())
    return FamilyInfo(face.name, face.title, face.accent, samplers, options_of(Request), face.about, face.compared, face.two_way,
                      face.field, face.estimate, face.tangent, face.state, face.unit, face.guided, axis_of(face), face.columns)


def axis_of(face: Face) -> Option:
    """The option that a comparison varies from column to column."""
    return next(o for spec in face.samplers.values() for o in options_of(spec.options) if o.name == face.axis)


def make_request(ask: Ask) -> Request:
    """The checked request, for the model that is named in it. Raises BadInput with a sentence for the first thing that is wrong."""
    face = face_of(ask.family)
    sampler = ask.sampler or next(iter(face.samplers))
    if sampler not in face.samplers:
        raise BadInput(f"There is no sampler {sampler!r} in {face.title}; there are {', '.join(face.samplers)}.")
    given = {"guidance_scale": ask.guidance_scale, "seed": ask.seed, "count": ask.count}
    try:
        plain = {o.name: o.parse(given[o.name]) for o in options_of(Request) if given[o.name] is not None}
        if not face.guided and plain.setdefault("guidance_scale", 1.0) != 1:
            raise OptionError(f"{face.title} has no guidance, since it never answers without its caption; leave it at 1.")
        face.reads(ask.prompt)
        return Request(
            family=ask.family, model=ask.model or "", sampler=sampler, options=build(face.samplers[sampler].options, ask.options),
            prompt=check_prompt(ask.prompt), negative_prompt=check_prompt(ask.negative_prompt, "negative prompt", False),
            **plain)
    except OptionError as error:
        raise BadInput(str(error)) from None


def settings_of(request: Request) -> dict[str, Any]:
    """Every setting by name, plain values; the sampler's own under "options"."""
    plain = {f.name: getattr(request, f.name) for f in fields(request) if f.name != "options"}
    return plain | {"options": asdict(request.options)}


def guidance_calls(request: Request) -> int:
    """Guidance evaluates with and without the caption."""
    return 1 if request.guidance_scale in (0.0, 1.0) else 2


def nfe_of(request: Request) -> int:
    """Network evaluations for one image; for adaptive samplers the most that it may take."""
    return face_of(request.family).samplers[request.sampler].nfe(request.options) * guidance_calls(request)


def title_of(request: Request) -> str:
    spec = face_of(request.family).samplers[request.sampler]
    prompt = request.prompt if len(request.prompt) <= 60 else request.prompt[:57] + "..."
    start = " · from a picture" if getattr(request.options, "source", "") else ""
    return f"{prompt}{start} · {spec.title} · {amount(request.family, steps_of(request))}"


def steps_of(request: Request) -> int:
    """Steps, tokens or calls that a picture takes, whatever the family counts."""
    spec = face_of(request.family).samplers[request.sampler]
    return getattr(request.options, "steps", None) or spec.nfe(request.options)


def amount(family: str, steps: int) -> str:
    """"50 steps", "64 tokens", "1 call"."""
    unit = registry.face(family).unit if family in registry.NAMES else "step"
    return f"{steps} {unit}{'s' * (steps != 1)}"


def notes_of(request: Request) -> list[str]:
    """Sentences about words that the model cannot know."""
    reading = face_of(request.family).reads(request.prompt)
    notes = [reading] if reading else []
    for place, text in (("", request.prompt), (" of the negative prompt", request.negative_prompt)):
        unknown = unknown_words(text)
        if unknown:
            words = ", ".join(f"“{word}”" for word in unknown[:5])
            notes.append(f"The model has never seen the word{'s' * (len(unknown) > 1)} {words}{place}; it guesses from the "
                         "letters.")
    return notes


def cut_of(request: Request) -> list[str]:
    """A sentence if the prompt is longer than the model reads; needs the tokenizer, and so torch."""
    from pipelines.data.tokenizer import tokenizer
    cut = tokenizer().encode(request.prompt).cut
    return [f"The prompt is longer than the model reads; its last {len(cut)} tokens were left out."] if cut else []


def parse_steps(text: str) -> list[int]:
    """Step counts from "5,10,20", "10-50(+10)" or "1-100[5]" (five of them, evenly); order kept, doubles dropped.

    Raises BadInput with a sentence.
    """
    counts: list[int] = []
    for part in str(text).split(","):
        match = re.fullmatch(r"\s*(\d{1,7})\s*(?:-\s*(\d{1,7})\s*(?:\(\s*\+\s*(\d{1,7})\s*\)|\[\s*(\d{1,4})\s*\])?)?\s*", part)
        if match is None:
            raise BadInput(f"The steps {part.strip()!r} could not be read; write a list like 5,10,20 or a range like "
                            "10-50(+10).")
        low, high, stride, pieces = (int(group) if group else None for group in match.groups())
        assert low is not None
        if high is None:
            counts.append(low)
        elif high < low or stride == 0 or pieces == 0 or high > 1_000_000:
            raise BadInput(f"The range {part.strip()!r} is empty; write it from low to high, like 10-50(+10).")
        elif pieces is not None:
            counts += [round(low + k * (high - low) / max(pieces - 1, 1)) for k in range(pieces)]
        else:
            counts += range(low, min(high, low + MAX_CELLS * (stride or 1)) + 1, stride or 1)
    return list(dict.fromkeys(counts))


def parse_numbers(option: Option, text: str) -> list[float]:
    """Values of an option that is no whole number: a list like "0.5, 0.8, 1". Raises BadInput with a sentence."""
    try:
        return list(dict.fromkeys(option.parse(part.strip()) for part in str(text).split(",")))
    except OptionError as error:
        raise BadInput(f"{error} Write a list like 0.5, 0.8, 1.") from None


def column_label(face: Face, value: float) -> str:
    """What stands above a column of a grid."""
    return amount(face.name, int(value)) if face.axis == "steps" else f"{axis_of(face).symbol} = {value:g}"


def column_of(request: Request) -> float | None:
    """The value of the option that the columns of a grid vary; None for a sampler that has no such option."""
    return getattr(request.options, face_of(request.family).axis, None)


def make_grid(ask: Ask, samplers: list[str], values: str) -> list[list[Request]]:
    """The requests of a grid, rows = samplers, columns = values of the family's axis (steps, temperature). Raises BadInput."""
    if not samplers:
        raise BadInput("No sampler is chosen; choose at least one to compare.")
    face = face_of(ask.family)
    axis = axis_of(face)
    counts: list[Any] = parse_steps(values) if axis.type is int else parse_numbers(axis, values)
    if len(samplers) * len(counts) > MAX_CELLS:
        raise BadInput(f"The grid would have {len(samplers) * len(counts):,} cells; at most {MAX_CELLS} are possible.")
    grid = []
    for sampler in dict.fromkeys(samplers):
        spec = face.samplers.get(sampler)
        # An option that a sampler does not have (eta, Karras spacing) is not an error in a grid over samplers.
        names = {o.name for o in options_of(spec.options)} if spec else set()
        shared = {name: value for name, value in ask.options.items() if name in names and name != axis.name}
        grid.append([
            make_request(Ask(ask.family, ask.prompt, ask.negative_prompt, ask.model, sampler,
                             shared | ({axis.name: count} if axis.name in names else {}), ask.guidance_scale, ask.seed, ask.count))
            for count in counts])
    evaluations = sum(nfe_of(request) * request.count for row in grid for request in row)
    if evaluations > MAX_EVALUATIONS:
        raise BadInput(f"The grid would need {evaluations:,} network evaluations; at most {MAX_EVALUATIONS:,} are "
                        "accepted, so use fewer steps, samplers or images.")
    return grid


def grid_labels(grid: list[list[Request]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What stands beside the rows and above the columns of a grid."""
    face = face_of(grid[0][0].family)
    return tuple(face.samplers[row[0].sampler].title for row in grid), tuple(column_label(face, value) for value in _columns(grid))


def grid_settings(grid: list[list[Request]]) -> dict[str, Any]:
    """The settings that all cells share, and what rows and columns are."""
    shared = {name: value for name, value in settings_of(grid[0][0]).items() if name not in ("sampler", "options")}
    return shared | {"samplers": [row[0].sampler for row in grid], "columns": _columns(grid)}


def _columns(grid: list[list[Request]]) -> list[Any]:
    """The value of each column, which some sampler may lack."""
    return [next((value for value in map(column_of, column) if value is not None), 0) for column in zip(*grid, strict=True)]
