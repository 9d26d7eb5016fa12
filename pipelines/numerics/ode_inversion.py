"""The way between pictures and noise that a family's ODE goes both ways: inversion, interpolation, likelihood, edits.

All are samplers like any other. A prompt gives the condition, an empty one the null condition; there is no guidance,
since a guided field is not the velocity of a density.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.nets.conditioning import read_captions
from pipelines.numerics.gaussian import velocity
from pipelines.numerics.guidance import guided
from pipelines.numerics.likelihood import dequantised, hutchinson, log_likelihood, signs
from pipelines.numerics.ode import Control, adaptive
from pipelines.numerics.paths import Path
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.sphere import slerp
from pipelines.protocol import NetKey, Outcome, Predict, Sampler, Steps
from pipelines.request import Request


@dataclass(frozen=True)
class OdeInversion:
    """An ODE between data and prior: the marginals' path, the two times, and the prior's standard deviation."""
    path: Path
    data: float
    noise: float
    prior_std: float


def _field(inversion: OdeInversion, request: Request, weights: str, device: torch.device) -> Steps:
    """The velocity along the path under the request's caption."""
    cond, null = yield from read_captions(request, weights, device, precise=True)
    v_theta: Predict = guided(NetKey(weights, "predict", precise=True), cond, null, 1.0 if request.prompt else 0.0)
    return velocity(v_theta, inversion.path)


def invert(inversion: OdeInversion, request: Request, weights: str, x0: Tensor, control: Control) -> Sampler:
    """Pictures (B, C, H, W) in [-1, 1] to the noise that the ODE makes of them, of standard deviation 1; B = request.count."""
    field = yield from _field(inversion, request, weights, x0.device)
    outcome: Outcome = yield from adaptive(field, x0, inversion.data, inversion.noise, control)
    return Outcome(outcome.x / inversion.prior_std, outcome.nfe, outcome.notes)


def generate(inversion: OdeInversion, request: Request, weights: str, noise: Tensor, control: Control) -> Sampler:
    """The way back from `invert`."""
    field = yield from _field(inversion, request, weights, noise.device)
    return (yield from adaptive(field, inversion.prior_std * noise, inversion.noise, inversion.data, control))


def likelihood(inversion: OdeInversion, request: Request, weights: str, x0: Tensor, probes: int, control: Control) -> Sampler:
    """log p of pictures (B, C, H, W) of 256 levels, an `Outcome` of (B, 1), by Hutchinson's estimator with `probes` directions each.

    A row's stream spreads its picture over the width of a grey level first and draws the directions then: from two streams of one seed
    they would depend on each other, and the estimate would be biased. Rows of one picture differ by both.
    """
    cond, null = yield from read_captions(request, weights, x0.device, precise=True)
    noise = RowNoise(request.seeds, tuple(x0.shape[1:]), x0.device)
    x0, vectors = dequantised(x0, noise), signs(noise, probes)
    divergence = hutchinson(NetKey(weights, "predict_vjp", precise=True), cond if request.prompt else null, vectors)
    return (yield from log_likelihood(inversion.path, divergence, x0, inversion.data, inversion.noise, inversion.prior_std, control))


def between(a: Tensor, b: Tensor, shares: Tensor) -> Tensor:
    """Noises on the great circle from a to b (C, H, W) at shares (K,) of the way: (K, C, H, W)."""
    return slerp(a.flatten(), b.flatten(), shares.to(a)[:, None]).unflatten(1, a.shape)
