"""Batches of the `shapes` data as tensors."""
from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from pipelines.data.shapes.captions import item
from pipelines.data.shapes.scenes import Scene, render
from pipelines.data.shapes.tokenizer import tokenizer


@dataclass(frozen=True)
class Batch:
    """x0 (B, 3, H, H) in [-1, 1], tokens (B, L) int64, label (B,) int64 in 0..47; for some data the noise that belongs to x0."""
    x0: Tensor
    tokens: Tensor
    label: Tensor
    noise: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        return Batch(self.x0.to(device, non_blocking=True), self.tokens.to(device), self.label.to(device),
                     None if self.noise is None else self.noise.to(device, non_blocking=True))


def to_tensor(image: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) float32 in [-1, 1]."""
    return torch.from_numpy(image).permute(2, 0, 1).float() / 127.5 - 1


def to_pixels(x: Tensor) -> np.ndarray:
    """(..., 3, H, W) in [-1, 1] (clipped) -> (..., H, W, 3) uint8."""
    return ((x.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8).movedim(-3, -1).cpu().numpy()


class Shapes(Dataset):
    """Map-style view of a split; without end, since items are made when they are asked for.

    pairs: share of the scenes that have two things. Two are harder to learn than one.
    """

    def __init__(self, split: str, seed: int, size: int, pairs: float) -> None:
        self.split, self.seed, self.size, self.pairs = split, seed, size, pairs

    def caption(self, index: int) -> tuple[Scene, Tensor]:
        """A scene and its caption's tokens (L,)."""
        count = 1 + int(np.random.default_rng([self.seed, index]).random() < self.pairs)
        scene, caption, _ = item(self.split, self.seed, index, count)
        return scene, torch.tensor(tokenizer().encode(caption).ids)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        scene, tokens = self.caption(index)
        return to_tensor(render(scene, self.size)), tokens, torch.tensor(scene.label)


def _indices(start: int, batch: int) -> Iterator[list[int]]:
    while True:
        yield list(range(start, start + batch))
        start += batch


def _undisturbed(worker: int) -> None:
    """Ctrl-C in a terminal reaches every process of a command; the one that trains says when its helpers end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def feed(dataset: Dataset, batch: int, start: int = 0, workers: int = 0) -> Iterator[Batch]:
    """Endless batches from item `start` on; the same items whatever the number of worker processes."""
    for parts in DataLoader(dataset, batch_sampler=_indices(start, batch), num_workers=workers, worker_init_fn=_undisturbed):
        yield Batch(*parts)


def batches(split: str, seed: int, size: int, batch: int, pairs: float = 0.5) -> Iterator[Batch]:
    """Endless batches of a split."""
    return feed(Shapes(split, seed, size, pairs), batch)
