"""One network for all Gaussian paths (`numerics.paths`).

With z = x_t / r = cos(phi) x0 + sin(phi) eps every level of every path is an angle phi, 0 for a clean picture and pi/2 for noise, and one
network of (z, phi) serves them all. What it predicts is the derivative of z by phi, v = cos(phi) eps - sin(phi) x0 (Salimans & Ho 2022,
section 4): from it both x0 and eps follow without a division, at every noise level.
"""
from __future__ import annotations

from collections.abc import Callable

from pipelines.late import Tensor, torch
from pipelines.numerics.paths import Path, per_row
from pipelines.protocol import Predict, Steps


def estimates(z: Tensor, phi: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """The estimates (x0, eps) that v stands for."""
    cos, sin = per_row(phi.cos(), z), per_row(phi.sin(), z)
    return cos * z - sin * v, sin * z + cos * v


def denoised(v_theta: Predict, path: Path) -> Callable[..., Steps]:
    """A predictor of (x0, eps) at (x_t, t): (x, t, rows) -> a pair, by `yield from`."""
    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        z, phi = path.at(t).normalised(x)
        v = yield from v_theta(z, phi, rows)
        return estimates(z, phi, v)
    return predict


def velocity(v_theta: Predict, path: Path) -> Predict:
    """The field whose flow carries the marginals along the path (Lipman et al. 2023, eq. 8; for an SDE's path this is its
    probability-flow ODE, Song et al. 2021, eq. 13)."""
    def field(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        point = path.at(t)
        v = yield from v_theta(*point.normalised(x), rows)
        return point.velocity_of_v(x, v)
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
