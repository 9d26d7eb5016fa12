"""What a person asks for: one record for the page, the command line, a picture's file and row, a cell of a grid, and the tests.

`Request.from_dict` and `Request.to_dict` are the only way in and out of it. Two requests are equal where the same pictures are drawn.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from pipelines import data, registry
from pipelines.data import DEFAULT, dataset
from pipelines.hub.about import ADAPTERS, AdapterInfo, left_out
from pipelines.options import MAX_SEED, Option, OptionError, build, option, options_of, quoted, readable

if TYPE_CHECKING:
    from pipelines.data.contract import DataSet
    from pipelines.family import FamilySpec, SamplerSpec

VERSION = 3                       # of what `to_dict` writes; the first had no number, the second other names of options
# Of settings and samplers' options, as older pictures, comparisons and command lines call them.
OLD_NAMES = {"model_name": "model", "guidance": "guidance_scale", "walk": "interpolation"}

MAX_PROMPT = 4000                 # characters; 512 tokens, the most that a text encoder of ours or of the Hub reads, are about 2,500
MAX_COUNT = 64                    # images in one request


@dataclass(frozen=True)
class Request:
    """One request for pictures; image k of it has seed + k and is the picture one gets alone with that seed."""
    family: str
    model: str
    sampler: str
    options: Any                   # the sampler's own options, an instance of its frozen dataclass
    prompt: str = ""
    negative_prompt: str = ""
    adapter: str = ""              # of a pretrained model (pipelines/hub/about.py)
    data_set: str = DEFAULT        # that the model learnt from, whose captions it reads; "" of a pretrained model
    guidance_scale: float = option(3.0, "Guidance", "How strongly the caption pulls: 1 follows the model, more "
                                   "exaggerates the caption, 0 ignores it.", symbol="w", low=0, high=20)
    seed: int = option(0, "Seed", "Number of the random stream; the same seed gives the same picture again. -1: a new one, which is shown.",
                       low=0, high=MAX_SEED)
    count: int = option(4, "Images", "How many pictures; picture k has the seed plus k.", low=1, high=MAX_COUNT)

    width: int = option(0, "Width", "Of a picture, in pixels; 0 is the model's own. Models of the Hub have a choice.", low=0, high=2048)
    height: int = option(0, "Height", "Of a picture, in pixels; 0 is the model's own. Models of the Hub have a choice.", low=0, high=2048)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Request:
        """A checked request from plain values of any version; absent ones have their defaults, a stored picture is one.

        Raises OptionError with a sentence for the first thing that is wrong, such as a sampler that is gone.
        """
        given = plain(values)
        face, info = face_of(given.get("family")), ADAPTERS.get(given.get("adapter", ""))
        known, title = samplers_of(face, given.get("adapter", "")), info.title if info else face.title
        sampler = given.get("sampler") or known[0]
        if sampler not in known:
            raise OptionError(f"There is no sampler {quoted(repr(sampler))} in {title}; there are {', '.join(known)}.")
        numbers = {o.name: o.parse(given[o.name]) for o in options_of(Request) if given.get(o.name) is not None}
        if not (info.guided if info else face.guided) and numbers.setdefault("guidance_scale", 1.0) != 1:
            raise OptionError(f"{title} has no guidance, since it never answers without its caption; leave it at 1.")
        learnt = "" if info else data_set_of(given.get("data_set"))
        if not info:
            face.reads(given.get("prompt", ""), dataset(learnt))
        return cls(family=face.name, model=given.get("model") or "", sampler=sampler,
                   options=_options(face, sampler, info, given.get("options") or {}),
                   prompt=check_prompt(given.get("prompt", ""), required=info.reads != "nothing" if info else dataset(learnt).captioned,
                                       data_set=learnt),
                   negative_prompt=check_prompt(given.get("negative_prompt", ""), "negative prompt", False),
                   adapter=given.get("adapter", ""), data_set=learnt, **{"count": 1} | numbers)

    def to_dict(self) -> dict[str, Any]:
        """Every setting by name, plain values; the sampler's own under "options"."""
        return {"version": VERSION} | self.settings

    @property
    def settings(self) -> dict[str, Any]:
        """The same for people and pages, which need no version."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "options"} | {"options": asdict(self.options)}

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple((self.seed + k) % (MAX_SEED + 1) for k in range(self.count))

    def alone(self, k: int) -> Request:
        """The request that draws picture k and no other."""
        return replace(self, seed=self.seeds[k], count=1)

    @property
    def face(self) -> FamilySpec:
        return registry.face(self.family)

    @property
    def spec(self) -> SamplerSpec:
        return self.face.every[self.sampler]

    @property
    def info(self) -> AdapterInfo | None:
        """Of the kind of pretrained model, if it is one."""
        return ADAPTERS.get(self.adapter)

    @property
    def data(self) -> DataSet:
        """What the model learnt from; of a pretrained one the first set, whose captions it may be compared by."""
        return dataset(self.data_set or DEFAULT)

    @property
    def own_options(self) -> tuple[Option, ...]:
        """The options of the sampler."""
        return options_of(self.spec.options)

    @property
    def guidance_calls(self) -> int:
        """Guidance evaluates with and without the caption, unless the network is told its scale."""
        told = self.info is not None and self.info.guidance_distilled
        return 1 if told or self.guidance_scale in (0.0, 1.0) else 2

    @property
    def nfe(self) -> int:
        """Network evaluations for one image; for adaptive samplers the most that it may take."""
        return self._steps(calls=True) * self.guidance_calls

    @property
    def steps(self) -> int:
        """Steps, tokens or calls that a picture takes, whatever the family counts."""
        return self._steps(calls=False)

    def _steps(self, calls: bool) -> int:
        """calls: what they cost without guidance."""
        steps, options = getattr(self.options, "steps", None), self.options
        if self.adapter and self.face.predicts_velocity and options.t_start and not self.spec.adaptive:
            options = replace(options, steps=options.steps - left_out(options.steps, options.t_start))
        return (self.info.tokens if self.info else 0) or (not calls and steps) or self.spec.nfe(options)

    @property
    def amount(self) -> str:
        """"50 steps", "64 tokens", "1 call"."""
        return amount(self.family, self.steps)

    @property
    def title(self) -> str:
        """"a red star · DDIM · 50 steps"."""
        prompt = self.prompt if len(self.prompt) <= 60 else self.prompt[:57] + "..."
        start = " · from a picture" if getattr(self.options, "source", "") else ""
        return f"{prompt}{start} · {self.spec.title} · {self.amount}"

    @property
    def notes(self) -> list[str]:
        """All that is to be said of it before a network is there: what has no effect, what of its words means nothing."""
        from pipelines.effects import notes_of
        return notes_of(self)


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """What values of any version say of a request, under today's names; other facts of a picture are left out, nothing is checked."""
    named = renamed(values)
    if isinstance(named.get("options"), Mapping):
        named["options"] = renamed(named["options"])
    return {f.name: named[f.name] for f in fields(Request) if f.name in named}


def renamed(values: Mapping[str, Any]) -> dict[str, Any]:
    """The same under today's names."""
    return {OLD_NAMES.get(name, name): value for name, value in values.items()}


def face_of(family: Any) -> FamilySpec:
    """A family by name. Raises OptionError with the names that exist."""
    try:
        return registry.face(family)
    except (KeyError, TypeError):
        raise OptionError(f"There is no family {quoted(repr(family))}; there are {', '.join(registry.NAMES)}.") from None


def data_set_of(name: Any) -> str:
    """A data set by name, the first one if none is given. Raises OptionError with the names that exist."""
    if name and (not isinstance(name, str) or not data.there(name)):
        raise OptionError(f"There is no data set {quoted(repr(name))}; there are {', '.join(data.names())}.")
    return name or DEFAULT


def samplers_of(face: FamilySpec, adapter: str = "") -> tuple[str, ...]:
    """The samplers that work with a family's own models, or with those of an adapter; the first is the default."""
    return ADAPTERS[adapter].samplers if adapter else tuple(face.samplers)


def amount(family: str, steps: int) -> str:
    """"50 steps", "64 tokens", "1 call"; of a family that is gone, steps."""
    unit = registry.face(family).unit if family in registry.NAMES else "step"
    return f"{steps} {unit}{'s' * (steps != 1)}"


def _options(face: FamilySpec, sampler: str, info: AdapterInfo | None, given: Mapping[str, Any]) -> Any:
    """The sampler's options; those that have one value with a pretrained model have it. Raises OptionError."""
    kind = face.every[sampler].options
    fixed = {o.name: (o, info.fixed[o.name]) for o in options_of(kind) if o.name in info.fixed} if info else {}
    for name, (known, value) in fixed.items():
        if name in given and known.parse(given[name]) != value:
            raise OptionError(f"{known.label} is always {value} with {info.title if info else ''}; leave it.")
    return build(kind, {name: value for name, (_, value) in fixed.items()} | dict(given))


def check_prompt(prompt: str, name: str = "prompt", required: bool = True, data_set: str = "") -> str:
    """The prompt as it is read and stored, without outer white space. Raises OptionError with a sentence."""
    text = readable(prompt).strip()
    if required and not text:
        raise OptionError(f'The {name} is empty; write what to draw, for example "{dataset(data_set or DEFAULT).prompts[0]}".')
    if len(text) > MAX_PROMPT:
        raise OptionError(f"The {name} has {len(text):,} characters; at most {MAX_PROMPT:,} are accepted, shorten it.")
    return text
