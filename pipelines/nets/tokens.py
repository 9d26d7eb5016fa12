"""A model of token sequences: embedded tokens through a causal transformer to the logits of what comes next."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.nets.transformer import Transformer, TransformerConfig
from pipelines.protocol import Cond

TOP = 5                            # alternatives that are shown


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
        """Logits (B, outputs) of what follows tokens (B, n) that stand at start (B,); earlier ones are remembered.

        Always in fp32: to cast the weights for one token costs more than the faster products save.
        """
        with torch.autocast(tokens.device.type, enabled=False):
            return self.head(self.transformer(self.embed(tokens), start, slots, memory)[:, -1])

    def inspect(self, tokens: Tensor, first: int, outputs: int) -> dict[str, Tensor]:
        """What the model thought of tokens (B, n) from position `first` on, read at once: "p" (B, n - first) their probabilities,
        "top" and "top_p" (B, n - first, TOP) the likeliest instead, "attention" (B, n - first, first) to what stands before them.

        Only the first `outputs` tokens may come next.
        """
        read = tokens[:, :-1]
        p = self(read)[:, first - 1:, :outputs].softmax(2)
        top_p, top = p.topk(min(TOP, outputs), dim=2)
        attention = self.transformer.attention(self.embed(read))[:, first - 1:, :first]
        return {"p": p.gather(2, tokens[:, first:, None])[:, :, 0], "top": top, "top_p": top_p, "attention": attention}
