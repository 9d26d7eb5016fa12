"""Every core its own share of the rows: how the engine evaluates a batch on a CPU.

A network of convolutions over few pixels keeps several cores waiting for each other within every layer. Rows do not
depend on one another, so each core takes some of them through the whole network alone, and they meet once, at the end
(on two cores 1.2 to 1.4 times the rows per second from two rows on, see the benchmark `batch` in tests/bench/RESULTS.md).
A transformer that reads a token for each row is many operations of a few microseconds, between which Python's lock would go
from core to core: one core reads few tokens alone.
"""
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor

from pipelines.engine.batch import stitch
from pipelines.protocol import Answer, Cond, Net

FEW = 24                           # tokens: with 16 one core is 1.5 times as fast as two, with 32 the two are 1.15 times as fast


class Lanes:
    """`cores` CPU threads that share the rows of a batch evenly; with one core a batch is simply evaluated."""

    def __init__(self, cores: int) -> None:
        self.cores = cores
        self._pool = ThreadPoolExecutor(cores, thread_name_prefix="lane") if cores > 1 else None

    def evaluate(self, net: Net, arguments: tuple[Tensor | Cond, ...], shared: tuple[Tensor, ...] = ()) -> Answer:
        """The network's answer for all rows of its arguments (B, ...); what is shared, a memory of tokens, goes to every core whole.

        Where cores outnumber rows, each row gets several.
        """
        if self._pool is None:
            return net(*arguments, *shared)
        rows = len(arguments[0])
        if shared and arguments[0].numel() < FEW:            # type: ignore[union-attr]
            return _part(net, 1, (*arguments, *shared))
        lanes = min(rows, self.cores)
        bounds = [rows * k // lanes for k in range(lanes + 1)]
        waiting = [self._pool.submit(_part, net, self.cores // lanes, (*(_rows(z, lo, hi) for z in arguments), *shared))
                   for lo, hi in zip(bounds, bounds[1:], strict=False)]
        return stitch([part.result() for part in waiting])

    def close(self) -> None:
        if self._pool is not None:
            self._pool.shutdown()


def _rows(z: Tensor | Cond, lo: int, hi: int) -> Tensor | Cond:
    return z[lo:hi] if isinstance(z, Tensor) else {name: value[lo:hi] for name, value in z.items()}


def _part(net: Net, threads: int, arguments: tuple) -> Answer:
    if torch.get_num_threads() != threads:                   # of this lane alone; torch keeps one number for each thread
        torch.set_num_threads(threads)
    with torch.inference_mode():
        return net(*arguments)
