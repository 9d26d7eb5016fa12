"""What the networks stand for: encoder and decoder between pictures and 8 x 8 codes, and the prior p(z | l) of the codes."""
from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.nets.autoencoder import decoder, encoder
from pipelines.nets.tokens import TokenModel
from pipelines.nets.transformer import TransformerConfig
from pipelines.protocol import Cond
from pipelines.vqvae.quantizer import Quantizer

LABELS = 48                        # shape x colour of a scene's main thing


@dataclass(frozen=True)
class VQVAEConfig:
    """Everything needed to build the network again; stored in the weights file."""
    codes: int = 256                                         # K
    width: int = 16                                          # D
    widths: tuple[int, int] = (48, 96)                       # of the encoder, at half and at a quarter of the picture's side
    prior: TransformerConfig = field(default_factory=lambda: TransformerConfig(length=64, width=128, layers=6, heads=4))
    size: int = 32
    training: dict[str, Any] = field(default_factory=dict)   # the family's network options

    @property
    def side(self) -> int:
        """Of the map of codes."""
        return self.size // 4

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VQVAEConfig:
        return cls(**values | {"widths": tuple(values["widths"]), "prior": TransformerConfig(**values["prior"])})


class VQVAE(nn.Module):
    """Codes of pictures, pictures of codes, and the prior."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = encoder(config.widths, config.width)
        self.quantizer = Quantizer(config.codes, config.width, moving=config.training.get("codebook") == "ema")
        self.decoder = decoder(config.widths, config.width)
        self.prior = TokenModel(config.prior, config.codes + LABELS + 1, config.codes)

    def start(self, labels: Tensor) -> Tensor:
        """The token (B, 1) that a sequence of codes begins with: its label 0..47, or 48 for none."""
        return (self.config.codes + labels)[:, None]

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """Codes (B, h, w) of pictures (B, 3, H, H) in [-1, 1]."""
        return self.quantizer.nearest(self.encoder(x))

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """Pictures (B, 3, H, H), about in [-1, 1], of codes (B, h, w); -1 stands for a code that is not known yet."""
        z_q = self.quantizer.vectors(codes.clamp(min=0))
        return self.decoder(torch.where((codes < 0)[:, None], self.quantizer.codebook.mean(0)[:, None, None], z_q)).float()

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        """Logits (B, K) of the code after tokens (B, n)."""
        return self.prior.read(tokens, start, cond, slots, memory)
