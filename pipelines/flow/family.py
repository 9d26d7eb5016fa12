"""The flow family (Lipman et al. 2023) as the rest of the program sees it."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.data.batches import Batch
from pipelines.family import Family, OwnData
from pipelines.flow import objective
from pipelines.flow.options import FlowOptions, NetworkOptions
from pipelines.flow.paths import PATHS, TWO_WAY
from pipelines.flow.reflow import Couples, draw_couples
from pipelines.flow.toy2d import TOY2D
from pipelines.nets.conditioning import predictor, training_pair
from pipelines.nets.config import begun, built
from pipelines.nets.denoiser import Denoiser, DenoiserConfig
from pipelines.numerics.gaussian import clipped_v, velocity
from pipelines.numerics.ode_inversion import OdeInversion
from pipelines.numerics.paths import at
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Sampler
from pipelines.request import Request


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The family's objective on a batch."""
    assert isinstance(net, Denoiser)
    options = NetworkOptions(**net.config.training)
    x1, tokens = training_pair(batch, rng)
    return objective.loss(net, PATHS[options.path], x1, net.encode(tokens), rng, options.coupling, options.times, batch.noise)


def start(request: Request, weights: str, net: nn.Module, device: torch.device, source: Tensor | None = None) -> Sampler:
    """The sampler of a request: reads the captions, draws the noise, hands over to the chosen solver.

    source: a picture (3, H, W) in [-1, 1] to start from in place of noise, noised to t_start (SDEdit, Meng et al. 2022).
    """
    assert isinstance(net, Denoiser)
    v_theta = yield from predictor(request, weights, device)
    if request.options.clip:
        v_theta = clipped_v(v_theta)
    path, noise = PATHS[request.options.path], RowNoise(request.seeds, net.config.at(request.data).shape, device)
    z = noise.normal()
    x = z if source is None else at(path, request.options.t_start, z).mixed(source, z)
    return (yield from request.spec(velocity(v_theta, path), x, path, request.options))


def ode_inversion(options: FlowOptions) -> OdeInversion:
    """The flow along the chosen path."""
    return OdeInversion(TWO_WAY[options.path], 1.0, 0.0, 1.0)


def own_data(options: NetworkOptions) -> OwnData | None:
    """The couples of a rectified flow."""
    return OwnData(draw_couples, Couples) if options.coupling == "reflow" else None


FAMILY = Family(build=built(Denoiser, DenoiserConfig), fresh=begun(Denoiser, DenoiserConfig), loss=loss, start=start,
                methods=("encode", "predict", "predict_vjp"), toy2d=TOY2D, ode_inversion=ode_inversion,
                own_data=own_data)
