"""The VQ-VAE family (van den Oord et al. 2018) as the rest of the program sees it."""
from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.data.batches import Batch
from pipelines.data.contract import DataSet
from pipelines.family import Family, Stage
from pipelines.nets import codes
from pipelines.nets.config import begun, built
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import NetKey, Outcome, Sampler
from pipelines.request import Request
from pipelines.tokens.codemap import CodeMap, figures_of, raster
from pipelines.tokens.sampling import continued
from pipelines.vqvae import objective
from pipelines.vqvae.labels import label_of
from pipelines.vqvae.network import VQVAE, VQVAEConfig
from pipelines.vqvae.toy2d import TOY2D


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The prior's objective on the codes of a batch of pictures."""
    assert isinstance(net, VQVAE)
    with torch.no_grad():
        z = net.codes(batch.x0.contiguous(memory_format=torch.channels_last))
    return objective.prior(net, z, net.config.number(batch.data, batch.label), rng)


def reconstruction(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The autoencoder's objective, which comes before the prior's."""
    assert isinstance(net, VQVAE)
    return codes.reconstruction(net.autoencoder, batch.x0.contiguous(memory_format=torch.channels_last), rng)


def start(request: Request, weights: str, net: nn.Module, device: torch.device, previews: bool = True) -> Sampler:
    """The sampler of a request: its class, code after code, the decoder."""
    assert isinstance(net, VQVAE)
    rows = request.count
    labels = net.config.number(request.data, label_of(request.prompt, request.data)), net.config.labels
    label, null = (net.start(torch.full((rows,), which, device=device)) for which in labels)
    side = net.config.at(request.data).side
    shown = CodeMap(NetKey(weights, "decode"), side, net.config.codes.codes, previews)
    nothing = torch.full((rows, side ** 2), codes.UNKNOWN, device=device)
    rule = partial(request.spec, options=request.options)
    tokens = yield from continued(NetKey(weights, "read"), label, null, request.guidance_scale, nothing,
                                  RowNoise(request.seeds, (1,), device), rule, raster(shown, request.options))
    return Outcome((yield from shown.decoded(tokens)), (tokens.shape[1],) * rows, (None,) * rows, tokens)


def prompt(request: Request, net: Any) -> tuple[Tensor, tuple[str, ...]]:
    """What a picture's codes follow, tokens (1, 1), and its name."""
    label = label_of(request.prompt, request.data)
    return net.start(torch.tensor([net.config.number(request.data, label)])), (request.data.labels.name(label),)


def log_likelihood(request: Request, net: Any, x: Tensor) -> Tensor:
    """Exact log p(codes | class) of pictures (B, 3, H, H) in [-1, 1], nats, (B,)."""
    labels = torch.full((len(x),), net.config.number(request.data, label_of(request.prompt, request.data)), device=x.device)
    return objective.log_likelihood(net, net.codes(x), labels)


def figures(net: nn.Module, data: DataSet) -> dict[str, float]:
    """PSNR of the autoencoder, how many codes it uses, bits that the prior needs a code; of 256 test pictures."""
    assert isinstance(net, VQVAE)
    return figures_of(net.autoencoder, data, net.config.at(data).size, lambda z, batch: objective.log_likelihood(
        net, z, net.config.number(data, batch.label)))


FAMILY = Family(build=built(VQVAE, VQVAEConfig), fresh=begun(VQVAE, VQVAEConfig), loss=loss, start=start, toy2d=TOY2D,
                figures=figures, previews_cost=True,
                methods=("read", "decode", "codes", "inspect"), stages={"autoencoder": Stage(reconstruction, "autoencoder.")},
                memory=lambda net: {"read": net.config.prior.memory}, prompt=prompt, log_likelihood=log_likelihood)
