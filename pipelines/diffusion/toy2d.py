"""Diffusion in the plane, for the 2-D laboratory."""
from __future__ import annotations

import torch
from torch import Tensor

from pipelines.diffusion import objective
from pipelines.diffusion.about import SPEC
from pipelines.diffusion.network import noise_in
from pipelines.diffusion.options import DiffusionOptions
from pipelines.numerics.guidance import guided
from pipelines.numerics.likelihood import exact, log_likelihood
from pipelines.numerics.paths import Arc
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Cond, Predict, Sampler, Steps
from pipelines.toy2d.toy2d import CONTROL, KEY, KEY_VJP, CloudNoise, Part, Toy2D, Toy2DNet

SCHEDULE = NoiseSchedule("cosine")


class PlaneDiffusion:
    """A `Toy2DNet` seen as the diffusion objective sees its network: discrete times, prediction of v."""
    schedule, prediction = SCHEDULE, "v"

    def __init__(self, net: Toy2DNet) -> None:
        self.net = net

    def output(self, x_t: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.net.predict(x_t, self.schedule.angle(t), {})


def loss(net: Toy2DNet, x0: Tensor, rng: torch.Generator) -> Tensor:
    return objective.loss(PlaneDiffusion(net), x0, {}, rng)


def _eps_theta() -> Predict:
    """eps from the network's v, at discrete times."""
    v_theta = guided(KEY, {}, {}, 1.0)

    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        v = yield from v_theta(x, SCHEDULE.angle(t), rows)
        return noise_in(v, x, t, "v", SCHEDULE)
    return predict


def start(name: str, options: DiffusionOptions, x: Tensor, noise: CloudNoise) -> Sampler:
    return SPEC.samplers[name](_eps_theta(), x, noise, SCHEDULE, options)


def field(net: Toy2DNet, x: Tensor, t: float, options: DiffusionOptions) -> Tensor:
    """The direction away from the noise, -eps."""
    at = torch.full((len(x),), t)
    return -noise_in(PlaneDiffusion(net).output(x, at, {}), x, at, "v", SCHEDULE)


def log_density(x: Tensor, options: DiffusionOptions) -> Steps:
    """By the probability-flow ODE (Song et al. 2021, section 4.3) of the quarter circle, which discrete steps follow when there are many;
    these steps themselves give a bound only."""
    return (yield from log_likelihood(Arc(), exact(KEY_VJP, {}), x, 1e-3, 1.0, 1.0, CONTROL))


TOY2D = Toy2D({"": Part(loss)}, start, noise_at=float(SCHEDULE.T - 1), data_at=0.0, field=field, log_density=log_density)
