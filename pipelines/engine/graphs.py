"""CUDA graphs: all kernels of a network's call launched at once, for shapes that come again and again.

A GPU is done with a small network's kernel before the processor has launched the next one. The engine forms its batches in few
sizes, so calls of the same shapes come back; what was launched for such a call is recorded once and launched again as a whole.
"""
from __future__ import annotations

import logging
import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pipelines.protocol import Answer, Net, NetKey

log = logging.getLogger(__name__)
GRAPHS = "SEXTANT_GRAPHS"              # environment: 1 records the networks that are asked at every step, on a GPU
WARM = 3                               # calls of a shape before it is recorded: in them libraries choose their algorithms
MOST = 24                              # recordings that are kept; each has memory of its own for what goes in and comes out

Recorder = Callable[[Callable[[], Answer]], tuple[Callable[[], None], Answer]]


def recorder() -> Recorder:
    """Runs a function once and records it: (what runs it again, the tensors in which the answer then lies).

    Recordings of one recorder share their working memory, since none runs while another does.
    """
    pool = torch.cuda.graph_pool_handle()

    def record(run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):     # other threads may be loading weights
            answer = run()
        return graph.replay, answer
    return record


class Graphed:
    """A network's method, called as before. Its weights must stay where they are, and it must not look at numbers on the way;
    one that cannot be recorded runs as it is from then on, and the log says so."""

    def __init__(self, net: Net, record: Recorder) -> None:
        self._net, self._record, self._able = net, record, True
        self._calls: Counter[tuple] = Counter()
        self._recorded: OrderedDict[tuple, _Recording] = OrderedDict()

    def __call__(self, *arguments: Any) -> Answer:
        key = tuple((name, z.shape, z.dtype) for name, z in _tensors(arguments).items())
        if key in self._recorded:
            self._recorded.move_to_end(key)
            return self._recorded[key](arguments)
        self._calls[key] += 1
        if self._able and self._calls[key] > WARM:
            try:
                self._recorded[key] = _Recording(self._net, arguments, self._record)
            except RuntimeError as error:
                self._able = False
                log.warning("a network cannot be recorded as a CUDA graph and runs without: %s", error)
            else:
                if len(self._recorded) > MOST:
                    self._recorded.popitem(last=False)
                return self._recorded[key](arguments)
        return self._net(*arguments)


class _Recording:
    def __init__(self, net: Net, arguments: tuple[Any, ...], record: Recorder) -> None:
        own = tuple({name: z.clone() for name, z in part.items()} if isinstance(part, Mapping) else part.clone() for part in arguments)
        self._given = _tensors(own)
        self._again, self._answer = record(lambda: net(*own))

    def __call__(self, arguments: tuple[Any, ...]) -> Answer:
        for name, z in _tensors(arguments).items():
            self._given[name].copy_(z)
        self._again()
        # The next run writes to the same place.
        return self._answer.clone() if isinstance(self._answer, Tensor) else {name: z.clone() for name, z in self._answer.items()}


def _tensors(arguments: tuple[Any, ...]) -> dict[str, Tensor]:
    """Those of a call (x, t, cond), by place and name."""
    found: dict[str, Tensor] = {}
    for place, part in enumerate(arguments):
        found |= {f"{place} {name}": z for name, z in part.items()} if isinstance(part, Mapping) else {str(place): part}
    return found


def wanted(device: torch.device) -> bool:
    """Whether the user asked for recordings, and there is a GPU for them."""
    return device.type == "cuda" and os.environ.get(GRAPHS) == "1"


def graphed(nets: Mapping[NetKey, Net], new: Callable[[], Recorder] = recorder) -> dict[NetKey, Net]:
    """The same, with those recorded that a sampler asks at every step."""
    record = new()
    return {key: Graphed(net, record) if key.method == "predict" else net for key, net in nets.items()}
