"""Gaussian paths between pictures and noise: x_t = alpha(t) x0 + sigma(t) eps, whatever family says so.

Each has its own time; where the picture is and where the noise is belongs to the path. At a time it answers with alpha, sigma and
their derivatives at once, and what follows from them (noise, picture, score, velocity) are methods of that answer. x, x0 and eps are
(B, ...), times and coefficients (B,).
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pipelines.late import Tensor, torch


def per_row(values: Tensor, x: Tensor) -> Tensor:
    """(B,) values shaped to multiply x (B, ...)."""
    return values.view(-1, *[1] * (x.dim() - 1))


@dataclass(frozen=True)
class Level:
    """How much of the picture and how much noise there is: N(alpha x0, sigma^2 I)."""
    alpha: Tensor
    sigma: Tensor

    def mixed(self, x0: Tensor, eps: Tensor) -> Tensor:
        """x_t = alpha x0 + sigma eps."""
        return per_row(self.alpha, eps) * x0 + per_row(self.sigma, eps) * eps

    def x0(self, x: Tensor, eps: Tensor) -> Tensor:
        """The picture in x whose noise is eps."""
        return (x - per_row(self.sigma, x) * eps) / per_row(self.alpha, x)

    def eps(self, x: Tensor, x0: Tensor) -> Tensor:
        """The noise in x whose picture is x0."""
        return (x - per_row(self.alpha, x) * x0) / per_row(self.sigma, x)

    def v(self, x0: Tensor, eps: Tensor) -> Tensor:
        """alpha eps - sigma x0, which is dz/dphi where alpha^2 + sigma^2 = 1 (Salimans & Ho 2022, section 4)."""
        return per_row(self.alpha, eps) * eps - per_row(self.sigma, eps) * x0

    def eps_of_v(self, x: Tensor, v: Tensor) -> Tensor:
        """The noise in x from v, where alpha^2 + sigma^2 = 1."""
        return per_row(self.alpha, x) * v + per_row(self.sigma, x) * x

    def score(self, eps: Tensor) -> Tensor:
        """grad log p(x | x0) = -eps / sigma."""
        return -eps / per_row(self.sigma, eps)

    def tweedie(self, x: Tensor, score: Tensor) -> Tensor:
        """E[x0 | x] = (x + sigma^2 score) / alpha (Efron 2011)."""
        return (x + per_row(self.sigma**2, x) * score) / per_row(self.alpha, x)

    @property
    def norm(self) -> Tensor:
        """r = sqrt(alpha^2 + sigma^2)."""
        return torch.hypot(self.alpha, self.sigma)

    @property
    def angle(self) -> Tensor:
        """phi = atan(sigma / alpha): 0 for a clean picture, pi/2 for noise; the angle of TrigFlow (Lu & Song 2024)."""
        return torch.atan2(self.sigma, self.alpha)

    def normalised(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(z, phi) with z = x / r = cos(phi) x0 + sin(phi) eps, the form that all such mixtures have in common."""
        return x / per_row(self.norm, x), self.angle


@dataclass(frozen=True)
class Point(Level):
    """A level on a path, with the derivatives of both coefficients by the path's time."""
    d_alpha: Tensor
    d_sigma: Tensor

    def velocity(self, x0: Tensor, eps: Tensor) -> Tensor:
        """dx_t/dt where picture and noise are known: alpha' x0 + sigma' eps."""
        return per_row(self.d_alpha, eps) * x0 + per_row(self.d_sigma, eps) * eps

    def drift(self) -> tuple[Tensor, Tensor]:
        """(a, b): the velocity is a x + b v, v = dz/dphi = cos(phi) eps - sin(phi) x0 (Salimans & Ho 2022, section 4)."""
        r = self.norm
        return ((self.d_alpha * self.alpha + self.d_sigma * self.sigma) / r**2,
                (self.d_sigma * self.alpha - self.d_alpha * self.sigma) / r)

    def velocity_of_v(self, x: Tensor, v: Tensor) -> Tensor:
        """The velocity at x from v."""
        a, b = self.drift()
        return per_row(a, x) * x + per_row(b, x) * v

    def v_of_velocity(self, x: Tensor, velocity: Tensor) -> Tensor:
        """v at x from the velocity."""
        a, b = self.drift()
        return (velocity - per_row(a, x) * x) / per_row(b, x)


class Path(Protocol):
    """All levels of a path."""

    def at(self, t: Tensor) -> Point:
        """The level at times (B,)."""


def at(path: Path, t: float, like: Tensor) -> Point:
    """The level at one time, on the device and in the precision of a tensor."""
    return path.at(torch.full((1,), t, device=like.device, dtype=like.dtype))


@dataclass(frozen=True)
class OptimalTransport:
    """Straight lines from noise (t = 0) to the picture (t = 1): alpha = t, sigma = 1 - (1 - sigma_min) t (Lipman et al. 2023, eq. 20)."""
    sigma_min: float = 1e-4

    def at(self, t: Tensor) -> Point:
        return Point(t, 1 - (1 - self.sigma_min) * t, torch.ones_like(t), torch.full_like(t, self.sigma_min - 1))


@dataclass(frozen=True)
class VariancePreserving:
    """alpha^2 + sigma^2 = 1, from the picture (t = 0) to noise (t = 1), with beta(t) = -2 alpha' / alpha rising linearly (Song et al.
    2021, eq. 32)."""
    beta_min: float = 0.1
    beta_max: float = 20.0

    def beta(self, t: Tensor) -> Tensor:
        return self.beta_min + t * (self.beta_max - self.beta_min)

    def log_alpha(self, t: Tensor) -> Tensor:
        """Minus half the integral of beta from 0 to t."""
        return -0.25 * t**2 * (self.beta_max - self.beta_min) - 0.5 * t * self.beta_min

    def at(self, t: Tensor) -> Point:
        log_alpha, rate = self.log_alpha(t), 0.5 * self.beta(t)
        alpha, sigma = log_alpha.exp(), (-torch.expm1(2 * log_alpha)).sqrt()          # sqrt(1 - alpha^2), exact for small t
        return Point(alpha, sigma, -rate * alpha, rate * alpha**2 / sigma)


@dataclass(frozen=True)
class Arc:
    """The quarter circle from the picture (t = 0) to noise (t = 1)."""

    def at(self, t: Tensor) -> Point:
        phi = torch.pi / 2 * t
        return Point(phi.cos(), phi.sin(), -torch.pi / 2 * phi.sin(), torch.pi / 2 * phi.cos())


@dataclass(frozen=True)
class Reversed:
    """A path the other way round. Its velocity may have no limit at the picture, so it stops at `cut` before it: t is read as
    (1 - cut) t."""
    path: Path
    cut: float = 0.0

    def at(self, t: Tensor) -> Point:
        rate = 1 - self.cut
        there = self.path.at(1 - rate * t)
        return Point(there.alpha, there.sigma, -rate * there.d_alpha, -rate * there.d_sigma)
