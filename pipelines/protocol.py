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

from pipelines.late import Tensor, torch

Cond = Mapping[str, Tensor]        # named tensors, each with the leading row axis B


@dataclass(frozen=True)
class NetKey:
    """Which function to evaluate: a method ("predict", "encode", "decode", ...) of the network with these weights."""
    weights: str                   # identity of the weights: SHA-256 of their file
    method: str
    precise: bool = False          # in fp32 on every device: where a tolerance judges the answer and not an eye


@dataclass(eq=False)
class Cache:
    """What a network remembers of a sampler's rows from call to call; the engine keeps it until the sampler ends."""
    rows: int


@dataclass(frozen=True)
class Call:
    """One evaluation of a network; every tensor has a leading row axis B."""
    net: NetKey
    x: Tensor                      # (B, ...) network input
    t: Tensor | None               # (B,) time, noise level or position; None where the network takes none
    cond: Cond                     # same structure for conditional and null rows, so that both batch together
    cache: Cache | None = None     # of as many rows, for a network that remembers

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
    tokens: Tensor | None = None   # (B, L) what the pictures were decoded from
    captions: tuple[str, ...] = () # a few words to stand under each picture


Answer = Tensor | dict[str, Tensor]
# What is sent back is a tuple of answers for a tuple of calls, and None for a preview; no type can say which is next.
Sampler = Generator["tuple[Call, ...] | Preview", Any, Any]       # returns a Tensor or an Outcome
Steps = Sampler                    # a part of a sampler, to `yield from`
Predict = Callable[..., Steps]     # (x, t, rows=None) -> the network's answer at some rows (None: all), by `yield from`
Net = Callable[..., Answer]                       # called as net(x, t, cond), without t where it is None


MemoryShape = tuple[int, int, int, int, int]      # layers, 2 (keys and values), heads, positions, width of a head


@dataclass(frozen=True)
class Remembering:
    """A network that remembers, called as net(x, t, cond, slots, memory): rows' slots (B,) in a memory with an axis of slots
    after the first two of `shape`."""
    net: Callable[..., Answer]
    shape: MemoryShape

    def __call__(self, *arguments: Any) -> Answer:
        return self.net(*arguments)


def asked(net: NetKey, x: Tensor) -> Steps:
    """The answer of a single call, as a sampler."""
    (answer,) = yield (Call(net, x, None, {}),)
    return answer


def evaluate(net: Net, call: Call, memory: Tensor | None = None) -> Answer:
    """Evaluate one call; `memory` is that of its cache, row k in slot k."""
    if memory is not None:
        return net(call.x, call.t, call.cond, torch.arange(call.rows, device=call.x.device), memory)
    return net(call.x, call.cond) if call.t is None else net(call.x, call.t, call.cond)


def run_alone(sampler: Sampler, nets: Mapping[NetKey, Net],
              watch: Callable[[tuple[Call, ...] | Preview], None] = lambda yielded: None) -> Any:
    """Run a sampler by itself, call after call: for tests and notebooks, and the oracle of the engine; `watch` sees all that it yields."""
    answer: tuple | None = None
    memories: dict[Cache, Tensor] = {}

    def memory_of(call: Call) -> Tensor | None:
        net = nets[call.net]
        if call.cache is not None and call.cache not in memories:
            assert isinstance(net, Remembering)
            layers, kinds, *rest = net.shape
            memories[call.cache] = torch.zeros(layers, kinds, call.cache.rows, *rest, device=call.x.device)
        return None if call.cache is None else memories[call.cache]

    while True:
        try:
            yielded = sampler.send(answer)
        except StopIteration as stop:
            return stop.value
        watch(yielded)
        answer = None if isinstance(yielded, Preview) else tuple(evaluate(nets[call.net], call, memory_of(call)) for call in yielded)
