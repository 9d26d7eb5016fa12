"""The game of two networks, by three pairs of losses; logits d = D(x, c), larger is more real.

Both losses come out of one evaluation and are minimised at the same time (Goodfellow et al. 2014, algorithm 1 with k = 1,
the two updates taken together): the gradient of each reaches its own network only.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipelines.gan.network import GAN
from pipelines.gan.sampler import middle
from pipelines.protocol import Cond

GAMMA = 0.05                       # weight of R1: little suffices for 32 x 32 pixels (Karras et al. 2020b take 0.01 on CIFAR-10)
R1_EVERY = 8                       # rows of a batch from which R1 is measured: every R1_EVERY-th (Karras et al. 2020, section 3.1, lazily)


@dataclass(frozen=True)
class Game:
    """discriminator(real, fake) and generator(fake), of logits (B,), means."""
    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]


def _against(real: Tensor, fake: Tensor) -> Tensor:
    """- E log sigmoid(d(real)) - E log (1 - sigmoid(d(fake)))."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


GAMES = {
    # Goodfellow et al. 2014, eq. 1: the generator minimises log (1 - D), which is flat where it loses.
    "minimax": Game(_against, lambda fake: -F.softplus(fake).mean()),
    # The same paper, section 3: it maximises log D instead.
    "non-saturating": Game(_against, lambda fake: F.softplus(-fake).mean()),
    # Lim & Ye 2017; Miyato et al. 2018, eq. 16 and 17.
    "hinge": Game(lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(), lambda fake: -fake.mean()),
}


def r1(discriminator: Callable[[Tensor, Cond], Tensor], x: Tensor, cond: Cond) -> Tensor:
    """E || grad_x D(x, c) ||^2 on real pictures (Mescheder et al. 2018, eq. 9, without gamma / 2)."""
    x = x.detach().requires_grad_()
    with sdpa_kernel(SDPBackend.MATH):                       # fused attention has no second derivative
        (slope,) = torch.autograd.grad(discriminator(x, cond).sum(), x, create_graph=True)
    return slope.float().square().flatten(1).sum(1).mean()


def mismatched(labels: Tensor, alike: int) -> Tensor:
    """For each row the row (B,) whose caption is wrong for it: the next one when they are sorted by what alike classes share, their
    numbers modulo `alike`.

    Where that is a colour, captions at random would nearly always differ in it, and the discriminator need not learn to see shapes.
    """
    order = labels.remainder(alike).argsort(stable=True)
    return torch.empty_like(order).index_copy_(0, order, order.roll(-1))


def loss(net: GAN, x: Tensor, cond: Cond, wrong: Tensor | None, rng: torch.Generator, game: str = "non-saturating") -> Tensor:
    """Discriminator's and generator's loss, summed; x (B, 3, H, H) real pictures in [-1, 1] with their captions;
    wrong (B,) rows whose captions do not fit; None where there are no captions.

    A real picture beside another's caption is a fake too (Reed et al. 2016, section 4.2), with half of the fakes' weight;
    else the discriminator need not read. rng draws z on the CPU.
    """
    rules = GAMES[game]
    fake = middle(net.generate(torch.randn(len(x), 2, net.config.latent, generator=rng).to(x.device), cond), x.shape[-1])
    real_d, fake_d = net.discriminator(x, cond), net.discriminator(fake.detach(), cond)
    judged = rules.discriminator(real_d, fake_d)
    if wrong is not None:
        other_d = net.discriminator(x, {name: z[wrong] for name, z in cond.items()})
        judged = 0.5 * (judged + rules.discriminator(real_d, other_d))
    some = slice(None, None, R1_EVERY)
    penalty = r1(net.discriminator, x[some], {name: z[some] for name, z in cond.items()})
    fooled = rules.generator(held(net.discriminator)(fake, cond))
    return judged + 0.5 * GAMMA * penalty + fooled


def held(network: nn.Module) -> Callable[..., Tensor]:
    """The network as a function of its input alone: gradients pass through, none reaches its parameters."""
    values = {name: p.detach() for name, p in network.named_parameters()}
    return lambda *arguments: functional_call(network, values, arguments)
