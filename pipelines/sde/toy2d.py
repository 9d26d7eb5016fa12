"""The SDE family in the plane, for the 2-D laboratory."""
from __future__ import annotations

import torch
from torch import Tensor

from pipelines.numerics.likelihood import exact, log_likelihood
from pipelines.protocol import Sampler, Steps
from pipelines.sde import objective
from pipelines.sde.about import SPEC
from pipelines.sde.network import score
from pipelines.sde.options import T_MIN, SDEOptions
from pipelines.sde.processes import PROCESSES
from pipelines.sde.sampler import score_of
from pipelines.toy2d.toy2d import CONTROL, KEY_VJP, CloudNoise, Part, Toy2D, Toy2DNet, predictor

T_DATA = 1e-3


def loss(net: Toy2DNet, x0: Tensor, rng: torch.Generator) -> Tensor:
    return objective.loss(net, PROCESSES["vp"], x0, {}, rng, "variance")


def start(name: str, options: SDEOptions, x: Tensor, noise: CloudNoise) -> Sampler:
    process = PROCESSES[options.process]
    return SPEC.samplers[name](score_of(predictor(), process), process.prior_std * x, noise, process, options)


def field(net: Toy2DNet, x: Tensor, t: float, options: SDEOptions) -> Tensor:
    """The score, times the noise level so that its arrows can be seen at every time; x as previews show it."""
    process, at = PROCESSES[options.process], torch.full((len(x),), max(t, T_DATA))
    level = process.at(at)
    return level.sigma[:, None] * score(net, process, level.norm[:, None] * x, at, {})


def log_density(x: Tensor, options: SDEOptions) -> Steps:
    process = PROCESSES[options.process]
    return (yield from log_likelihood(process, exact(KEY_VJP, {}), x, T_MIN, 1.0, process.prior_std, CONTROL))


TOY2D = Toy2D({"": Part(loss)}, start, noise_at=1.0, data_at=T_DATA, field=field, log_density=log_density)
