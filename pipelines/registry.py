"""The families. One folder and one line here, and a family has its tab, options, flags, axes, tests and gallery filter."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import device as Device
    from torch import nn

    from pipelines.protocol import Sampler
    from pipelines.request import Request


@dataclass(frozen=True)
class SamplerSpec:
    """One way to draw a picture with a family's network."""
    name: str
    title: str
    summary: str                             # one line: what it is, when to use it
    source: str                              # paper, equation or algorithm
    formula: str                             # LaTeX of one step
    file: str
    options: type                            # frozen dataclass
    nfe: Callable[[Any], int]                # evaluations per image for these options, without guidance


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


@dataclass(frozen=True)
class Face:
    """What a page or a command line must know of a family before torch is imported."""
    name: str
    title: str
    accent: str                              # its colour everywhere on the page
    paper: str
    samplers: Mapping[str, SamplerSpec]      # the first is the default
    about: About
    network: type                            # frozen dataclass: options of a new network


@dataclass(frozen=True)
class Family:
    """What the rest of the program knows of a family's mathematics."""
    build: Callable[[dict[str, Any]], nn.Module]                          # configuration -> network
    fresh: Callable[[Any], nn.Module]                                     # its network options -> a network to train
    loss: Callable[..., Any]                                              # (net, batch, rng) -> loss
    start: Callable[[Request, str, nn.Module, Device], Sampler]           # (request, weights id, network, device)
    reference: Callable[[Request], Request]  # the same picture by a converged solver, to measure distances from
    methods: tuple[str, ...] = field(default=("encode", "predict"))       # of the network, as the engine calls them


NAMES = ("diffusion",)


def _module(name: str, part: str) -> Any:
    if name not in NAMES:
        raise KeyError(f"There is no family {name!r}; there are {', '.join(NAMES)}.")
    return import_module(f"pipelines.{name}.{part}")


def face(name: str) -> Face:
    """A family's face; does not import torch. Raises KeyError."""
    return _module(name, "about").FACE


def family(name: str) -> Family:
    """A family's mathematics; imports torch at the first call. Raises KeyError."""
    return _module(name, "family").FAMILY
