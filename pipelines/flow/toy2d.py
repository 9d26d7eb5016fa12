"""Flow matching in the plane, for the 2-D laboratory."""
from __future__ import annotations

import torch
from torch import Tensor

from pipelines.flow import objective
from pipelines.flow.about import SPEC
from pipelines.flow.network import velocity as network_velocity
from pipelines.flow.options import FlowOptions
from pipelines.flow.paths import PATHS, TWO_WAY
from pipelines.numerics.gaussian import velocity
from pipelines.numerics.likelihood import exact, log_likelihood
from pipelines.protocol import Sampler, Steps
from pipelines.toy2d.toy2d import CONTROL, KEY_VJP, CloudNoise, Part, Toy2D, Toy2DNet, predictor


def loss(net: Toy2DNet, x1: Tensor, rng: torch.Generator) -> Tensor:
    return objective.loss(net, PATHS["ot"], x1, {}, rng)


def start(name: str, options: FlowOptions, x: Tensor, noise: CloudNoise) -> Sampler:
    path = PATHS[options.path]
    return SPEC.samplers[name](velocity(predictor(), path), x, path, options)


def field(net: Toy2DNet, x: Tensor, t: float, options: FlowOptions) -> Tensor:
    """The velocity."""
    return network_velocity(net, PATHS[options.path], x, torch.full((len(x),), t), {})


def log_density(x: Tensor, options: FlowOptions) -> Steps:
    return (yield from log_likelihood(TWO_WAY[options.path], exact(KEY_VJP, {}), x, 1.0, 0.0, 1.0, CONTROL))


TOY2D = Toy2D({"": Part(loss)}, start, noise_at=0.0, data_at=1.0, field=field, log_density=log_density)
