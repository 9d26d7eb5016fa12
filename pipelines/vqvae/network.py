"""What the networks stand for: encoder and decoder between pictures and 8 x 8 codes, and the prior p(z | l) of the codes."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from pipelines.data.contract import DataSet
from pipelines.nets.codes import CodeAutoencoder, CodesConfig
from pipelines.nets.config import NetworkConfig
from pipelines.nets.tokens import TokenModel
from pipelines.nets.transformer import TransformerConfig
from pipelines.protocol import Cond


@dataclass(frozen=True)
class VQVAEConfig(NetworkConfig):
    """Everything needed to build the network again; stored in the weights file."""
    codes: CodesConfig = field(default_factory=CodesConfig)
    prior: TransformerConfig = field(default_factory=lambda: TransformerConfig(length=64, width=128, layers=4, heads=4))
    size: int = 32
    labels: int = 48                                         # classes, as in all weights of before this was written down
    training: dict[str, Any] = field(default_factory=dict)   # the family's network options

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
        return cls(prior=prior, size=data.size, labels=data.labels.count, training=training)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> VQVAEConfig:
        return cls(**values | {"codes": CodesConfig.from_dict(values["codes"]), "prior": TransformerConfig(**values["prior"])})


class VQVAE(nn.Module):
    """The autoencoder and the prior of its codes."""

    def __init__(self, config: VQVAEConfig) -> None:
        super().__init__()
        self.config = config
        self.autoencoder = CodeAutoencoder(config.codes, moving=config.training.get("codebook") == "ema")
        self.prior = TokenModel(config.prior, config.codes.codes + config.labels + 1, config.codes.codes)

    def start(self, labels: Tensor) -> Tensor:
        """The token (B, 1) that a sequence of codes begins with: its label 0 .. config.labels - 1, or config.labels for none."""
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
