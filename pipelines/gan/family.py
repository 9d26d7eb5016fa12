"""The GAN family (Goodfellow et al. 2014) as the rest of the program sees it."""
from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn

from pipelines.data.batches import Batch
from pipelines.family import Family
from pipelines.gan import objective
from pipelines.gan.network import GAN, GANConfig
from pipelines.gan.options import NetworkOptions
from pipelines.gan.sampler import generated, noise
from pipelines.gan.toy2d import TOY2D
from pipelines.nets.conditioning import read_captions
from pipelines.nets.config import begun, built
from pipelines.protocol import Sampler
from pipelines.request import Request


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """Both players' losses on a batch; captions are never left out, since there is no guidance."""
    assert isinstance(net, GAN)
    x = batch.x0.contiguous(memory_format=torch.channels_last)
    wrong = objective.mismatched(batch.label, batch.data.labels.alike) if batch.data.captioned else None
    return objective.loss(net, x, net.encode(batch.tokens), wrong, rng, NetworkOptions(**net.config.training).game)


def start(request: Request, weights: str, net: nn.Module, device: torch.device) -> Sampler:
    """The sampler of a request: reads the caption, draws z, one call of the generator."""
    assert isinstance(net, GAN)
    cond, _ = yield from read_captions(request, weights, device)
    z = noise(request.options, request.seeds, net.config.latent, device)
    return (yield from generated(weights, z, cond, net.config.at(request.data).size))


def interpolation(request: Request, weights: str, net: nn.Module, device: torch.device, count: int) -> Sampler:
    """Pictures along the arc from the seed to the second seed, `count` of them with both ends."""
    assert isinstance(net, GAN)
    o = request.options
    z = torch.cat([noise(replace(o, interpolation=k / (count - 1)), request.seeds[:1], net.config.latent, device)
                   for k in range(count)])
    cond, _ = yield from read_captions(replace(request, count=count), weights, device)
    return (yield from generated(weights, z, cond, net.config.at(request.data).size))


def style_mixing(request: Request, weights: str, net: nn.Module, device: torch.device, count: int) -> Sampler:
    """Row by row: layouts of the seed and those after it, by styles of the second seed and those after it."""
    assert isinstance(net, GAN)
    o = replace(request.options, interpolation=0.0, mix="nothing")
    layouts, styles = (noise(o, replace(request, seed=seed, count=count).seeds, net.config.latent, device)
                       for seed in (request.seed, o.second))
    z = torch.stack([layouts[:, 0].repeat_interleave(count, 0), styles[:, 1].repeat(count, 1)], 1)
    cond, _ = yield from read_captions(replace(request, count=len(z)), weights, device)
    return (yield from generated(weights, z, cond, net.config.at(request.data).size))


# In fp32: casting costs such small layers more than bfloat16 products save them (`bench train`).
FAMILY = Family(build=built(GAN, GANConfig), fresh=begun(GAN, GANConfig), loss=loss, start=start, toy2d=TOY2D,
                methods=("encode", "generate", "judge"), betas=(0.0, 0.99), fp32=True,
                interpolation=interpolation, style_mixing=style_mixing)
