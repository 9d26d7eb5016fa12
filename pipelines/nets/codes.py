"""Pictures as maps of codes and back: encoder, codebook, decoder."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.nets.autoencoder import decoder, encoder
from pipelines.nets.quantizer import Quantizer
from pipelines.protocol import Cond

BETA = 0.25                        # weight of the commitment, as in the paper
UNKNOWN = -1                       # stands for a code that has not been drawn yet


@dataclass(frozen=True)
class CodesConfig:
    codes: int = 256                         # K
    width: int = 16                          # D
    widths: tuple[int, int] = (40, 80)       # of encoder and decoder, at half and at a quarter of the picture's side

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> CodesConfig:
        return cls(**values | {"widths": tuple(values["widths"])})


def looked_up(codebook: Tensor, codes: Tensor) -> Tensor:
    """Vectors (B, D, h, w) of codes (B, h, w) in a codebook (K, D); of an `UNKNOWN` one the mean of the codebook."""
    z = F.embedding(codes.clamp(min=0), codebook)
    return torch.where((codes < 0)[..., None], codebook.mean(0), z).movedim(-1, 1)


class CodeAutoencoder(nn.Module):
    """Pictures (B, 3, H, H) in [-1, 1] <-> codes (B, H/4, H/4) in 0..K-1."""

    def __init__(self, config: CodesConfig, moving: bool = False) -> None:
        super().__init__()
        self.encoder = encoder(config.widths, config.width)
        self.quantizer = Quantizer(config.codes, config.width, moving)
        self.decoder = decoder(config.widths, config.width)

    @property
    def size(self) -> int:
        """K."""
        return len(self.quantizer.codebook)

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """The codes of pictures."""
        return self.quantizer.nearest(self.encoder(x))

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """The pictures of codes."""
        return self.decoder(looked_up(self.quantizer.codebook, codes)).float()


def reconstruction(net: CodeAutoencoder, x: Tensor, rng: torch.Generator) -> Tensor:
    """|| x - D(z_q) ||^2 + || sg[z_e] - e ||^2 + beta || z_e - sg[e] ||^2, means over all numbers; x (B, 3, H, H) in [-1, 1]
    (van den Oord et al. 2018, eq. 3).

    The first term reaches the encoder straight through the quantization. rng says where unused codes go.
    """
    found = net.quantizer(net.encoder(x), rng)
    return F.mse_loss(net.decoder(found.z_q).float(), x) + found.codebook_loss + BETA * found.commitment
