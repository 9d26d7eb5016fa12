"""Which picture goes with a caption: two encoders whose products are large for pairs that belong together (Radford et al. 2021)."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.nets.text import TextConfig, TextEncoder


@dataclass(frozen=True)
class ScorerConfig:
    text: TextConfig
    size: int = 32                           # of the pictures
    width: int = 64                          # of what both encoders give

    @classmethod
    def from_dict(cls, values: dict) -> ScorerConfig:
        return cls(**values | {"text": TextConfig(**values["text"])})


class Scorer(nn.Module):
    """<f(x), g(c)> of pictures and captions, both of length 1."""

    def __init__(self, config: ScorerConfig) -> None:
        super().__init__()
        self.text, self.read = TextEncoder(config.text), nn.Linear(config.text.width, config.width)
        self.picture = nn.Sequential(
            nn.PixelUnshuffle(2), nn.Conv2d(12, 32, 3, padding=1), nn.GELU(), nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.GELU(),
            nn.Conv2d(64, 64, 3, padding=1), nn.GELU(), nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.GELU(), nn.Flatten(),
            nn.Linear(64 * (config.size // 8) ** 2, config.width))
        self.scale = nn.Parameter(torch.tensor(2.3))

    def forward(self, x: Tensor, tokens: Tensor) -> Tensor:
        """Scores (B,) in [-1, 1] of pictures (B, 3, H, H) in [-1, 1] beside captions (B, L)."""
        f, g = self.encode(x, tokens)
        return (f * g).sum(1)

    def encode(self, x: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """f(x) and g(c), (B, width) each."""
        return F.normalize(self.picture(x).float(), dim=1), F.normalize(self.read(self.text(tokens)["pooled"]).float(), dim=1)


def loss(net: Scorer, x: Tensor, tokens: Tensor) -> Tensor:
    """Every picture has to find its own caption among the batch's, and every caption its picture: the mean of both cross-entropies
    (Radford et al. 2021, figure 3). Captions that occur twice in a batch share the blame: there is no telling them apart."""
    f, g = net.encode(x, tokens)
    logits = net.scale.exp().clamp(max=100) * f @ g.T
    own = torch.arange(len(x), device=x.device)
    return 0.5 * (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own))
