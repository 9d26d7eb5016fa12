"""What the networks stand for: a picture as 64 tokens, and one transformer that reads a caption's tokens and goes on with the
picture's (Ramesh et al. 2021).

Tokens are numbered codes first, then the words' pieces, then a padding token for each position of the text.
"""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.dalle.scorer import Scorer, ScorerConfig
from pipelines.data.contract import DataSet
from pipelines.nets.codes import CodeAutoencoder, CodesConfig
from pipelines.nets.config import NetworkConfig, sizes_of
from pipelines.nets.dvae import DiscreteVAE
from pipelines.nets.text import TextConfig
from pipelines.nets.tokens import TokenModel
from pipelines.nets.transformer import TransformerConfig
from pipelines.protocol import Cond


@dataclass(frozen=True)
class DALLEConfig(NetworkConfig):
    """Everything needed to build the networks again; stored in the weights file."""
    vocabulary: int                                          # of the text
    text: int                                                # its fixed length; 256 in the paper
    pad: int
    scorer: ScorerConfig
    codes: CodesConfig = field(default_factory=CodesConfig)
    width: int = 128
    layers: int = 5
    heads: int = 4
    size: int = 32
    training: dict[str, Any] = field(default_factory=dict)   # the family's network options
    sizes: dict[str, int] = field(default_factory=dict)      # of sets with another one

    @property
    def side(self) -> int:
        """Of the map of codes."""
        return self.size // 4

    @property
    def image(self) -> int:
        """How many tokens a picture has."""
        return self.side ** 2

    @property
    def transformer(self) -> TransformerConfig:
        return TransformerConfig(self.text + self.image, self.width, self.layers, self.heads)

    @property
    def tables(self) -> dict[str, int]:
        words = self.codes.codes + self.vocabulary
        return {"model.embed.weight": words, "model.head.weight": words, "model.head.bias": words,
                "scorer.text.token.weight": self.vocabulary}

    @classmethod
    def of(cls, data: DataSet, training: dict[str, Any]) -> DALLEConfig:
        tokenizer, scorer = data.tokenizer(), ScorerConfig(TextConfig.of(data, width=64), data.size)
        return cls(tokenizer.vocabulary, tokenizer.length, tokenizer.pad, scorer, size=data.size, training=training, sizes=sizes_of(data))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DALLEConfig:
        return cls(**values | {"codes": CodesConfig.from_dict(values["codes"]),
                               "scorer": ScorerConfig.from_dict(values["scorer"])})


class DALLE(nn.Module):
    """The picture's codes, by vector quantization or by a discrete VAE, and the transformer over text and picture."""

    def __init__(self, config: DALLEConfig) -> None:
        super().__init__()
        self.config = config
        discrete = config.training.get("tokens") == "dvae"
        self.autoencoder: Any = DiscreteVAE(config.codes) if discrete else CodeAutoencoder(config.codes)
        tokens = config.codes.codes + config.vocabulary + config.text
        self.model = TokenModel(config.transformer, tokens, tokens)
        self.scorer = Scorer(config.scorer)

    def words(self, tokens: Tensor) -> Tensor:
        """The text's part of a sequence: tokens (B, L) of the tokenizer, each padding with its position's own number."""
        codes, vocabulary = self.config.codes.codes, self.config.vocabulary
        paddings = codes + vocabulary + torch.arange(tokens.shape[1], device=tokens.device)
        return torch.where(tokens == self.config.pad, paddings, codes + tokens)

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """Pictures (B, 3, H, H), about in [-1, 1], of codes (B, h, w)."""
        return self.autoencoder.decode(codes)

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """Codes (B, h, w) of pictures (B, 3, H, H) in [-1, 1]."""
        return self.autoencoder.codes(x)

    def score(self, x: Tensor, cond: Cond) -> Tensor:
        """How well pictures go with captions cond["tokens"] (B, L), (B, 1)."""
        return self.scorer(x, cond["tokens"])[:, None]

    def inspect(self, tokens: Tensor, cond: Cond) -> dict[str, Tensor]:
        """What the transformer thought of codes that follow their words, tokens (B, L + h w): see `TokenModel.inspect`."""
        return self.model.inspect(tokens, self.config.text, self.config.codes.codes)

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        """Logits (B, K) of the picture's token after tokens (B, n); a word cannot follow where a picture's token must."""
        return self.model.read(tokens, start, cond, slots, memory)[:, :self.config.codes.codes]
