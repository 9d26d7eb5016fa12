"""The forward processes dx = f(x, t) dt + g(t) dw of Song et al. 2021, section 3.4 and Appendix B; t runs from 0 to 1.

Each knows its marginals p_t(x | x0) = N(alpha(t) x0, sigma(t)^2 I) in closed form, and is therefore also a path in the
sense of `numerics.gaussian`. Times are tensors (B,) > 0.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.numerics.schedules import LinearBeta, per_row


@dataclass(frozen=True)
class VP(LinearBeta):
    """Variance preserving: f = -beta x / 2, g = sqrt(beta), beta from 0.1 to 20 (eq. 11)."""

    def f(self, x: Tensor, t: Tensor) -> Tensor:
        return -0.5 * per_row(self.beta(t), x) * x

    def g(self, t: Tensor) -> Tensor:
        return self.beta(t).sqrt()

    def d_alpha(self, t: Tensor) -> Tensor:
        return -0.5 * self.beta(t) * self.alpha(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return 0.5 * self.beta(t) * self.alpha(t) ** 2 / self.sigma(t)

    @property
    def prior_std(self) -> float:
        return 1.0


@dataclass(frozen=True)
class SubVP(VP):
    """The sub-VP process: the drift of VP, g^2 = beta (1 - alpha^4), and so sigma = 1 - alpha^2 (eq. 12)."""

    def g(self, t: Tensor) -> Tensor:
        return (self.beta(t) * -torch.expm1(4 * self.log_alpha(t))).sqrt()

    def sigma(self, t: Tensor) -> Tensor:
        return -torch.expm1(2 * self.log_alpha(t))

    def d_sigma(self, t: Tensor) -> Tensor:
        return self.beta(t) * self.alpha(t) ** 2


@dataclass(frozen=True)
class VE:
    """Variance exploding: f = 0, noise level s(t) = s_min (s_max / s_min)^t, sigma(t)^2 = s(t)^2 - s(0)^2 (eq. 9)."""
    sigma_min: float = 0.01
    sigma_max: float = 50.0

    @property
    def _rate(self) -> float:
        return math.log(self.sigma_max / self.sigma_min)

    def _s(self, t: Tensor) -> Tensor:
        return self.sigma_min * (self._rate * t).exp()

    def f(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def g(self, t: Tensor) -> Tensor:
        return self._s(t) * math.sqrt(2 * self._rate)

    def alpha(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min * torch.expm1(2 * self._rate * t).sqrt()

    def d_alpha(self, t: Tensor) -> Tensor:
        return torch.zeros_like(t)

    def d_sigma(self, t: Tensor) -> Tensor:
        return self._rate * self._s(t) ** 2 / self.sigma(t)

    @property
    def prior_std(self) -> float:
        return math.sqrt(self.sigma_max**2 - self.sigma_min**2)


Process = VP | VE                                                      # SubVP is a VP
PROCESSES: dict[str, Process] = {"vp": VP(), "subvp": SubVP(), "ve": VE()}
