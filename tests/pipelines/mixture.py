"""Gaussian mixtures: the smallest data with more than one mode for which everything is known."""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.nets.denoiser import vjp
from pipelines.numerics.paths import Path
from pipelines.protocol import NetKey
from tests.pipelines.gaussian import KEY, KEY_VJP


@dataclass(frozen=True)
class Mixture:
    """sum_i w_i N(m_i, s_i^2 I) over points (D,)."""
    weights: tuple[float, ...] = (0.2, 0.5, 0.3)
    means: tuple[tuple[float, ...], ...] = ((-0.8, 0.4), (0.7, 0.6), (0.2, -0.9))
    stds: tuple[float, ...] = (0.15, 0.3, 0.2)

    def log_marginal(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """log p of x = alpha x0 + sigma eps, (B,); alpha and sigma (B,)."""
        return self._joint(x, alpha, sigma).logsumexp(1)

    def log_density(self, x: Tensor) -> Tensor:
        return self.log_marginal(x, torch.ones(len(x), dtype=x.dtype), torch.zeros(len(x), dtype=x.dtype))

    def _joint(self, x: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """log w_i N(x; alpha m_i, v_i), (B, K)."""
        w, m, s = (torch.tensor(z, dtype=x.dtype) for z in (self.weights, self.means, self.stds))
        v = alpha[:, None] ** 2 * s**2 + sigma[:, None] ** 2
        away = x[:, None] - alpha[:, None, None] * m
        return w.log() - away.square().sum(2) / (2 * v) - x.shape[1] / 2 * (2 * math.pi * v).log()

    def predict(self, z: Tensor, phi: Tensor, cond: dict) -> Tensor:
        """E[cos(phi) eps - sin(phi) x0 | z]: of each part, weighted by how likely it is the one that z comes from."""
        m, s = torch.tensor(self.means, dtype=z.dtype), torch.tensor(self.stds, dtype=z.dtype)
        cos, sin = phi.cos()[:, None, None], phi.sin()[:, None, None]
        s2 = s[:, None] ** 2
        away = (z[:, None] - cos * m) / (cos**2 * s2 + sin**2)
        parts = cos * sin * away - sin * (m + cos * s2 * away)
        return (self._joint(z, phi.cos(), phi.sin()).softmax(1)[:, :, None] * parts).sum(1)

    def predict_vjp(self, z: Tensor, phi: Tensor, cond: dict) -> dict[str, Tensor]:
        return vjp(self.predict, z, phi, cond)

    def sample(self, count: int, rng: torch.Generator) -> Tensor:
        which = torch.multinomial(torch.tensor(self.weights), count, replacement=True, generator=rng)
        means, stds = torch.tensor(self.means)[which], torch.tensor(self.stds)[which, None]
        return means + stds * torch.randn(means.shape, generator=rng)

    @property
    def nets(self) -> dict[NetKey, object]:
        return {KEY: self.predict, KEY_VJP: self.predict_vjp}


def log_marginal(data: Mixture, path: Path, x: Tensor, t: Tensor) -> Tensor:
    """log p_t(x) along a path."""
    return data.log_marginal(x, path.at(t).alpha, path.at(t).sigma)
