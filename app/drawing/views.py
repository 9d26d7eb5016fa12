"""What the page is told of a job and its pictures; nothing here imports torch."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
class GeneratedImage:
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
    shots: tuple[GeneratedImage, ...] = ()
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
class Trajectories:
    """A few pixels of each picture on their way through the recorded steps, for the plot beneath the scrubber."""
    t: tuple[float, ...]
    values: list[list[list[float]]]          # picture, pixel, step
    slopes: list[list[list[float]]]          # likewise, the network's field there; empty if it was not recorded
