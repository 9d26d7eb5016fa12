"""CUDA graphs: all kernels of a network's call launched at once, for shapes that come again and again.

A GPU is done with a small network's kernel before the processor has launched the next one. The engine forms its batches in few
sizes, so calls of the same shapes come back; what was launched for such a call is recorded once and launched again as a whole.
"""
from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from pipelines.protocol import Answer, Net, NetKey

GRAPHS = "SEXTANT_GRAPHS"              # environment: 1 records the networks that are asked at every step, on a GPU
MOST = 24                              # recordings of a network that are kept; each has memory of its own for what goes in and out
APART = 0.02                           # of the answer's largest number: a recording that differs by more is none
RECORDING = threading.Lock()           # while it is held, nobody else gives memory back to the GPU

Recorder = Callable[[Callable[[], Answer]], tuple[Callable[[], None], Answer]]


class GraphError(RuntimeError):
    """A recording failed; the message is for the user."""


def recorder(device: torch.device) -> Recorder:
    """Records what a function launches: (what launches it again, the tensors in which the answer then lies).

    Recordings of one recorder share their working memory, since none runs while another does.
    """
    with torch.cuda.device(device):
        pool = torch.cuda.graph_pool_handle()

    def record(run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
        with RECORDING, torch.cuda.device(device):
            graph, before = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
            try:                                         # other threads may be loading weights: only this one is watched
                with torch.cuda.graph(graph, pool=pool, stream=torch.cuda.Stream(), capture_error_mode="thread_local"):
                    answer = run()
            finally:
                torch.cuda.set_stream(before)            # which is not done for us where the recording was broken off
        return graph.replay, answer
    return record


class Graphed:
    """A network's method, called as before. Its weights must stay where they are, and it must not look at numbers on the way.

    Raises GraphError where a call cannot be recorded, or its recording does not give the answer of the call itself.
    """

    def __init__(self, net: Net, record: Recorder) -> None:
        self._net, self._record = net, record
        self._recorded: OrderedDict[tuple, _Recording] = OrderedDict()

    def __call__(self, *arguments: Any) -> Answer:
        key = tuple((name, z.shape, z.dtype) for name, z in _tensors(arguments).items())
        if key not in self._recorded:
            self._recorded[key] = _Recording(self._net, arguments, self._record)
            if len(self._recorded) > MOST:
                self._recorded.popitem(last=False)
        self._recorded.move_to_end(key)
        return self._recorded[key](arguments)


class _Recording:
    """One shape's. The call runs by itself first: libraries choose their algorithms in it, and its answer is what to expect."""

    def __init__(self, net: Net, arguments: tuple[Any, ...], record: Recorder) -> None:
        own = tuple({name: z.clone() for name, z in part.items()} if isinstance(part, Mapping) else part.clone() for part in arguments)
        self._given, expected = _tensors(own), net(*own)
        try:
            self._again, self._answer = record(lambda: net(*own))
        except RuntimeError as error:
            if isinstance(error, torch.OutOfMemoryError):
                raise
            raise GraphError(f"it cannot be recorded as a CUDA graph ({error}). Start again without {GRAPHS}.") from error
        found = _parts(self(arguments))
        if not all(_close(a, b) for a, b in zip(found, _parts(expected), strict=True)):
            raise GraphError(f"its CUDA graph does not give the network's own answer. Start again without {GRAPHS}.")

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


def _parts(answer: Answer) -> list[Tensor]:
    return [answer] if isinstance(answer, Tensor) else list(answer.values())


def _close(a: Tensor, b: Tensor) -> bool:
    """Infinities and what is no number count as they are: the engine looks for them."""
    largest = float(b.abs().nan_to_num(0, 0, 0).max())
    return torch.allclose(a, b, rtol=APART, atol=APART * largest, equal_nan=True)


def graphed(nets: Mapping[NetKey, Net], device: torch.device, new: Callable[[torch.device], Recorder] = recorder) -> dict[NetKey, Net]:
    """The same; on a GPU, and if the user asks for it, with those recorded that a sampler asks at every step."""
    if device.type != "cuda" or os.environ.get(GRAPHS) != "1":
        return dict(nets)
    record = new(device)
    asked = {net for key, net in nets.items() if key.method == "predict"}    # in both precisions it may be one and the same
    ready: dict[Net, Net] = {net: Graphed(net, record) for net in asked}
    return {key: ready.get(net, net) for key, net in nets.items()}
