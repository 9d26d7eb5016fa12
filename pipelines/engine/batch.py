"""Which calls go into one batch, how large it may be, and how answers find their way back."""
from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import torch
from torch import Tensor

from pipelines.protocol import Answer, Call

# Few fixed sizes, so that a network sees few shapes; the steps are small, since padded rows are wasted work.
BUCKETS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
START = 7                              # index of the first limit: 16 rows, before anything is measured
RETRY = 16                             # batches after which a larger size gets another chance


def group_key(call: Call) -> tuple:
    """Calls with equal keys can share a batch: same network, dtypes, row shapes and condition structure."""
    def row(z: Tensor) -> tuple:
        return tuple(z.shape[1:]), z.dtype
    return call.net, row(call.x), call.t is None, call.cache is None, tuple(sorted((name, *row(z)) for name, z in call.cond.items()))


@dataclass
class Piece:
    """Rows lo..hi of one call of one job; `slot` is the call's place in the tuple that the job yielded."""
    job: Any
    call: Call
    slot: int
    lo: int
    hi: int

    @property
    def rows(self) -> int:
        return self.hi - self.lo

    def split(self, rows: int) -> tuple[Piece, Piece]:
        middle = self.lo + rows
        return Piece(self.job, self.call, self.slot, self.lo, middle), Piece(self.job, self.call, self.slot, middle, self.hi)


@dataclass
class Group:
    """Waiting pieces that can share batches, and what was measured of their network."""
    buckets: tuple[int, ...]
    priority: int = 0                                            # of all its jobs
    waiting: list[Piece] = field(default_factory=list)
    seconds: float = 0.0                                         # of the whole device, that its last batch took
    rate: dict[int, float] = field(default_factory=dict)         # bucket -> rows per second, running mean
    seen: set[int] = field(default_factory=set)                  # buckets that are warmed up
    batches: int = 0

    @property
    def rows(self) -> int:
        """How many wait."""
        return sum(piece.rows for piece in self.waiting)

    def limit(self) -> int:
        """The largest batch worth forming: one bucket more than was measured, until rows per second no longer rise.

        Now and then a larger one, since what else runs on the machine can make a size look slow that is not.
        """
        if not self.rate:
            return self.buckets[min(len(self.buckets) - 1, START)]
        best = max(self.rate.values())
        largest = max(self.rate)
        above = [b for b in self.buckets if b > largest]
        if above and self.rate[largest] >= 0.97 * best:
            return above[0]
        found = min(b for b, rate in self.rate.items() if rate >= 0.97 * best)
        return next((b for b in self.buckets if b > found), found) if self.batches % RETRY == 0 else found

    def measured(self, rows: int, seconds: float) -> None:
        """Note a batch's time; the first of a size is not counted, since it includes the warm-up."""
        self.batches += 1
        bucket = self.bucket(rows)
        if bucket not in self.seen:
            self.seen.add(bucket)
            return
        rate = rows / max(seconds, 1e-9)
        self.rate[bucket] = 0.8 * self.rate.get(bucket, rate) + 0.2 * rate

    def take(self, share: int) -> list[Piece]:
        """The next batch of at most `share` rows, first come first served; a piece is split if need be."""
        room, taken = min(share, self.limit()), []
        while self.waiting and room:
            piece = self.waiting.pop(0)
            if piece.rows > room:
                piece, rest = piece.split(room)
                self.waiting.insert(0, rest)
            taken.append(piece)
            room -= piece.rows
        return taken

    def bucket(self, rows: int) -> int:
        """The smallest fixed size that holds the rows."""
        return next(b for b in self.buckets if b >= rows)


def join(pieces: list[Piece], size: int) -> tuple[Tensor, Tensor | None, dict[str, Tensor]]:
    """(x, t, cond) of a batch of `size` rows; the last row is repeated to fill it."""
    rows = sum(piece.rows for piece in pieces)

    def joined(part: Callable[[Call], Any]) -> Tensor:
        parts = [part(piece.call) if piece.rows == piece.call.rows else part(piece.call)[piece.lo:piece.hi] for piece in pieces]
        if size > rows:
            parts.append(parts[-1][-1:].expand(size - rows, *parts[-1].shape[1:]))
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    first = pieces[0].call
    t = None if first.t is None else joined(lambda call: call.t)
    return joined(lambda call: call.x), t, {name: joined(partial(_condition, name)) for name in first.cond}


def _condition(name: str, call: Call) -> Tensor:
    return call.cond[name]


def cut(answer: Answer, rows: list[int]) -> list[Answer]:
    """The first so many rows of a tensor or of a dict of tensors, the next so many ...; those that fill a bucket are left."""
    if isinstance(answer, Tensor):
        return list(answer[:sum(rows)].split(rows))
    parts = {name: cut(z, rows) for name, z in answer.items()}
    return [{name: parts[name][k] for name in parts} for k in range(len(rows))]     # type: ignore[misc]


def stitch(parts: Iterable[Answer]) -> Answer:
    """The inverse of `cut`: parts in order, as one answer."""
    parts = list(parts)
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, Tensor):
        return torch.cat(parts)                                              # type: ignore[arg-type]
    return {name: torch.cat([part[name] for part in parts]) for name in first}   # type: ignore[index]


def finite_rows(answer: Answer) -> Tensor:
    """(B,) bool: rows without NaN or infinity."""
    tensors = [answer] if isinstance(answer, Tensor) else [z for z in answer.values() if z.is_floating_point()]
    flags = [torch.isfinite(z).flatten(1).all(1) for z in tensors]
    return flags[0] if len(flags) == 1 else torch.stack(flags).all(0)
