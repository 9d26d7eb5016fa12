"""Plain records that the service hands to the page and the command line; nothing here imports torch."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unicodedata import category

AXES = ("x", "y", "z")                        # of a grid
ENDINGS = ("png", "csv", "json", "html")      # of the files that a grid is exported as
SORTED = ("downloads", "likes", "updated")    # how models of the Hub are listed, the highest or the latest first


class UserError(Exception):
    """Something a person can mend; the message is one sentence: what happened, what was expected, what to do."""
    code = 1                                 # exit code of the command line

    def __init__(self, sentence: str) -> None:
        # It may quote what no answer could carry, and no terminal should be sent.
        super().__init__("".join(ascii(c)[1:-1] if category(c) in ("Cs", "Cc") and not c.isspace() else c for c in sentence))


class NoRoom(UserError):
    """Memory is held by models that are drawing now; there may be room when they have ended."""


class DiskFull(UserError):
    """There is no room on the disk for what was to be kept; what was kept before is there."""


class BadInput(UserError):
    """A value that was asked for cannot be."""
    code = 2


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
class GridAsk:
    """A comparison that a person asked for, unchecked; axes as name=values (see app/axes.py), "" for none."""
    ask: Ask
    x: str
    y: str = ""
    z: str = ""
    distance: bool = True                    # to where each sampler converges from the same seeds
    exact: bool = False                      # bit-identical whenever it is drawn again, in batches of one size
    snapshots: bool = False                  # what the longest run of a line looked like after as many steps
    name: str = ""


@dataclass(frozen=True)
class Check:
    """What the service found in a valid request before anything runs."""
    notes: tuple[str, ...]                   # "The model does not know the word 'elephant'.", ...
    images: int
    nfe: int                                 # network evaluations for one image
    calls: int                               # network evaluations in all
    estimated_seconds: float | None          # None until a first run was measured
    settings: dict[str, Any]                 # every setting with its value, as it will be stored


@dataclass(frozen=True)
class Shot:
    """One finished picture."""
    id: str                                  # of the gallery record
    url: str                                 # image/<id>.png, beside the page
    path: str                                # of the file
    seed: int
    settings: dict[str, Any]                 # everything needed to draw it again
    nfe: int
    seconds: float
    note: str | None = None                  # what a person should know of it, such as a tolerance that was not met


@dataclass(frozen=True)
class JobView:
    """A snapshot of a job; the page polls it and draws it, and nothing else."""
    id: str
    kind: str                                # generate, compare
    family: str
    status: str                              # waiting, loading, running, done, stopped, failed
    title: str                               # "a red star · DDIM · 50 steps"
    settings: dict[str, Any]
    version: int                             # grows whenever anything changed
    step: int = 0
    total: int = 0
    calls: int = 0                           # network evaluations so far, per image
    ms_per_call: float | None = None         # of one batched network call
    seconds: float = 0.0                     # since it started
    seconds_left: float | None = None
    note: str = ""                           # "Loading shapes-diffusion ...", unknown words, ...
    error: str | None = None
    x_t: tuple[str, ...] = ()                # previews as data URLs, one per image, in order
    x0: tuple[str, ...] = ()
    t: float | None = None
    sigma: float | None = None
    shots: tuple[Shot, ...] = ()
    frames: int = 0                          # recorded steps; Service.recordings gives them
    grid_id: str | None = None               # of a comparison


@dataclass(frozen=True)
class Frame:
    """A recorded step, for the scrubber."""
    step: int
    total: int
    t: float
    sigma: float
    calls: int                               # network evaluations up to this step
    x_t: tuple[str, ...]                     # data URLs
    x0: tuple[str, ...]
    field: tuple[str, ...]                   # size of the network's field per pixel, bright is large
    numbers: tuple[dict[str, str], ...]      # for each picture what the formula shows for this step: symbol -> number
    formula: str                             # MathML with the places [0], [1], ... of those numbers


@dataclass(frozen=True)
class Ways:
    """A few pixels of each picture on their way through the recorded steps, for the plot beneath the scrubber."""
    t: tuple[float, ...]
    values: list[list[list[float]]]          # picture, pixel, step
    slopes: list[list[list[float]]]          # likewise, the network's field there; empty if it was not recorded


@dataclass(frozen=True)
class SamplerInfo:
    name: str
    title: str
    summary: str                             # one line: what it is, when to use it
    source: str                              # paper and equation
    formula: str                             # LaTeX of one step
    file: str                                # where it is implemented
    options: tuple[Any, ...]                 # pipelines.options.Option


@dataclass(frozen=True)
class FamilyInfo:
    name: str
    title: str
    accent: str                              # colour
    samplers: tuple[SamplerInfo, ...]
    request: tuple[Any, ...]                 # Option: guidance_scale, seed, count
    about: Any                               # pipelines.registry.About: network, objective, sampling, files
    compared: tuple[str, ...] = ()           # samplers that a comparison begins with
    two_way: bool = False                    # an ODE leads from pictures to noise and back
    field: str = ""                          # names of what is looked at inside: the network's answer,
    estimate: str = ""                       # the estimate of the picture,
    tangent: bool = False                    # and whether the answer is the direction of the way
    state: str = "x_t"                       # what a sampler has on its way
    unit: str = "step"                       # what a picture takes several of
    guided: bool = True                      # guidance makes sense
    axis: Any = None                         # pipelines.options.Option that a comparison varies, and the values it begins with
    columns: str = ""


@dataclass(frozen=True)
class ModelView:
    name: str
    family: str
    title: str
    parameters: int
    sha256: str
    source: str                              # bundled, run
    bytes: int
    card: str                                # Markdown
    usual: dict[str, Any]                    # sampler, guidance_scale and options, where they are not the family's defaults
    problem: str | None = None               # why it cannot be used
    adapter: str = ""                        # of a pretrained model
    samplers: tuple[str, ...] = ()           # that work with it
    reads: str = "caption"                   # what it is told: caption, text, label, nothing
    guided: bool = True
    size: int = 0                            # side of its own pictures
    idle: tuple[str, ...] = ()               # settings that do nothing with it


@dataclass(frozen=True)
class Picture:
    """A record of the gallery."""
    id: str
    url: str
    created: str                             # ISO 8601, UTC
    family: str
    model: str
    sampler: str
    steps: int
    seed: int
    prompt: str
    settings: dict[str, Any]                 # all of them, as `Ask.options` and fields
    facts: dict[str, str]                    # label -> value, for people
    deleted: bool
    missing: bool
    process: bool = False                    # a recorded process was kept with it
    grid: str | None = None                  # the comparison that it belongs to
    amount: str = ""                         # "50 steps", "64 tokens"


@dataclass(frozen=True)
class Examined:
    """A picture of the user's own under a model."""
    bits_per_dim: float                      # mean of `draws` draws of the dequantisation, with a direction of the divergence each,
    bits_per_dim_se: float                   # and its standard error
    log_p: float                             # nats; likewise
    log_p_se: float
    draws: int
    likelihood_calls: int                    # of all draws
    encode_calls: int
    seconds: float
    picture: str                             # data URLs: as the model sees it, its noise, and what the noise becomes
    noise: str
    back: str
    noise_std: float                         # 1 for a picture that the model finds typical
    difference: int                          # largest, in levels of 0..255, between the picture and what came back
    note: str | None
    said: dict[str, str]                     # bits per dimension and log p for people


@dataclass(frozen=True)
class Thought:
    """What an autoregressive model thought of each of a picture's L codes when it stood before it."""
    p: list[float]                           # (L) probability of the code that was drawn
    top: list[list[int]]                     # (L, 5) the likeliest codes
    top_p: list[list[float]]                 # and their probabilities
    words: tuple[str, ...]                   # what stands before the picture
    attention: list[list[float]]             # (L, words) how much it looked at each, mean of layers and heads


@dataclass(frozen=True)
class CodeView:
    """A picture as codes."""
    codes: list[list[int]]                   # rows of the map
    decoded: str                             # data URLs: what the decoder makes of them,
    picture: str | None                      # and the picture that they come from, if there is one
    psnr: float | None                       # dB between the two
    thought: Thought | None
    model: str                               # whose codes they are


@dataclass(frozen=True)
class Codebook:
    """All codes: a picture of each as a data URL, its share among the codes of test pictures, its colour in maps."""
    tiles: tuple[str, ...]
    usage: tuple[float, ...]
    colours: tuple[str, ...]


@dataclass(frozen=True)
class Film:
    """Pictures in order, as data URLs, with a few words on each."""
    pictures: tuple[str, ...]
    captions: tuple[str, ...]


@dataclass(frozen=True)
class Drawing:
    """A family's part in drawing one caption with all families."""
    family: str
    job: str | None
    error: str | None                        # why it does not draw


@dataclass(frozen=True)
class FamilyTable:
    """All families measured side by side."""
    note: str                                # how it was measured
    columns: tuple[dict[str, str], ...]      # title, help
    rows: tuple[dict[str, Any], ...]         # family, title, problem, and if there is none: how, cells of text and best
    points: tuple[dict[str, Any], ...]       # of the chart: family, title, sampler, main, seconds, accuracy, nfe, count, curve
    words: tuple[dict[str, str], ...]        # family, text
