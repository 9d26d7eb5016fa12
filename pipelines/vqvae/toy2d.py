"""The VQ-VAE in the plane, for the 2-D laboratory: a point is a pair of codes, which cut the plane into cells."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor, nn

from pipelines.nets import codes
from pipelines.nets.codes import CodesConfig
from pipelines.nets.quantizer import usage
from pipelines.nets.transformer import TransformerConfig
from pipelines.protocol import Net, NetKey, Sampler
from pipelines.toy2d.toy2d import CloudNoise, Part, Toy2D, View, by_token, perceptron, token_nets
from pipelines.vqvae import objective
from pipelines.vqvae.about import SPEC
from pipelines.vqvae.network import VQVAE, VQVAEConfig
from pipelines.vqvae.options import NetworkOptions

CODES, WIDTH, LENGTH = 16, 4, 2    # K, D, and how many codes a point has


def network(options: NetworkOptions) -> VQVAE:
    """The family's own quantizer and prior, with perceptrons in place of convolutions."""
    net = VQVAE(VQVAEConfig(CodesConfig(CODES, WIDTH, (8, 8)), TransformerConfig(LENGTH, 48, 2, 2), training=asdict(options)))
    net.autoencoder.encoder = nn.Sequential(*perceptron(2, 64, 64, LENGTH * WIDTH), nn.Unflatten(1, (WIDTH, 1, LENGTH)))
    net.autoencoder.quantizer.decay = 0.95                   # of the codes' moving averages; a training here is short
    net.autoencoder.decoder = nn.Sequential(nn.Flatten(), *perceptron(LENGTH * WIDTH, 64, 64, 2))
    return net


def reconstruction(net: VQVAE, x0: Tensor, rng: torch.Generator) -> Tensor:
    return codes.reconstruction(net.autoencoder, x0, rng)


def prior(net: VQVAE, x0: Tensor, rng: torch.Generator) -> Tensor:
    with torch.no_grad():
        z = net.codes(x0)
    return objective.prior(net, z, unlabelled(len(x0)), rng)


def unlabelled(count: int) -> Tensor:
    """The label for none, (B,)."""
    return torch.full((count,), VQVAEConfig.labels)


def nets(net: VQVAE) -> Mapping[NetKey, Net]:
    return token_nets(net, net.config.prior.memory)


def start(name: str, options: object, x: Tensor, noise: CloudNoise) -> Sampler:
    prompt = (CODES + unlabelled(len(x)))[:, None]                                     # as VQVAE.start numbers it
    return (yield from by_token(prompt, LENGTH, noise, partial(SPEC.samplers[name], options=options)))


def field(net: VQVAE, x: Tensor, t: float, options: object) -> Tensor:
    """From a point to what encoder and decoder make of it."""
    return net.decode(net.codes(x)) - x


def view(net: VQVAE, x: Tensor, data: Tensor, t: float) -> View:
    """The cells, and where the decoder puts those that hold data."""
    return View(cells=net.codes(x)[:, 0], places=net.decode(net.codes(data).unique(dim=0)))


def figures(net: VQVAE, data: Tensor) -> dict[str, float]:
    z = net.codes(data)
    share, perplexity = usage(z, CODES)
    bits = objective.bits_per_code(objective.log_likelihood(net, z, unlabelled(len(data))), LENGTH)
    return {"codes used": share * CODES, "perplexity": perplexity, "error": (net.decode(z) - data).norm(dim=1).mean().item(),
            "bits a code": bits.mean().item(), "bits a code_se": (bits.std() / len(bits) ** 0.5).item()}


TOY2D = Toy2D({"codes": Part(reconstruction, "autoencoder.", (0.0, 0.6)), "prior": Part(prior, "prior.", (0.6, 1.0))}, start,
              noise_at=0.0, data_at=float(LENGTH), pace=0.8, batch=256, field=field, network=network, nets=nets, view=view, figures=figures)
