"""The SDE family (Song et al. 2021) as the rest of the program sees it."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.data.batches import Batch
from pipelines.family import Family
from pipelines.nets.conditioning import predictor, training_pair
from pipelines.nets.config import begun, built
from pipelines.nets.denoiser import Denoiser, DenoiserConfig
from pipelines.numerics.gaussian import clipped_v
from pipelines.numerics.ode_inversion import OdeInversion
from pipelines.numerics.paths import at
from pipelines.numerics.rng import RowNoise, import_paths
from pipelines.protocol import Predict, Sampler
from pipelines.request import Request
from pipelines.sde import objective
from pipelines.sde.options import T_MIN, NetworkOptions, SDEOptions
from pipelines.sde.processes import PROCESSES, Process
from pipelines.sde.sampler import score_of
from pipelines.sde.toy2d import TOY2D


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The family's objective on a batch."""
    assert isinstance(net, Denoiser)
    options = NetworkOptions(**net.config.training)
    x0, tokens = training_pair(batch, rng)
    return objective.loss(net, PROCESSES[options.process], x0, net.encode(tokens), rng, options.objective)


def ready(request: Request, net: nn.Module) -> None:
    """Import what the noise is made with."""
    import_paths()


def start(request: Request, weights: str, net: nn.Module, device: torch.device, source: Tensor | None = None) -> Sampler:
    """The sampler of a request: reads the captions, draws x from the prior, hands over to the chosen algorithm.

    source: a picture (3, H, W) in [-1, 1] to start from in place of the prior, noised to t_start (SDEdit, Meng et al. 2022).
    """
    assert isinstance(net, Denoiser)
    v_theta = yield from predictor(request, weights, device)
    if request.options.clip:
        v_theta = clipped_v(v_theta)
    process = PROCESSES[request.options.process]
    return (yield from solved(score_of(v_theta, process), process, request, net.config.at(request.data).shape, device, source))


def solved(s_theta: Predict, process: Process, request: Request, shape: tuple[int, ...], device: torch.device,
           source: Tensor | None, prior_mean: float = 0.0) -> Sampler:
    """The chosen algorithm on a score, from a draw of the prior or from the noised source; pictures are `shape`."""
    noise, first = RowNoise(request.seeds, shape, device), request.options.start_seed
    z = noise.normal() if first < 0 else RowNoise((first,) * request.count, shape, device).normal()
    x = prior_mean + process.prior_std * z if source is None else at(process, request.options.t_start, z).mixed(source, z)
    return (yield from request.spec(s_theta, x, noise, process, request.options))


def ode_inversion(options: SDEOptions) -> OdeInversion:
    """The probability-flow ODE of the chosen process. It begins where training did, whatever `t_end` says, which is made for drawing: its
    noise is wider than a grey level, and would cost every flat picture more than a bit a dimension."""
    process = PROCESSES[options.process]
    return OdeInversion(process, T_MIN, 1.0, process.prior_std)


FAMILY = Family(build=built(Denoiser, DenoiserConfig), fresh=begun(Denoiser, DenoiserConfig), loss=loss, start=start, ready=ready,
                methods=("encode", "predict", "predict_vjp"), toy2d=TOY2D, ode_inversion=ode_inversion)
