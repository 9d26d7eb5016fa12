"""How the codes are learned, and then their prior (van den Oord et al. 2018, eq. 3 and section 3.3)."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.nets.codes import CodeAutoencoder
from pipelines.vqvae.network import LABELS, VQVAE

BETA = 0.25                        # weight of the commitment, as in the paper
NULL_SHARE = 0.1                   # of labels are dropped, so that the prior also knows codes of no label in particular


def reconstruction(net: CodeAutoencoder, x: Tensor, rng: torch.Generator) -> Tensor:
    """|| x - D(z_q) ||^2 + || sg[z_e] - e ||^2 + beta || z_e - sg[e] ||^2, means over all numbers; x (B, 3, H, H) in [-1, 1].

    The first term reaches the encoder straight through the quantization. rng says where unused codes go.
    """
    found = net.quantizer(net.encoder(x), rng)
    return F.mse_loss(net.decoder(found.z_q).float(), x) + found.codebook_loss + BETA * found.commitment


def prior(net: VQVAE, codes: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """Cross-entropy - log p(z_i | z_<i, l) in nats a code, mean; codes (B, h, w), labels (B,) in 0..47."""
    dropped = (torch.rand(len(labels), generator=rng) < NULL_SHARE).to(labels.device)
    z = codes.flatten(1)
    read = torch.cat([net.start(torch.where(dropped, LABELS, labels)), z[:, :-1]], 1)
    return F.cross_entropy(net.prior(read).flatten(0, 1), z.flatten())


def log_likelihood(net: VQVAE, codes: Tensor, labels: Tensor) -> Tensor:
    """Exact log p(z | l) in nats, (B,)."""
    z = codes.flatten(1)
    log_p = net.prior(torch.cat([net.start(labels), z[:, :-1]], 1)).log_softmax(2)
    return log_p.gather(2, z[:, :, None])[:, :, 0].sum(1)


def bits_per_code(log_p: Tensor, count: int) -> Tensor:
    """Bits a code of log-likelihoods in nats; log2 K is what guessing costs."""
    return -log_p / (count * math.log(2))
