"""The GAN in the plane, for the 2-D laboratory: a generator from a point of noise to a point, a discriminator of points."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor, nn

from pipelines.gan.network import GAN, SLOPE, GANConfig
from pipelines.gan.objective import GAMES, held, r1
from pipelines.gan.options import NetworkOptions
from pipelines.gan.sampler import GeneratorOptions
from pipelines.gan.sampler import noise as noise_of
from pipelines.nets.text import TextConfig
from pipelines.protocol import Call, Cond, Net, NetKey, Preview, Sampler
from pipelines.toy2d.toy2d import WEIGHTS, CloudNoise, Part, Toy2D, View, perceptron

KEY_GENERATE = NetKey(WEIGHTS, "generate")
LATENT = 1                         # length of each of the two parts of z: a point
GAMMA = 0.02                       # weight of R1: what is narrow needs a steep discriminator
ZOOM = 0.5                         # at which z is shown, so that most of it lies in the window


class PointGenerator(nn.Module):
    """G(z): (B, 2, 1) standard normal -> points (B, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = perceptron(2 * LATENT, 96, 96, 96, 2)

    def forward(self, z: Tensor, cond: Cond) -> Tensor:
        return self.layers(z.flatten(1))


class PointDiscriminator(nn.Module):
    """D(x): points (B, 2) -> logits (B,): above 0 looks real."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = perceptron(2, 96, 96, 96, 1, activation=partial(nn.LeakyReLU, SLOPE))

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        return self.layers(x)[:, 0]


def network(options: NetworkOptions) -> GAN:
    """The family's own two players, with perceptrons in place of convolutions and nothing to read."""
    net = GAN(GANConfig(TextConfig(1, 1, width=8, layers=1, heads=1), LATENT, width=8, heads=1, training=asdict(options)))
    net.text, net.generator, net.discriminator = nn.Identity(), PointGenerator(), PointDiscriminator()      # type: ignore[assignment]
    return net


def forged(net: GAN, count: int, rng: torch.Generator) -> Tensor:
    """G(z) of fresh noise, (B, 2)."""
    return net.generate(torch.randn(count, 2, LATENT, generator=rng), {})


def discriminator(net: GAN, x: Tensor, rng: torch.Generator) -> Tensor:
    """Its side of the game, and R1."""
    with torch.no_grad():
        fake = forged(net, len(x), rng)
    judged = GAMES[net.config.training["game"]].discriminator(net.discriminator(x, {}), net.discriminator(fake, {}))
    return judged + 0.5 * GAMMA * r1(net.discriminator, x, {})


def generator(net: GAN, x: Tensor, rng: torch.Generator) -> Tensor:
    """The other side; it never sees the data x."""
    return GAMES[net.config.training["game"]].generator(held(net.discriminator)(forged(net, len(x), rng), {}))


def nets(net: GAN) -> Mapping[NetKey, Net]:
    return {KEY_GENERATE: net.generate}


def start(name: str, options: GeneratorOptions, x: Tensor, noise: CloudNoise) -> Sampler:
    z = noise_of(options, noise.rows().seeds, LATENT, x.device)
    shown = ZOOM * z.flatten(1)
    yield Preview(shown, shown, 0, 1, 0.0, 0.0)
    (x,) = yield (Call(KEY_GENERATE, z, None, {}),)
    return x


def field(net: GAN, x: Tensor, t: float, options: GeneratorOptions) -> Tensor:
    """The discriminator's slope: where it would push a sample to be believed."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(net.discriminator(x, {}).sum(), x)[0]


def view(net: GAN, x: Tensor, data: Tensor, t: float) -> View:
    """How real the discriminator finds each place: its probability, 0.5 in the middle of the scale."""
    return View(shade=2 * net.judge(x, {})[:, 0].sigmoid() - 1)


def figures(net: GAN, data: Tensor) -> dict[str, float]:
    samples = forged(net, len(data), torch.Generator().manual_seed(0))
    return {f"D({name})": net.judge(x, {}).sigmoid().mean().item() for name, x in (("data", data), ("samples", samples))}


TOY2D = Toy2D({"D": Part(discriminator, "discriminator.", lr=2e-3, betas=(0.0, 0.99)),
               "G": Part(generator, "generator.", lr=1e-3, betas=(0.0, 0.99))}, start,
              noise_at=0.0, data_at=1.0, pace=0.5, batch=256, field=field, network=network, nets=nets, view=view, figures=figures)
