"""From what a person asked for to a checked request, and how settings are written down."""
from __future__ import annotations

import random
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from app.errors import BadInput
from pipelines import registry
from pipelines.family import FamilySpec
from pipelines.hub.about import ADAPTERS, AdapterInfo, left_out
from pipelines.options import Option, OptionError, build, options_of, quoted
from pipelines.request import MAX_SEED, Request, check_prompt

NEW = -1                           # as a seed: another one each time
PROMPT = "a red star"              # that every family can read


@dataclass(frozen=True)
class Ask:
    """What a person asked for on the page or the command line, unchecked."""
    family: str
    prompt: str
    negative_prompt: str = ""
    model: str | None = None                 # None: the family's first model
    sampler: str | None = None               # None: the family's default sampler
    options: dict[str, Any] = field(default_factory=dict)      # of the sampler: steps, eta, ...
    guidance_scale: Any = None
    seed: Any = 0
    count: Any = 4
    width: Any = 0                           # pixels; 0: the model's own
    height: Any = 0
    adapter: str = ""                        # of a pretrained model; the catalog of models fills it in


@dataclass(frozen=True)
class Check:
    """What the service found in a valid request before anything runs."""
    notes: tuple[str, ...]                   # "The model does not know the word 'elephant'.", ...
    images: int
    nfe: int                                 # network evaluations for one image
    calls: int                               # network evaluations in all
    estimated_seconds: float | None          # None until a first run was measured
    settings: dict[str, Any]                 # every setting with its value, as it will be stored


def face_of(family: str) -> FamilySpec:
    """A family by name. Raises BadInput with the names that exist."""
    try:
        return registry.face(family)
    except KeyError:
        raise BadInput(f"There is no family {quoted(repr(family))}; there are {', '.join(registry.NAMES)}.") from None


def samplers_of(face: FamilySpec, adapter: str = "") -> tuple[str, ...]:
    """The samplers that work with a family's own models, or with those of an adapter; the first is the default."""
    return ADAPTERS[adapter].samplers if adapter else tuple(face.samplers)


def is_new(seed: Any) -> bool:
    """Whether a seed, as it was written, stands for another one each time."""
    return str(seed).strip() in (str(NEW), f"{NEW}.0")


def seed_of(seed: Any) -> Any:
    """A seed as it was written, or a new one in place of -1."""
    return random.randrange(MAX_SEED + 1) if is_new(seed) else seed


def with_seed(ask: Ask) -> Ask:
    return replace(ask, seed=seed_of(ask.seed))


def make_request(ask: Ask) -> Request:
    """The checked request, for the model that is named in it. Raises BadInput or OptionError with a sentence for the first
    thing that is wrong."""
    face, info = face_of(ask.family), ADAPTERS.get(ask.adapter)
    known = samplers_of(face, ask.adapter)
    sampler = ask.sampler or known[0]
    if sampler not in known:
        title = info.title if info else face.title
        raise BadInput(f"There is no sampler {quoted(repr(sampler))} in {title}; there are {', '.join(known)}.")
    given = {"guidance_scale": ask.guidance_scale, "seed": ask.seed, "count": ask.count, "width": ask.width, "height": ask.height}
    plain = {o.name: o.parse(given[o.name]) for o in options_of(Request) if given[o.name] is not None}
    guided = info.guided if info else face.guided
    if not guided and plain.setdefault("guidance_scale", 1.0) != 1:
        raise OptionError(f"{info.title if info else face.title} has no guidance, since it never answers without its caption; "
                          "leave it at 1.")
    if info is None:
        face.reads(ask.prompt)
    return Request(
        family=ask.family, model=ask.model or "", sampler=sampler, options=_options(face, sampler, info, ask.options),
        prompt=check_prompt(ask.prompt, required=info is None or info.reads != "nothing"),
        negative_prompt=check_prompt(ask.negative_prompt, "negative prompt", False), adapter=ask.adapter, **plain)


def _options(face: FamilySpec, sampler: str, info: AdapterInfo | None, given: dict[str, Any]) -> Any:
    """The sampler's options; those that have one value with a pretrained model have it. Raises OptionError."""
    kind = face.every[sampler].options
    fixed = {o.name: (o, info.fixed[o.name]) for o in options_of(kind) if o.name in info.fixed} if info else {}
    for name, (option, value) in fixed.items():
        if name in given and option.parse(given[name]) != value:
            raise OptionError(f"{option.label} is always {value} with {info.title if info else ''}; leave it.")
    return build(kind, {name: value for name, (_, value) in fixed.items()} | given)


def own_options(request: Request) -> tuple[Option, ...]:
    """The options of a request's sampler."""
    return options_of(face_of(request.family).every[request.sampler].options)


def settings_of(request: Request) -> dict[str, Any]:
    """Every setting by name, plain values; the sampler's own under "options"."""
    plain = {f.name: getattr(request, f.name) for f in fields(request) if f.name != "options"}
    return plain | {"options": asdict(request.options)}


def guidance_calls(request: Request) -> int:
    """Guidance evaluates with and without the caption, unless the network is told its scale."""
    told = bool(request.adapter) and ADAPTERS[request.adapter].told
    return 1 if told or request.guidance_scale in (0.0, 1.0) else 2


def nfe_of(request: Request) -> int:
    """Network evaluations for one image; for adaptive samplers the most that it may take."""
    return steps_of(request, calls=True) * guidance_calls(request)


def title_of(request: Request) -> str:
    spec = face_of(request.family).every[request.sampler]
    prompt = request.prompt if len(request.prompt) <= 60 else request.prompt[:57] + "..."
    start = " · from a picture" if getattr(request.options, "source", "") else ""
    return f"{prompt}{start} · {spec.title} · {amount(request.family, steps_of(request))}"


def steps_of(request: Request, calls: bool = False) -> int:
    """Steps, tokens or calls that a picture takes, whatever the family counts; calls: what they cost without guidance."""
    spec, tokens = face_of(request.family).every[request.sampler], ADAPTERS[request.adapter].tokens if request.adapter else 0
    steps, options = getattr(request.options, "steps", None), request.options
    if request.adapter and request.family == "flow" and options.t_start and not spec.adaptive:
        options = replace(options, steps=options.steps - left_out(options.steps, options.t_start))
    return tokens or (not calls and steps) or spec.nfe(options)


def amount(family: str, steps: int) -> str:
    """"50 steps", "64 tokens", "1 call"."""
    unit = registry.face(family).unit if family in registry.NAMES else "step"
    return f"{steps} {unit}{'s' * (steps != 1)}"
