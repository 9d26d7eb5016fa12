"""The diffusion family (Ho et al. 2020) as the rest of the program sees it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.data.dataset import Batch
from pipelines.data.tokenizer import LENGTH, tokenizer
from pipelines.diffusion import objective
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.diffusion.options import NetworkOptions, SolverOptions
from pipelines.diffusion.sampler import ddim, ddpm
from pipelines.diffusion.solvers import SCHEDULERS, solver
from pipelines.nets.captions import pretrain
from pipelines.nets.text import TextConfig
from pipelines.numerics.guidance import clipped, guided
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Call, NetKey, Sampler
from pipelines.registry import Family
from pipelines.request import Request

RUN: dict[str, Callable[..., Sampler]] = {"ddpm": ddpm, "ddim": ddim, **{name: partial(solver, name) for name in SCHEDULERS}}
NULL_SHARE = 0.1                   # of training captions are dropped, so that the network also learns the null condition


def build(config: dict[str, Any]) -> DiffusionNet:
    """The network of a stored configuration, weights not yet loaded."""
    return DiffusionNet(DiffusionConfig.from_dict(config))


def fresh(options: NetworkOptions) -> DiffusionNet:
    """A new network; its text encoder has read captions for about two minutes, the rest is untrained."""
    config = DiffusionConfig(TextConfig(tokenizer().vocabulary, LENGTH), schedule=NoiseSchedule(options.noise_schedule),
                             prediction=options.prediction)
    net = DiffusionNet(config)
    for _ in pretrain(net.text):
        pass
    return net


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The family's objective on a batch, a tenth of the captions replaced by the null condition."""
    assert isinstance(net, DiffusionNet)
    dropped = torch.rand(len(batch.tokens), generator=rng) < NULL_SHARE
    null = tokenizer().batch([""]).to(batch.tokens.device)
    tokens = torch.where(dropped.to(batch.tokens.device)[:, None], null, batch.tokens)
    return objective.loss(net, batch.x0.contiguous(memory_format=torch.channels_last), tokens, rng)


def start(request: Request, weights: str, net: nn.Module, device: torch.device) -> Sampler:
    """The sampler of a request: reads the captions, draws x_T, then hands over to the chosen algorithm."""
    assert isinstance(net, DiffusionNet)
    schedule, rows = net.config.schedule, request.count
    captions = tokenizer().batch([request.prompt] * rows + [request.negative_prompt] * rows).to(device)
    (states,) = yield (Call(NetKey(weights, "encode"), captions, None, {}),)
    cond, null = ({name: z[part] for name, z in states.items()} for part in (slice(rows), slice(rows, None)))
    eps_theta = guided(NetKey(weights, "predict"), cond, null, request.guidance_scale)
    if request.options.clip:
        eps_theta = clipped(eps_theta, schedule)
    noise = RowNoise(request.seeds, (net.config.unet.channels, net.config.size, net.config.size), device)
    return (yield from RUN[request.sampler](eps_theta, noise.normal(), noise, schedule, request.options))


def reference(request: Request) -> Request:
    """The same picture by 200 steps of DPM++ 2M: where the deterministic solvers converge to."""
    return replace(request, sampler="dpmpp_2m", options=SolverOptions(steps=200, clip=request.options.clip))


FAMILY = Family(build=build, fresh=fresh, loss=loss, start=start, reference=reference)
