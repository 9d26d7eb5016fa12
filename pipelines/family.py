"""What a family of models is: its page before torch is imported (`FamilySpec`), its mathematics afterwards (`Family`)."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from types import ModuleType
from typing import TYPE_CHECKING, Any

from pipelines.options import options_of

if TYPE_CHECKING:
    from torch import nn

    from pipelines.data.contract import DataSet
    from pipelines.numerics.ode_inversion import OdeInversion
    from pipelines.protocol import MemoryShape, Sampler
    from pipelines.request import Request
    from pipelines.toy2d.toy2d import Toy2D


@dataclass(frozen=True)
class Limit:
    """Where the pictures of a seed go as a sampler's steps grow: to the solution of its equation, on the seed's Brownian path if the
    equation has one. A run of many steps stands for it, the reference solution: one for all samplers that solve the same equation."""
    equation: str                            # "ODE" or "SDE"
    sampler: str                             # of the run,
    options: Mapping[str, Any]               # its steps and spacing,
    keeps: tuple[str, ...]                   # and which options of the request belong to the equation

    def of(self, options: Any) -> Limit:
        """The same, as `SamplerSpec.limit` of a sampler that solves the equation whatever its options."""
        return self


@dataclass(frozen=True)
class Scheduler:
    """What does a sampler's work with pretrained models: a class of the diffusers library."""
    name: str
    settings: Mapping[str, Any] = dataclass_field(default_factory=dict, hash=False)
    noise: str = ""                          # that its steps add: "streams" of the rows, or their Brownian "paths"
    in_sigma: bool = False                   # it works in noise levels, and can be told which to visit
    clips: bool = False                      # it holds x0 in its range itself


@dataclass(frozen=True)
class SamplerSpec:
    """One way to draw a picture with a family's network: made by `sampler` of the function that draws, and called as that is."""
    name: str
    title: str
    summary: str                             # one line: what it is, when to use it
    source: str                              # paper, equation or algorithm
    formula: str                             # LaTeX of one step
    options: type                            # frozen dataclass
    nfe: Callable[[Any], int]                # evaluations per image for these options, without guidance
    file: str                                # where it is written out
    run: Callable[..., Any] | None = None    # what draws with our own models; None: it is there for pretrained ones alone
    scheduler: Scheduler | None = None       # what draws with pretrained ones in its place
    order: int | None = None                 # of convergence to the solution of its equation; None: it solves none
    adaptive: bool = False                   # nfe is then the most that a picture may take
    limit: Callable[[Any], Limit | None] = lambda options: None       # where more steps lead with these options; None: to no picture of
    #                                          the seed, since every step draws new noise, or there are no steps

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        assert self.run is not None
        return self.run(*arguments, **named)


def sampler(name: str, title: str, summary: str, options: type, nfe: Callable[[Any], int], *, source: str, formula: str, file: str = "",
            **more: Any) -> Callable[[Callable[..., Any]], SamplerSpec]:
    """Makes a sampler of the function below it. file: where it is written out, if not there; `more` are the other fields."""
    def made(run: Callable[..., Any]) -> SamplerSpec:
        here = run.__module__.replace(".", "/") + ".py"
        return SamplerSpec(name, title, summary, source, formula, options, nfe, file or here, run, **more)
    return made


def samplers_in(*modules: ModuleType) -> dict[str, SamplerSpec]:
    """The samplers that stand in these modules, in order: the first of a family is its default."""
    return {spec.name: spec for module in modules for spec in vars(module).values()
            if isinstance(spec, SamplerSpec) and (spec.run is None or spec.run.__module__ == module.__name__)}


def calls_a_step(count: int) -> Callable[[Any], int]:
    """The cost of a solver that evaluates the network so many times a step."""
    return lambda options: count * options.steps


@dataclass(frozen=True)
class Term:
    """A paragraph of the "How it works" panel with its formula."""
    title: str
    text: str
    formula: str                             # LaTeX
    file: str


@dataclass(frozen=True)
class About:
    """What the network stands for, how it is trained, how it is sampled; in our own words."""
    network: Term
    objective: Term
    sampling: Term
    more: tuple[Term, ...] = ()              # what is particular to the family


@dataclass(frozen=True)
class Toy2DSpec:
    """What the page must know of a family's laboratory in the plane (`Family.toy2d`) before torch is imported."""
    parts: tuple[str, ...] = ()              # of a network with several, each of which can be trained step by step
    learnt: tuple[str, ...] = ()             # options of a new network that count there
    field: str = "field"                     # what is seen of the network, in a word and in a line
    about_field: str = "Arrows of the network's field at this time"
    starts: bool = True                      # particles come from a point that may be the same for all
    no_likelihood: str = ""                  # why there are no contours


@dataclass(frozen=True)
class FamilySpec:
    """What a page or a command line must know of a family before torch is imported."""
    name: str
    title: str
    accent: str                              # its colour everywhere on the page
    paper: str
    samplers: Mapping[str, SamplerSpec]      # the first is the default
    about: About
    network: type                            # frozen dataclass: options of a new network
    compared: tuple[str, ...]                # samplers that a comparison begins with
    field: str = ""                          # what the network answers, as the page writes it: "|v| velocity"
    estimate: str = "x̂0"                     # the estimate of the finished picture
    state: str = "x_t"                       # what a sampler has on its way
    predicts_velocity: bool = False          # the answer is the direction of the way
    invertible: bool = False                 # an ODE leads from pictures to noise and back: Family.ode_inversion
    draws_tokens: bool = False               # a picture is drawn token after token,
    single_call: bool = False                # or at once; by all other families in steps
    stages: tuple[str, ...] = ()             # names of Family.stages
    defaults: Callable[[dict[str, Any]], dict[str, Any]] = lambda config: {}   # a network's configuration -> where its model
    #                                          differs from the options' own: "sampler", "steps", "guidance_scale"
    reads: Callable[[str, DataSet], str | None] = lambda prompt, data: None        # a note on how it reads a prompt of a data set;
    #                                          raises OptionError if it can not
    label_only: bool = False                 # it knows the class of a picture's main thing, and is judged by that alone
    guided: bool = True                      # guidance makes sense: there is an answer without the caption
    axis: str = "steps"                      # the option that a comparison varies from column to column
    columns: str = "5, 10, 20"               # and the values that it begins with
    pretrained: Mapping[str, SamplerSpec] = dataclass_field(default_factory=dict)      # further samplers, for models of the Hub alone
    toy2d: Toy2DSpec = Toy2DSpec()

    @property
    def every(self) -> dict[str, SamplerSpec]:
        """All samplers, of our own models and of others."""
        return {**self.samplers, **self.pretrained}

    @property
    def starts_from_pictures(self) -> bool:
        """Whether a picture's own pixels may be begun with; what draws tokens begins with codes."""
        return not self.draws_tokens and any(o.stays for spec in self.samplers.values() for o in options_of(spec.options))

    @property
    def stepwise(self) -> bool:
        """Whether there is a way from noise to picture, of as many steps as are asked for."""
        return not (self.draws_tokens or self.single_call)

    @property
    def unit(self) -> str:
        """What a picture takes several of, in a word."""
        return "step" if self.stepwise else "token" if self.draws_tokens else "call"


@dataclass(frozen=True)
class Stage:
    """A part of a network that is trained before the rest, by an objective of its own."""
    loss: Callable[..., Any]                 # (net, batch, rng) -> loss
    prefix: str                              # of the names of its parameters; all others are held


@dataclass(frozen=True)
class OwnData:
    """Pictures that a model draws itself for another to learn from."""
    draw: Callable[..., Iterator[int]]       # (net, folder, count, items, device, cores) -> how many there are, as they come
    data: Callable[..., Any]                 # (folder, data set, seed, size, pairs) -> what `training.train` learns from


@dataclass(frozen=True, kw_only=True)
class GenerativeModel:
    """How a model draws: what is needed of a network that has learnt, one of ours or a pretrained one."""
    start: Callable[..., Sampler]            # (request, weights id, network, device); source=picture if the options have one
    ready: Callable[[Request, Any], None] = lambda request, net: None     # imports what `start` needs, which may take seconds the
    #                                          first time and is neither the sampler's time nor the engine's
    previews_cost: bool = False              # `start` takes previews=False where nobody looks at them, which then cost nothing
    methods: tuple[str, ...] = ("encode", "predict")                      # of the network, as the engine calls them
    memory: Callable[[Any], Mapping[str, MemoryShape]] = lambda net: {}   # those of them that remember, and how much a row
    ode_inversion: Callable[[Any], OdeInversion] | None = None      # sampler options -> the ODE that leads both ways, if there is one
    figures: Callable[[nn.Module, DataSet], dict[str, float]] = lambda net, data: {}       # of the network itself, for `evaluate`
    log_likelihood: Callable[[Request, Any, Any], Any] | None = None      # likewise: (request, net, pictures (B, 3, H, W) in [-1, 1]) ->
    #                                          exact log p of their codes in nats, (B,)
    prompt: Callable[[Request, Any], tuple[Any, tuple[str, ...]]] | None = None      # of a family that draws tokens: (request, net) ->
    #                                          tokens (1, n) that a picture's follow, and the names of those that have one
    interpolation: Callable[..., Sampler] | None = None      # of a generator: (request, weights id, net, device, count) -> pictures
    #                                          from the seed to the second one;
    style_mixing: Callable[..., Sampler] | None = None       # likewise, layouts of count seeds by styles of count others


@dataclass(frozen=True, kw_only=True)
class Family(GenerativeModel):
    """What the rest of the program knows of a family's mathematics."""
    build: Callable[[dict[str, Any]], nn.Module]                          # configuration -> network
    fresh: Callable[[Any, DataSet], nn.Module]                            # its network options, a data set -> a network to train
    loss: Callable[..., Any]                                              # (net, batch, rng) -> loss
    toy2d: Toy2D                             # the same in two dimensions, for the laboratory
    stages: Mapping[str, Stage] = dataclass_field(default_factory=dict)             # to be trained before `loss` is, by name
    own_data: Callable[[Any], OwnData | None] = lambda options: None      # network options -> what is drawn for them first
    betas: tuple[float, float] = (0.9, 0.99)                              # of Adam in training
    fp32: bool = False                                                    # trained in fp32 also where bfloat16 products are faster
