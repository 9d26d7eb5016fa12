"""The central idea: a sampler is a generator that never calls a network.

It yields the calls that it needs ("evaluate this network at (x, t, condition)") and is sent the answers; now and then it
yields a `Preview` and is sent None. So it reads like the paper's algorithm, knows nothing of devices, progress bars or
other requests, and one engine can advance many samplers at once and join their calls into shared batches.
"""
from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

from torch import Tensor

Cond = Mapping[str, Tensor]        # named tensors, each with the leading row axis B


@dataclass(frozen=True)
class NetKey:
    """Which function to evaluate: a method ("predict", "encode", "decode", ...) of the network with these weights."""
    weights: str                   # identity of the weights: SHA-256 of their file
    method: str
    precise: bool = False          # in fp32 on every device: where a tolerance judges the answer and not an eye


@dataclass(frozen=True)
class Call:
    """One evaluation of a network; every tensor has a leading row axis B."""
    net: NetKey
    x: Tensor                      # (B, ...) network input
    t: Tensor | None               # (B,) time, noise level or position; None where the network takes none
    cond: Cond                     # same structure for conditional and null rows, so that both batch together

    @property
    def rows(self) -> int:
        return len(self.x)


@dataclass(frozen=True)
class Preview:
    """A look inside a running sampler; the images are (B, C, H, W) in [-1, 1], in general not clipped."""
    x_t: Tensor                    # the current state, scaled to be shown
    x0: Tensor                     # the current estimate of the result
    step: int                      # steps done, 1..total
    total: int
    t: float                       # where the step was taken, in the family's own unit of time
    sigma: float                   # noise level there: noise over signal
    numbers: Mapping[str, float | Tensor] = dataclass_field(default_factory=dict)     # of the step's formula: one, or (B,)
    field: Tensor | None = None    # (B, C, H, W): what the network stands for here (noise, score, velocity)


@dataclass(frozen=True)
class Outcome:
    """What a sampler may return in place of a tensor, where its rows did not all go the same way."""
    x: Tensor                      # (B, ...)
    nfe: tuple[int, ...]           # evaluations of each row, without guidance
    notes: tuple[str | None, ...]  # a sentence for a row that did not end as it should


Answer = Tensor | dict[str, Tensor]
# What is sent back is a tuple of answers for a tuple of calls, and None for a preview; no type can say which is next.
Sampler = Generator["tuple[Call, ...] | Preview", Any, Any]       # returns a Tensor or an Outcome
Steps = Sampler                    # a part of a sampler, to `yield from`
Predict = Callable[..., Steps]     # (x, t, rows=None) -> the network's answer at some rows (None: all), by `yield from`
Net = Callable[..., Answer]                       # called as net(x, t, cond), without t where it is None


def evaluate(net: Net, call: Call) -> Answer:
    """Evaluate one call."""
    return net(call.x, call.cond) if call.t is None else net(call.x, call.t, call.cond)


def run_alone(sampler: Sampler, nets: Mapping[NetKey, Net]) -> Any:
    """Run a sampler by itself, call after call: for tests and notebooks, and the oracle of the engine."""
    answer: tuple | None = None
    while True:
        try:
            wish = sampler.send(answer)
        except StopIteration as stop:
            return stop.value
        answer = None if isinstance(wish, Preview) else tuple(evaluate(nets[call.net], call) for call in wish)
