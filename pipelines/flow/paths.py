"""Conditional probability paths p_t(x | x1) = N(alpha(t) x1, sigma(t)^2 I) of Lipman et al. 2023, section 4.

Noise at t = 0, data at t = 1, here and wherever this family speaks of time. With a noise draw eps the path is
x_t = alpha(t) x1 + sigma(t) eps, and its velocity u_t(x_t | x1) = alpha'(t) x1 + sigma'(t) eps (eq. 15).
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.numerics.schedules import LinearBeta, per_row


class Path:
    """mu_t(x1) = alpha(t) x1 and sigma(t), with their derivatives; times are (B,)."""

    def alpha(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def sigma(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def d_alpha(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def d_sigma(self, t: Tensor) -> Tensor:
        raise NotImplementedError

    def sample(self, x1: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """x_t = psi_t(eps), the conditional flow (eq. 11)."""
        return per_row(self.alpha(t), x1) * x1 + per_row(self.sigma(t), x1) * eps

    def velocity(self, x1: Tensor, eps: Tensor, t: Tensor) -> Tensor:
        """u_t at the point that eps reaches at t."""
        return per_row(self.d_alpha(t), x1) * x1 + per_row(self.d_sigma(t), x1) * eps

    def u(self, x: Tensor, x1: Tensor, t: Tensor) -> Tensor:
        """u_t(x | x1) = sigma' / sigma (x - mu) + mu' at any point x (eq. 15)."""
        rate = per_row(self.d_sigma(t) / self.sigma(t), x)
        return rate * (x - per_row(self.alpha(t), x1) * x1) + per_row(self.d_alpha(t), x1) * x1


@dataclass(frozen=True)
class OT(Path):
    """Optimal transport: straight lines, mu = t x1 and sigma = 1 - (1 - sigma_min) t (eq. 20)."""
    sigma_min: float = 1e-4

    def alpha(self, t: Tensor) -> Tensor:
        return t

    def sigma(self, t: Tensor) -> Tensor:
        return 1 - (1 - self.sigma_min) * t

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return torch.full_like(t, self.sigma_min - 1)


@dataclass(frozen=True)
class VP(LinearBeta, Path):
    """Variance-preserving diffusion, its time turned round (eq. 18).

    Its velocity has no limit at t = 1, so times are moved into [0, 1 - cut]: t is read as (1 - cut) t.
    """
    cut: float = 1e-3

    def _s(self, t: Tensor) -> Tensor:
        return 1 - (1 - self.cut) * t

    def alpha(self, t: Tensor) -> Tensor:
        return LinearBeta.alpha(self, self._s(t))

    def sigma(self, t: Tensor) -> Tensor:
        return LinearBeta.sigma(self, self._s(t))

    def d_alpha(self, t: Tensor) -> Tensor:
        return 0.5 * (1 - self.cut) * self.beta(self._s(t)) * self.alpha(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return -self.d_alpha(t) * self.alpha(t) / self.sigma(t)


PATHS: dict[str, Path] = {"ot": OT(), "vp": VP()}
# For likelihoods and inversions, which need less noise than drawing does: VP begins where Song et al. 2021 begin.
TWO_WAY: dict[str, Path] = {**PATHS, "vp": VP(cut=1e-5)}
