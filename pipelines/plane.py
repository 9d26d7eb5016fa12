"""The 2-D laboratory's world: densities in the plane, a network of 22,000 numbers, noise for a cloud of points.

Objectives and samplers are those of the families; only the network is smaller and a point takes the place of a picture.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.nets.denoiser import vjp
from pipelines.numerics.guidance import guided
from pipelines.numerics.rng import BrownianPaths
from pipelines.protocol import Cond, Net, NetKey, Predict, Sampler, Steps

KEY, KEY_VJP = NetKey("plane", "predict"), NetKey("plane", "predict_vjp")
DENSITIES = ("moons", "gaussians", "spiral", "drawn")
BATCH = 512
STEPS = 1500                       # of training: about four seconds on two cores


@dataclass(frozen=True)
class Plane:
    """A family in the plane: its own objective, samplers and field, on points instead of pictures."""
    loss: Callable[[PlaneNet, Tensor, torch.Generator], Tensor]
    start: Callable[[str, Any, Tensor, CloudNoise], Sampler]      # (sampler, options, white noise (B, 2), noise)
    field: Callable[[PlaneNet, Tensor, float, Any], Tensor]       # (network, points, t, options) -> arrows (B, 2)
    log_density: Callable[[Tensor, Any], Steps]                   # (points, options) -> an Outcome of log p (B, 1)
    noise_at: float                                               # time of pure noise
    data_at: float                                                # time of data


def sample_density(name: str, count: int, rng: np.random.Generator, points: np.ndarray | None = None) -> Tensor:
    """(count, 2) points of a density, spread over about [-1, 1]^2 as the pixels of pictures are.

    "drawn" takes `points` (N, 2) with a little blur. Raises ValueError for a name that is none.
    """
    if name == "moons":
        angle, upper = rng.uniform(0, math.pi, count), rng.integers(2, size=count)
        x = np.where(upper, np.cos(angle), 1 - np.cos(angle)) - 0.5
        y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle)) - 0.25
        found = np.stack([x, y], 1) / 1.5 + 0.04 * rng.standard_normal((count, 2))
    elif name == "gaussians":
        angle = rng.integers(8, size=count) * math.pi / 4
        found = 0.8 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.06 * rng.standard_normal((count, 2))
    elif name == "spiral":
        way = np.sqrt(rng.uniform(0.03, 1, count))
        found = way[:, None] * np.stack([np.cos(3 * math.pi * way), np.sin(3 * math.pi * way)], 1)
        found = found + 0.03 * rng.standard_normal((count, 2))
    elif name == "drawn" and points is not None and len(points):
        found = points[rng.integers(len(points), size=count)] + 0.03 * rng.standard_normal((count, 2))
    else:
        raise ValueError(f"There is no density {name!r}; there are {', '.join(DENSITIES)}, and the last needs points.")
    return torch.from_numpy(found).float()


class PlaneNet(nn.Module):
    """The smallest denoiser v(z, phi): what `nets.denoiser.Denoiser` is for pictures, for points (B, 2)."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        # Sines and cosines of the point itself: without them a net this small blurs what is narrow (Tancik et al. 2020).
        self.octaves = torch.tensor([1.0, 2.0, 4.0, 8.0])
        self.layers = nn.Sequential(nn.Linear(2 + 8 + 16, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
                                    nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def predict(self, z: Tensor, phi: Tensor, cond: Cond) -> Tensor:
        """v, (B, 2), from z (B, 2) and phi (B,)."""
        angles, waves = phi[:, None] * self.octaves, (1.5 * z[:, :, None] * self.octaves).flatten(1)
        return self.layers(torch.cat([z, angles.cos(), angles.sin(), waves.cos(), waves.sin()], dim=1))

    @property
    def nets(self) -> dict[NetKey, Net]:
        """What a sampler of the plane may call."""
        return {KEY: self.predict, KEY_VJP: lambda z, phi, cond: vjp(self.predict, z, phi, cond)}


def predictor() -> Predict:
    """The network as samplers ask for it: no condition, no guidance."""
    return guided(KEY, {}, {}, 1.0)


class CloudNoise:
    """Noise for B points at once from one seed; where pictures have a stream each, a cloud of particles shares one."""

    def __init__(self, seed: int, count: int) -> None:
        self.seeds, self.shape, self.device = (seed,) * count, (2,), torch.device("cpu")
        self.generators = [torch.Generator().manual_seed(seed)]

    def normal(self) -> Tensor:
        """(B, 2)."""
        return torch.randn(len(self.seeds), 2, generator=self.generators[0])

    def brownian(self, start: float, end: float, finest: float | None = None) -> CloudPaths:
        """Brownian paths of all points, fixed by the seed."""
        return CloudPaths(BrownianPaths(self.seeds[:1], (len(self.seeds), 2), start, end, self.device, finest))


@dataclass(frozen=True)
class CloudPaths:
    """The single row of `BrownianPaths`, its points as rows."""
    paths: BrownianPaths

    def increment(self, a: float, b: float) -> Tensor:
        return self.paths.increment(a, b)[0]


def train(net: PlaneNet, plane: Plane, density: str, points: np.ndarray | None = None, seed: int = 0,
          steps: int = STEPS) -> Iterator[tuple[int, float]]:
    """Train in place by the family's own objective, yielding (step, loss)."""
    data, rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        value = plane.loss(net, sample_density(density, BATCH, data, points), rng)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        decay.step()
        yield step + 1, value.item()
