"""What the networks stand for: encoder and decoder between pictures and 8 x 8 codes, and the prior p(z | l) of the codes."""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.contract import DataSet
from pipelines.nets.codes import CodeAutoencoder, CodesConfig
from pipelines.nets.config import NetworkConfig, sizes_of
from pipelines.nets.tokens import TokenModel
from pipelines.nets.transformer import TransformerConfig
from pipelines.protocol import Cond


@dataclass(frozen=True)
class VQVAEConfig(NetworkConfig):
    """Everything needed to build the network again; stored in the weights file."""
    codes: CodesConfig = field(default_factory=CodesConfig)
    prior: TransformerConfig = field(default_factory=lambda: TransformerConfig(length=64, width=128, layers=4, heads=4))
    size: int = 32
    labels: int = 48                                         # rows of classes, as in all weights of before this was written down
    sets: dict[str, Any] = field(default_factory=dict)       # of several sets, and of classes with parts: name -> see `LabelRows`
    training: dict[str, Any] = field(default_factory=dict)   # the family's network options
    sizes: dict[str, int] = field(default_factory=dict)      # of sets with another one

    @property
    def side(self) -> int:
        """Of the map of codes."""
        return self.size // 4

    @property
    def tables(self) -> dict[str, int]:
        return {"prior.embed.weight": self.codes.codes + self.labels}

    @classmethod
    def of(cls, data: DataSet, training: dict[str, Any]) -> VQVAEConfig:
        prior = TransformerConfig(length=(data.size // 4) ** 2, width=128, layers=4, heads=4)
        labels, sets = 0, dict[str, Any]()
        for one in data.together or (data,):
            sets[one.name] = {"first": labels, "factors": list(one.labels.factors)}
            labels += sum(size - 1 for size in one.labels.factors) or one.labels.count
        plain = len(sets) == 1 and not data.labels.factors
        return cls(prior=prior, size=data.size, labels=labels, sets={} if plain else sets, training=training, sizes=sizes_of(data))

    @property
    def numbers(self) -> dict[str, LabelRows]:
        """Where the labels of each set are found."""
        found, base = dict[str, LabelRows](), self.labels + 1
        for name, said in self.sets.items():
            found[name] = LabelRows(said["first"], tuple(said["factors"]), base)
            base += math.prod(said["factors"]) if said["factors"] else 0
        return found

    def number(self, data: DataSet, label: Any) -> Any:
        """The label of a set as this network counts them: 0 .. labels - 1 its rows, labels for none, from there on those with parts."""
        rows = self.numbers.get(data.name, LabelRows(0, (), 0))
        return label + (rows.base if rows.factors else rows.first)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VQVAEConfig:
        return cls(**values | {"codes": CodesConfig.from_dict(values["codes"]), "prior": TransformerConfig(**values["prior"])})


@dataclass(frozen=True)
class LabelRows:
    """Where the labels of a set are found in a network: in the rows from `first` on, one for each class; or, of classes with parts, one
    for each value of each part, and the numbers from `base` on stand for their sums."""
    first: int
    factors: tuple[int, ...]
    base: int


class LabelEmbedding(nn.Embedding):
    """A row for each code, each row of labels, and for no label; a number behind them is the sum of that last one and of the rows of its
    digits that say something."""

    def __init__(self, codes: int, labels: int, width: int, parted: Sequence[LabelRows]) -> None:
        super().__init__(codes + labels + 1, width)
        nn.init.normal_(self.weight, std=0.02)
        self.codes, self.parted = codes, tuple(parted)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, n) -> (B, n, width)."""
        found = super().forward(tokens.clamp(max=self.num_embeddings - 1))
        first = found[:, :1]                                       # where labels stand
        for rows in self.parted:
            number, row = tokens[:, :1] - self.codes - rows.base, self.codes + rows.first
            mine = (number >= 0) & (number < math.prod(rows.factors))
            for size in rows.factors:
                digit = number % size
                first = first + F.embedding(row + digit - 1, self.weight) * ((digit > 0) & mine)[..., None]
                number, row = number.div(size, rounding_mode="floor"), row + size - 1
        return torch.cat([first, found[:, 1:]], 1)


class VQVAE(nn.Module):
    """The autoencoder and the prior of its codes."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.autoencoder = CodeAutoencoder(config.codes, moving=config.training.get("codebook") == "ema")
        self.prior = TokenModel(config.prior, config.codes.codes + config.labels + 1, config.codes.codes)
        parted = [rows for rows in config.numbers.values() if rows.factors]
        if parted:
            self.prior.embed = LabelEmbedding(config.codes.codes, config.labels, config.prior.width, parted)

    def start(self, labels: Tensor) -> Tensor:
        """The token (B, 1) that a sequence of codes begins with: its label, see `VQVAEConfig.number`."""
        return (self.config.codes.codes + labels)[:, None]

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """Codes (B, h, w) of pictures (B, 3, H, H) in [-1, 1]."""
        return self.autoencoder.codes(x)

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """Pictures (B, 3, H, H), about in [-1, 1], of codes (B, h, w)."""
        return self.autoencoder.decode(codes)

    def inspect(self, tokens: Tensor, cond: Cond) -> dict[str, Tensor]:
        """What the prior thought of codes that follow their label, tokens (B, 1 + h w): see `TokenModel.inspect`."""
        return self.prior.inspect(tokens, 1, self.config.codes.codes)

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        """Logits (B, K) of the code after tokens (B, n)."""
        return self.prior.read(tokens, start, cond, slots, memory)
