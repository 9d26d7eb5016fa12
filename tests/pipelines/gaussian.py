"""Gaussian data N(mu, s^2 I), for which the exact network of `numerics.gaussian` is known, and so is everything else."""
from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.numerics.guidance import guided
from pipelines.numerics.paths import Path, per_row
from pipelines.protocol import NetKey, Predict

KEY, KEY_VJP = NetKey("gaussian", "predict"), NetKey("gaussian", "predict_vjp")


@dataclass(frozen=True)
class Gaussian:
    mu: float = 0.3
    s: float = 0.5

    def predict(self, z: Tensor, phi: Tensor, cond: dict) -> Tensor:
        """E[cos(phi) eps - sin(phi) x0 | z]."""
        cos, sin = per_row(phi.cos(), z), per_row(phi.sin(), z)
        away = (z - cos * self.mu) / (cos**2 * self.s**2 + sin**2)
        return cos * sin * away - sin * (self.mu + cos * self.s**2 * away)

    def predict_vjp(self, z: Tensor, phi: Tensor, cond: dict) -> dict[str, Tensor]:
        cos, sin = per_row(phi.cos(), z), per_row(phi.sin(), z)
        slope = cos * sin * (1 - self.s**2) / (cos**2 * self.s**2 + sin**2)
        return {"value": self.predict(z, phi, cond), "product": slope * cond["vector"]}

    def std(self, path: Path, t: Tensor) -> Tensor:
        """Standard deviation of x_t."""
        level = path.at(t)
        return (level.alpha**2 * self.s**2 + level.sigma**2).sqrt()

    def score(self, path: Path, x: Tensor, t: Tensor) -> Tensor:
        return -(x - per_row(path.at(t).alpha, x) * self.mu) / per_row(self.std(path, t) ** 2, x)

    def velocity(self, path: Path, x: Tensor, t: Tensor) -> Tensor:
        """m' + (std' / std) (x - m), the field that carries N(m, std^2) along."""
        point = path.at(t)
        rate = (point.alpha * point.d_alpha * self.s**2 + point.sigma * point.d_sigma) / self.std(path, t) ** 2
        return per_row(point.d_alpha, x) * self.mu + per_row(rate, x) * (x - per_row(point.alpha, x) * self.mu)

    def flow(self, path: Path, x: Tensor, start: float, end: float) -> Tensor:
        """Where that field takes x from `start` to `end`: (x - m) / std stays the same."""
        t, s = torch.tensor([start], dtype=torch.float64), torch.tensor([end], dtype=torch.float64)
        ratio = float(self.std(path, s) / self.std(path, t))
        return float(path.at(s).alpha) * self.mu + ratio * (x - float(path.at(t).alpha) * self.mu)

    def log_density(self, x: Tensor) -> Tensor:
        """log p(x0) of each row, (B,)."""
        d = x[0].numel()
        return -((x - self.mu) / self.s).flatten(1).square().sum(1) / 2 - d * (math.log(self.s) + math.log(2 * math.pi) / 2)

    @property
    def nets(self) -> dict:
        return {KEY: self.predict, KEY_VJP: self.predict_vjp}


def exact() -> Predict:
    """The predictor that asks for KEY without guidance."""
    return guided(KEY, {}, {}, 1.0)


def slope(errors: list[float]) -> float:
    """Measured order of convergence when each error belongs to half the step of the one before."""
    return math.log2(errors[0] / errors[-1]) / (len(errors) - 1)


def within(solver: str, options: Any) -> float:
    """How far from the exact end a solver of an ODE may be, as a share of the data's width: (3 / steps)^order, since the logarithm of the
    width changes by less than 2 on the way; by tolerance 20 times that, which it may take in each of some twenty steps."""
    order = {"euler": 1, "midpoint": 2, "heun": 2, "rk4": 4}
    return 20 * options.rtol if solver == "rk45" else (3 / options.steps) ** order[solver]
