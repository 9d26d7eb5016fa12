"""A model of token sequences: embedded tokens through a causal transformer to the logits of what comes next."""
from __future__ import annotations

from torch import Tensor, nn

from pipelines.nets.transformer import Transformer, TransformerConfig
from pipelines.protocol import Cond


class TokenModel(nn.Module):
    """vocabulary: tokens that may be read; outputs: the first so many of them are what may come next."""

    def __init__(self, config: TransformerConfig, vocabulary: int, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, config.width)
        nn.init.normal_(self.embed.weight, std=0.02)
        self.transformer = Transformer(config)
        self.head = nn.Linear(config.width, outputs)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, L, outputs) of the token after each of tokens (B, L)."""
        return self.head(self.transformer(self.embed(tokens))).float()

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        """Logits (B, outputs) of what follows tokens (B, n) that stand at start (B,); earlier ones are remembered."""
        return self.head(self.transformer(self.embed(tokens), start, slots, memory)[:, -1]).float()
