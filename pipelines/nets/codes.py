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

UNKNOWN = -1                       # stands for a code that has not been drawn yet


@dataclass(frozen=True)
class CodesConfig:
    codes: int = 256                         # K
    width: int = 16                          # D
    widths: tuple[int, int] = (48, 96)       # of encoder and decoder, at half and at a quarter of the picture's side

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

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """The codes of pictures."""
        return self.quantizer.nearest(self.encoder(x))

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """The pictures of codes."""
        return self.decoder(looked_up(self.quantizer.codebook, codes)).float()
