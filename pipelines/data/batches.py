"""Items of a data set as tensors, one by one and in batches."""
from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipelines.data.contract import DataSet, Item


@dataclass(frozen=True)
class Batch:
    """x0 (B, 3, H, H) in [-1, 1], tokens (B, L) int64, label (B,) int64, of a data set; for some data the noise that belongs to x0."""
    data: DataSet
    x0: Tensor
    tokens: Tensor
    label: Tensor
    noise: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        return Batch(self.data, self.x0.to(device, non_blocking=True), self.tokens.to(device), self.label.to(device),
                     None if self.noise is None else self.noise.to(device, non_blocking=True))


def to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1


def to_pixels(x: Tensor) -> np.ndarray:
    """(..., 3, H, W) in [-1, 1] (clipped) -> (..., H, W, 3) uint8."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(-3, -1).cpu().numpy()


class Items(Dataset):
    """Map-style view of a split; without end, since items are made when they are asked for, or come round again.

    pairs: share of the items that show two things. Two are harder to learn than one.
    """

    def __init__(self, data: DataSet, split: str, seed: int, size: int, pairs: float) -> None:
        self.data, self.split, self.seed, self.size, self.pairs = data, split, seed, size, pairs

    def caption(self, index: int) -> tuple[Item, Tensor]:
        """An item and its caption's tokens (L,)."""
        item = self.data.item(self.split, self.seed, index, self.pairs)
        return item, torch.tensor(self.data.tokenizer().encode(item.caption).ids)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        item, tokens = self.caption(index)
        return to_tensor(self.data.picture(item, self.size)), tokens, torch.tensor(item.label)


class _Parts(Dataset):
    """Items of several views, by (view, index)."""

    def __init__(self, parts: Sequence[Items]) -> None:
        self.parts = parts

    def __getitem__(self, index: tuple[int, int]) -> tuple[Tensor, ...]:
        part, k = index
        return self.parts[part][k]


def _indices(parts: int, start: int, batch: int) -> Iterator[list[tuple[int, int]]]:
    """Batches of each view in turn, so that pictures of one batch have one size."""
    while True:
        part, first = start // batch % parts, start // parts
        yield [(part, first + k) for k in range(batch)]
        start += batch


def _undisturbed(worker: int) -> None:
    """Ctrl-C in a terminal reaches every process of a command; the one that trains says when its helpers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def feed(parts: Sequence[Items], batch: int, start: int = 0, workers: int = 0) -> Iterator[Batch]:
    """Endless batches of one or several views in turn, from the item `start` of all on; the same whatever the number of workers."""
    turns = cycle(parts)
    for _ in range(start // batch % len(parts)):
        next(turns)
    for items, tensors in zip(turns, DataLoader(_Parts(parts), batch_sampler=_indices(len(parts), start, batch), num_workers=workers,
                                                worker_init_fn=_undisturbed), strict=False):
        yield Batch(items.data, *tensors)


def batches(data: DataSet, split: str, seed: int, size: int, batch: int, pairs: float = 0.5) -> Iterator[Batch]:
    """Endless batches of a split."""
    return feed([Items(data, split, seed, size, pairs)], batch)
