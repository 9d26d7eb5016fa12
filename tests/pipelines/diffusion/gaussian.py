"""Gaussian data N(mu, s^2 I): everything that a diffusion sampler should do is known in closed form."""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.diffusion.options import DiffusionOptions
from pipelines.numerics.guidance import guided
from pipelines.numerics.paths import per_row
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import NetKey, run_alone
from pipelines.registry import face

KEY = NetKey("gaussian", "predict")
# Every pixel has a width of its own, from far below the lowest noise level of a few steps to that of pictures: with one width alone
# errors of the last step and of those before it can cancel.
WIDTHS = torch.logspace(math.log10(0.05), 0, 16).repeat(4).view(8, 8)


@dataclass(frozen=True)
class Gaussian:
    mu: float
    s: float
    schedule: NoiseSchedule

    def eps(self, x_t: Tensor, t: Tensor, cond: dict) -> Tensor:
        """E[eps | x_t] = sqrt(1 - abar) (x_t - sqrt(abar) mu) / (abar s^2 + 1 - abar)."""
        level = self.schedule.at(t)
        signal, noise = per_row(level.alpha, x_t), per_row(level.sigma, x_t)
        return noise * (x_t - signal * self.mu) / (signal**2 * self.s**2 + noise**2)

    def flow_to(self, x_T: Tensor, sigma_end: float, steps: int = 50) -> Tensor:
        """Where the probability-flow ODE takes x_T from the first visited time to noise level sigma_end (x in signal units).

        In y = x / sqrt(abar) the ODE keeps (y - mu) / sqrt(s^2 + sigma^2) constant.
        """
        abar = float(self.schedule.alpha_bar[self.schedule.visited(steps) - 1])
        sigma = ((1 - abar) / abar) ** 0.5
        return self.mu + ((self.s**2 + sigma_end**2) / (self.s**2 + sigma**2)) ** 0.5 * (x_T / abar**0.5 - self.mu)


def draw(name: str, data: Gaussian, steps: int, rows: int = 16, side: int = 16,
         **options: object) -> tuple[Tensor, Tensor, int]:
    """(samples, the x_T they came from, network calls) of a sampler on the exact network."""
    noise = RowNoise(tuple(range(rows)), (3, side, side))
    x_T = noise.normal()
    calls = 0

    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        nonlocal calls
        calls += 1
        return data.eps(x, t, cond)

    chosen: DiffusionOptions = face("diffusion").samplers[name].options(steps=steps, clip=False, **options)
    sampler = face("diffusion").samplers[name](guided(KEY, {}, {}, 1.0), x_T, noise, data.schedule, chosen)
    with torch.inference_mode():
        return run_alone(sampler, {KEY: net}), x_T, calls
