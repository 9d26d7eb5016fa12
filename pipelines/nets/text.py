"""A small transformer that reads a caption: token ids in, one state per token and one pooled vector out."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.data.contract import DataSet


@dataclass(frozen=True)
class TextConfig:
    vocabulary: int
    length: int
    width: int = 128
    layers: int = 2
    heads: int = 4
    pad: int = 0

    @classmethod
    def of(cls, data: DataSet, **more: Any) -> TextConfig:
        """For the captions of a data set."""
        tokenizer = data.tokenizer()
        return cls(tokenizer.vocabulary, tokenizer.length, pad=tokenizer.pad, **more)


class TextEncoder(nn.Module):
    """Pre-norm transformer encoder (Vaswani et al. 2017) with learned positions; padding is masked out."""

    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.pad, self.width = config.pad, config.width
        self.token = nn.Embedding(config.vocabulary, config.width)
        self.position = nn.Parameter(nn.init.normal_(torch.empty(config.length, config.width), std=0.02))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(config.width, config.heads, 3 * config.width, dropout=0.0, activation="gelu",
                                       batch_first=True, norm_first=True)
            for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, tokens: Tensor) -> dict[str, Tensor]:
        """tokens (B, L) int64 -> {"states": (B, L, D), "keep": (B, L) bool, "pooled": (B, D)}."""
        keep = tokens != self.pad
        h = self.token(tokens) + self.position
        for block in self.blocks:
            h = block(h, src_key_padding_mask=~keep)
        h = self.norm(h)
        weights = keep.to(h.dtype).unsqueeze(-1)
        pooled = (h * weights).sum(1) / weights.sum(1)
        return {"states": h, "keep": keep, "pooled": pooled}
