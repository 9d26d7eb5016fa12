"""A discrete VAE: the encoder gives a distribution over codes, and training draws from it softly (Ramesh et al. 2021, section
2.1; the Gumbel-softmax of Jang et al. 2017 and Maddison et al. 2017)."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.nets.autoencoder import decoder, encoder
from pipelines.nets.codes import CodesConfig, looked_up
from pipelines.protocol import Cond


class DiscreteVAE(nn.Module):
    """Pictures (B, 3, H, H) in [-1, 1] <-> codes (B, H/4, H/4) in 0..K-1, as `CodeAutoencoder`."""

    def __init__(self, config: CodesConfig) -> None:
        super().__init__()
        self.encoder = encoder(config.widths, config.codes)
        self.codebook = nn.Parameter(torch.randn(config.codes, config.width))
        self.decoder = decoder(config.widths, config.width)
        self.step = nn.Parameter(torch.zeros(()), requires_grad=False)       # of training; a parameter, so that checkpoints keep it

    @property
    def size(self) -> int:
        """K."""
        return len(self.codebook)

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """The likeliest code of every place."""
        return self.encoder(x).float().argmax(1)

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """The pictures of codes."""
        return self.decoder(looked_up(self.codebook, codes)).float()


def gumbel_softmax(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    """A soft draw (B, K, ...) from logits (B, K, ...), by uniform numbers of that shape: at temperature 0 a hard one."""
    gumbel = -(-uniform.clamp(1e-20, 1 - 1e-7).log()).log()
    return ((logits.float() + gumbel) / temperature).softmax(1)


def loss(net: DiscreteVAE, x: Tensor, rng: torch.Generator, temperature: float, kl_weight: float) -> Tensor:
    """Reconstruction and KL(q(z | x) || uniform): E ||x - D(z)||^2 + weight (log K - H(q)) / log K, means; rng draws z on the
    CPU. The paper's likelihood for pixels, its logit-Laplace, is a squared error here."""
    logits = net.encoder(x).float()
    uniform = torch.rand(logits.shape, generator=rng).to(x.device)
    z = torch.einsum("bkhw,kd->bdhw", gumbel_softmax(logits, temperature, uniform), net.codebook)
    log_q = logits.log_softmax(1)
    kl = (math.log(logits.shape[1]) + (log_q.exp() * log_q).sum(1).mean()) / math.log(logits.shape[1])
    return F.mse_loss(net.decoder(z).float(), x) + kl_weight * kl


COLDEST, KL_WEIGHT = 1 / 16, 0.01  # the paper ends at this temperature; its KL weight, 6.6, counts sums over pixels, ours means
COOLING = 10_000                   # steps until then


def annealed(net: DiscreteVAE, x: Tensor, rng: torch.Generator) -> Tensor:
    """`loss` at a temperature that falls from 1 to `COLDEST` (Ramesh et al. 2021, section 2.1), a step further at each call."""
    done = min(1.0, float(net.step) / COOLING)
    with torch.no_grad():
        net.step.add_(1)
    return loss(net, x, rng, COLDEST ** done, KL_WEIGHT)
