"""The forward processes dx = f(x, t) dt + g(t) dw of Song et al. 2021, section 3.4 and Appendix B; t runs from 0 to 1.

Each knows its marginals p_t(x | x0) = N(alpha(t) x0, sigma(t)^2 I) in closed form, and is therefore also a path in the
sense of `numerics.paths`. Times are tensors (B,) > 0.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.late import Tensor, torch
from pipelines.numerics.paths import Point, VariancePreserving, per_row


@dataclass(frozen=True)
class VP(VariancePreserving):
    """Variance preserving: f = -beta x / 2, g = sqrt(beta), beta from 0.1 to 20 (eq. 11)."""

    def f(self, x: Tensor, t: Tensor) -> Tensor:
        return -0.5 * per_row(self.beta(t), x) * x

    def g(self, t: Tensor) -> Tensor:
        return self.beta(t).sqrt()

    @property
    def prior_std(self) -> float:
        return 1.0


@dataclass(frozen=True)
class SubVP(VP):
    """The sub-VP process: the drift of VP, g^2 = beta (1 - alpha^4), and so sigma = 1 - alpha^2 (eq. 12)."""

    def g(self, t: Tensor) -> Tensor:
        return (self.beta(t) * -torch.expm1(4 * self.log_alpha(t))).sqrt()

    def at(self, t: Tensor) -> Point:
        log_alpha, beta = self.log_alpha(t), self.beta(t)
        alpha = log_alpha.exp()
        return Point(alpha, -torch.expm1(2 * log_alpha), -0.5 * beta * alpha, beta * alpha**2)


@dataclass(frozen=True)
class VE:
    """Variance exploding: f = 0, noise level s(t) = s_min (s_max / s_min)^t, sigma(t)^2 = s(t)^2 - s(0)^2 (eq. 9)."""
    sigma_min: float = 0.01
    sigma_max: float = 50.0

    @property
    def rate(self) -> float:
        """s' / s."""
        return math.log(self.sigma_max / self.sigma_min)

    def s(self, t: Tensor) -> Tensor:
        return self.sigma_min * (self.rate * t).exp()

    def f(self, x: Tensor, t: Tensor) -> Tensor:
        return torch.zeros_like(x)

    def g(self, t: Tensor) -> Tensor:
        return self.s(t) * math.sqrt(2 * self.rate)

    def at(self, t: Tensor) -> Point:
        sigma = self.sigma_min * torch.expm1(2 * self.rate * t).sqrt()
        return Point(torch.ones_like(t), sigma, torch.zeros_like(t), self.rate * self.s(t) ** 2 / sigma)

    @property
    def prior_std(self) -> float:
        return math.sqrt(self.sigma_max**2 - self.sigma_min**2)


Process = VP | VE                                                      # SubVP is a VP
PROCESSES: dict[str, Process] = {"vp": VP(), "subvp": SubVP(), "ve": VE()}
