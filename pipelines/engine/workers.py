"""The threads that take batches through networks while the engine's own advances the samplers whose answers have come.

A network of convolutions over few pixels keeps several cores waiting for each other within every layer. Rows do not depend on
one another, so on a CPU each core takes a batch of its own through the whole network, and waits for nobody. A network that
reads a token for each row is many operations of a few microseconds, between which threads would wait for Python's lock (with
a worker beside it, 64 sequences of tokens took 1.4 times as long): the engine's thread evaluates it itself.
"""
from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from pipelines.engine.batch import Group, Piece, finite_rows, join
from pipelines.protocol import Answer, Net

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Batch:
    """Rows of several calls on their way through a network; the last fields say what came of them."""
    net: Net | None                # None: nobody knows that network
    group: Group
    pieces: list[Piece]
    size: int                      # rows, those that only fill it included
    threads: int                   # of the processor
    memory: tuple[Tensor, Tensor] | None = None      # slots (size,) of the rows, and what they are in
    answer: Answer | None = None
    finite: list[bool] = field(default_factory=list)
    problem: str | None = None     # a sentence; None beside no answer: memory ran out
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        return sum(piece.rows for piece in self.pieces)

    def evaluate(self) -> None:
        """Fill in what came of it; raises nothing."""
        begin = time.perf_counter()
        key = self.pieces[0].call.net
        try:
            if self.net is None:
                raise LookupError(f"there is no network {key.method!r} of these weights")
            x, t, cond = join(self.pieces, self.size)
            arguments: tuple[Any, ...] = (x, cond) if t is None else (x, t, cond)
            answer = self.net(*arguments, *(self.memory or ()))
            if x.device.type == "cuda":
                torch.cuda.synchronize(x.device)         # so that the time measured is the network's
            self.seconds = time.perf_counter() - begin
            self.finite = finite_rows(answer).tolist()
            if len(self.finite) != self.size:
                raise ValueError(f"it answered with {len(self.finite)} rows where {self.size} were asked for")
            self.answer = answer
        except Exception as error:
            self.seconds = time.perf_counter() - begin
            if not out_of_memory(error):
                log.exception("network %s failed", key)
                self.problem = f"The network {key.method} stopped with an error: {error}"


class Workers:
    """`count` threads, each with one batch at a time.

    landed: is called with a batch that has been evaluated, on the worker's thread.
    """

    def __init__(self, count: int, landed: Callable[[Batch], None]) -> None:
        self.count = count
        self.batches: list[Batch] = []                   # on their way, until what came of them is handled
        self._landed = landed
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="worker") if count > 1 else None

    @property
    def free(self) -> int:
        return self.count - len(self.batches)

    def start(self, batch: Batch) -> None:
        """Hand a batch to a worker that is free."""
        assert self._pool is not None
        self.batches.append(batch)
        self._pool.submit(self._work, batch)

    def _work(self, batch: Batch) -> None:
        use(batch.threads)
        with torch.inference_mode():
            batch.evaluate()
        self._landed(batch)

    def close(self) -> None:
        """Wait for what is under way."""
        if self._pool is not None:
            self._pool.shutdown()


def use(threads: int) -> None:
    """Let this thread's operations use so many of the processor's; torch keeps one number for each thread."""
    if torch.get_num_threads() != threads:
        torch.set_num_threads(threads)


def out_of_memory(error: Exception) -> bool:
    text = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text))
