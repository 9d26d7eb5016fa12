"""log p(x0) of a picture under a model with a velocity field, by the change of variables along its flow.

d log p(x_t) / dt = -div u(x_t, t) (Chen et al. 2018, theorem 1), so the flow is integrated together with the divergence of
its field. For an SDE the flow is the probability-flow ODE (Song et al. 2021, Appendix D.2). Without guidance: a guided
field is not the velocity of any density that was learned.
"""
from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.numerics.ode import Control, PreviewFn, adaptive
from pipelines.numerics.paths import Path, per_row
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Call, Cond, NetKey, Outcome, Predict, Steps

LEVELS = 127.5                     # a picture's 256 levels are spread over [-1, 1]
Divergence = Callable[[Tensor, Tensor, Tensor | None], Steps]      # (z, phi, rows) -> (v, div_z v)


def dequantised(x0: Tensor, noise: RowNoise) -> Tensor:
    """Pictures (B, C, H, W) in [-1, 1], every number spread over the width of its grey level: a density at exact levels has no
    meaning in bits, and so it bounds what a picture of 256 levels costs (Theis et al. 2016, section 3.1)."""
    return x0 + (noise.uniform(x0[0].numel()).view_as(x0) - 0.5).to(x0) / LEVELS


def hutchinson(net: NetKey, cond: Cond, vectors: Tensor) -> Divergence:
    """div v = E e^T (dv/dz) e for e with E e e^T = I (Hutchinson 1990), one e per row for the whole path (Grathwohl et al.
    2019, section 3.1). vectors (K, B, ...) are K of them; more of them, less variance."""
    def estimate(z: Tensor, phi: Tensor, rows: Tensor | None) -> Steps:
        answers = yield tuple(_product(net, z, phi, cond, e, rows) for e in vectors)
        chosen = vectors if rows is None else vectors[:, rows]
        products = [(answer["product"] * e).flatten(1).sum(1) for answer, e in zip(answers, chosen, strict=True)]
        return answers[0]["value"], torch.stack(products).mean(0)
    return estimate


def exact(net: NetKey, cond: Cond) -> Divergence:
    """div v by one vector-Jacobian product per dimension: D times the cost, no variance."""
    def divergence(z: Tensor, phi: Tensor, rows: Tensor | None) -> Steps:
        total, value = torch.zeros(len(z), device=z.device), None
        for d in range(z[0].numel()):
            e = torch.zeros_like(z)
            e.flatten(1)[:, d] = 1                           # a view, so this writes into e
            (answer,) = yield (_product(net, z, phi, cond, e, rows, chosen=True),)
            total, value = total + answer["product"].flatten(1)[:, d], answer["value"]
        return value, total
    return divergence


def _product(net: NetKey, z: Tensor, phi: Tensor, cond: Cond, e: Tensor, rows: Tensor | None, chosen: bool = False) -> Call:
    def pick(c: Tensor) -> Tensor:
        return c if rows is None else c[rows]
    return Call(net, z, phi, {name: pick(c) for name, c in cond.items()} | {"vector": e if chosen else pick(e)})


def signs(noise: RowNoise, count: int) -> Tensor:
    """(count, B, ...) random vectors of +-1, each row's from its own stream."""
    return torch.stack([noise.normal().sign() for _ in range(count)])


def augmented(path: Path, divergence: Divergence, shape: torch.Size) -> Predict:
    """The field of (x, log-determinant), flattened to (B, D + 1): u = a x + b v(x / r) and div u = a D + b / r div v."""
    def field(state: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        x = state[:, :-1].unflatten(1, shape)
        point = path.at(t)
        a, b = point.drift()
        v, div = yield from divergence(*point.normalised(x), rows)
        u = per_row(a, x) * x + per_row(b, x) * v
        return torch.cat([u.flatten(1), (a * x[0].numel() + b / point.norm * div)[:, None]], dim=1)
    return field


def log_likelihood(path: Path, divergence: Divergence, x0: Tensor, data: float, noise: float, prior_std: float,
                   control: Control, preview: PreviewFn | None = None) -> Steps:
    """log p(x0) of each row, an `Outcome` of (B, 1): the flow is solved from time `data` to time `noise`, where the prior is
    N(0, prior_std^2 I)."""
    state = torch.cat([x0.flatten(1), torch.zeros(len(x0), 1, device=x0.device)], dim=1)
    field = augmented(path, divergence, x0.shape[1:])
    outcome: Outcome = yield from adaptive(field, state, data, noise, control, preview)
    x, log_det = outcome.x[:, :-1], outcome.x[:, -1]
    prior = -(x / prior_std).square().sum(1) / 2 - x.shape[1] * (math.log(prior_std) + math.log(2 * math.pi) / 2)
    return Outcome((prior + log_det)[:, None], outcome.nfe, outcome.notes)


def bits_per_dim(log_p: Tensor, dimensions: int) -> Tensor:
    """-log2 of the probability of a picture's 256-level pixels, per dimension, from its density on [-1, 1]."""
    return -log_p / (dimensions * math.log(2)) + math.log2(LEVELS)


