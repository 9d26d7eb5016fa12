"""How the prior of the codes is learned (van den Oord et al. 2018, section 3.3); before it the codes are, in `nets.codes`."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.vqvae.network import VQVAE

NULL_SHARE = 0.1                   # of labels are dropped, so that the prior also knows codes of no label in particular


def prior(net: VQVAE, codes: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """Cross-entropy - log p(z_i | z_<i, l) in nats a code, mean; codes (B, h, w), labels (B,) of their pictures."""
    dropped = (torch.rand(len(labels), generator=rng) < NULL_SHARE).to(labels.device)
    z = codes.flatten(1)
    read = torch.cat([net.start(torch.where(dropped, net.config.labels, labels)), z[:, :-1]], 1)
    return F.cross_entropy(net.prior(read).flatten(0, 1), z.flatten())


def log_likelihood(net: VQVAE, codes: Tensor, labels: Tensor) -> Tensor:
    """Exact log p(z | l) in nats, (B,)."""
    z = codes.flatten(1)
    log_p = net.prior(torch.cat([net.start(labels), z[:, :-1]], 1)).log_softmax(2)
    return log_p.gather(2, z[:, :, None])[:, :, 0].sum(1)


def bits_per_code(log_p: Tensor, count: int) -> Tensor:
    """Bits a code of log-likelihoods in nats; log2 K is what guessing costs."""
    return -log_p / (count * math.log(2))
