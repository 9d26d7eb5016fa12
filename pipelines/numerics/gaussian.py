"""Pictures under Gaussian noise: x_t = alpha(t) x0 + sigma(t) eps, whatever family says so.

Divide by r = sqrt(alpha^2 + sigma^2) and all such mixtures become one: z = cos(phi) x0 + sin(phi) eps with the angle
phi = atan(sigma / alpha), 0 for a clean picture and pi/2 for noise. One network of (z, phi) therefore serves every
process and every path. What it predicts is the derivative of z by phi, v = cos(phi) eps - sin(phi) x0 (Salimans & Ho 2022,
section 4): from it both x0 and eps follow without a division, at every noise level.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from pipelines.numerics.schedules import per_row
from pipelines.protocol import Predict, Steps


class Path(Protocol):
    """The two coefficients of x_t = alpha(t) x0 + sigma(t) eps and their derivatives, for times (B,)."""

    def alpha(self, t: Tensor) -> Tensor: ...
    def sigma(self, t: Tensor) -> Tensor: ...
    def d_alpha(self, t: Tensor) -> Tensor: ...
    def d_sigma(self, t: Tensor) -> Tensor: ...


def mixed(path: Path, x0: Tensor, eps: Tensor, t: float) -> Tensor:
    """x_t = alpha(t) x0 + sigma(t) eps (B, ...) at one time."""
    at = torch.full((1,), t, device=eps.device, dtype=eps.dtype)
    return path.alpha(at) * x0 + path.sigma(at) * eps


def normalise(x: Tensor, alpha: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
    """x (B, ...) at levels (B,) -> (z, phi)."""
    return x / per_row(torch.hypot(alpha, sigma), x), torch.atan2(sigma, alpha)


def estimates(z: Tensor, phi: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The estimates (x0, eps) that v stands for."""
    cos, sin = per_row(phi.cos(), z), per_row(phi.sin(), z)
    return cos * z - sin * v, sin * z + cos * v


def denoised(v_theta: Predict, path: Path) -> Callable[..., Steps]:
    """A predictor of (x0, eps) at (x_t, t): (x, t, rows) -> a pair, by `yield from`."""
    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        z, phi = normalise(x, path.alpha(t), path.sigma(t))
        v = yield from v_theta(z, phi, rows)
        return estimates(z, phi, v)
    return predict


def drift(path: Path, t: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(a, b, r), each (B,): the marginal velocity d_alpha x0 + d_sigma eps, written as a x + b v(x / r, phi)."""
    alpha, sigma = path.alpha(t), path.sigma(t)
    r = torch.hypot(alpha, sigma)
    return ((path.d_alpha(t) * alpha + path.d_sigma(t) * sigma) / r**2,
            (path.d_sigma(t) * alpha - path.d_alpha(t) * sigma) / r, r)


def velocity(v_theta: Predict, path: Path) -> Predict:
    """The field whose flow carries the marginals along the path (Lipman et al. 2023, eq. 8; for an SDE's path this is its
    probability-flow ODE, Song et al. 2021, eq. 13)."""
    def field(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        a, b, r = drift(path, t)
        v = yield from v_theta(x / per_row(r, x), torch.atan2(path.sigma(t), path.alpha(t)), rows)
        return per_row(a, x) * x + per_row(b, x) * v
    return field


def clipped_v(v_theta: Predict) -> Predict:
    """The same predictor with its estimate of the picture held inside [-1, 1], which guidance overshoots."""
    def predict(z: Tensor, phi: Tensor, rows: Tensor | None = None) -> Steps:
        v = yield from v_theta(z, phi, rows)
        x0, _ = estimates(z, phi, v)
        sin = per_row(phi.sin(), z)
        # v moves by as much as x0 / sin does; where almost no noise is left there is nothing to hold.
        return torch.where(sin > 1e-3, v + (x0 - x0.clamp(-1, 1)) / sin.clamp(min=1e-3), v)
    return predict
