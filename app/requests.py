"""From what a person asked for to a checked request, and how settings are written down."""
from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

from app.views import Ask, BadInput, FamilyInfo, SamplerInfo
from pipelines import registry
from pipelines.data.vocabulary import unknown_words
from pipelines.options import Option, OptionError, build, options_of
from pipelines.registry import Face
from pipelines.request import Request, check_prompt


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
