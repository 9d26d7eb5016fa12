"""Randomness that belongs to an image: each row has its own seed and stream, drawn on the CPU.

So neither the device nor the other rows of a batch change a picture.
"""
from __future__ import annotations

import math

from pipelines.late import Tensor, torch


class RowNoise:
    """Standard normal noise for B rows, row k from its own generator seeded with seeds[k]."""

    def __init__(self, seeds: tuple[int, ...], shape: tuple[int, ...], device: torch.device | str = "cpu") -> None:
        self.seeds, self.shape, self.device = seeds, shape, torch.device(device)
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal(self) -> Tensor:
        """The next draw of every row, (B, *shape) float32."""
        rows = [torch.randn(self.shape, generator=generator) for generator in self.generators]
        return torch.stack(rows).to(self.device)

    def uniform(self, count: int) -> Tensor:
        """The next numbers of every row, (B, count) float32 in [0, 1)."""
        return torch.stack([torch.rand(count, generator=generator) for generator in self.generators]).to(self.device)

    def brownian(self, start: float, end: float, finest: float | None = None) -> BrownianPaths:
        """A Brownian path per row over [start, end], fixed by the row's seed; finest: the shortest step that will be asked for."""
        return BrownianPaths(self.seeds, self.shape, start, end, self.device, finest)


LOG_SIGMA = (-7.0, 12.0)          # where log sigma lies on every noise schedule that is offered: Brownian paths over it fit them all


def import_paths() -> None:
    """Import what Brownian paths are made with, before they are."""
    import torchsde  # noqa: F401


class BrownianPaths:
    """One Brownian path per row, the same whatever the steps that ask for it.

    Ten and a hundred steps of an SDE solver then follow the same path, and what differs between their pictures is
    discretisation error and not other noise. The halfway tree of torchsde makes a value depend on the seed and the
    times alone, not on the order of the questions; it needs times on a dyadic grid, of 2^14 intervals or so many more
    that none of the steps falls into one. A finer grid halves the same path further.
    """

    COARSEST, FINEST = 14, 23                # as powers of two; beyond, times are no longer exact in fp32

    def __init__(self, seeds: tuple[int, ...], shape: tuple[int, ...], start: float, end: float,
                 device: torch.device, finest: float | None = None) -> None:
        from torchsde import BrownianInterval
        needed = math.ceil(math.log2(2 * (end - start) / finest)) if finest else self.COARSEST
        grid = 2 ** min(max(needed, self.COARSEST), self.FINEST)
        self.start, self.scale, self.device = start, grid / (end - start), device
        self.paths = [
            BrownianInterval(0.0, float(grid), size=shape, entropy=seed, tol=1.0, halfway_tree=True)
            for seed in seeds]

    def increment(self, a: float, b: float) -> Tensor:
        """(W(b) - W(a)) / sqrt(|b - a|) of every row, (B, *shape): standard normal. a and b lie in the range, a grid interval apart
        at least."""
        low, high = sorted(round((time - self.start) * self.scale) for time in (a, b))
        high = max(high, low + 1)
        sign = 1.0 if b > a else -1.0
        rows = [path(float(low), float(high)) for path in self.paths]
        return torch.stack(rows).to(self.device) * (sign / (high - low) ** 0.5)
