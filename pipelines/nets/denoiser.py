"""A network for pictures under Gaussian noise of any level, the common ground of the families in continuous time."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.data.contract import DataSet
from pipelines.nets.config import NetworkConfig, sizes_of
from pipelines.nets.text import TextConfig, TextEncoder
from pipelines.nets.unet import UNet, UNetConfig
from pipelines.protocol import Cond


@dataclass(frozen=True)
class DenoiserConfig(NetworkConfig):
    """Everything needed to build the network again; stored in the weights file."""
    text: TextConfig
    unet: UNetConfig = field(default_factory=UNetConfig)
    size: int = 32                                           # of the images, in pixels
    training: dict[str, Any] = field(default_factory=dict)   # the family's network options
    sizes: dict[str, int] = field(default_factory=dict)      # of sets with another one

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of what the network works on."""
        return self.unet.channels, self.size, self.size

    @property
    def tables(self) -> dict[str, int]:
        return {"text.token.weight": self.text.vocabulary}

    @classmethod
    def of(cls, data: DataSet, training: dict[str, Any]) -> DenoiserConfig:
        return cls(TextConfig.of(data), size=data.size, training=training, sizes=sizes_of(data))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DenoiserConfig:
        unet = values["unet"] | {"widths": tuple(values["unet"]["widths"])}
        return cls(TextConfig(**values["text"]), UNetConfig(**unet), values["size"], values["training"], values.get("sizes", {}))


class Denoiser(nn.Module):
    """v(z, phi, c) for z = cos(phi) x0 + sin(phi) eps: see `numerics.gaussian` for what it means."""

    def __init__(self, config: DenoiserConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config.text)
        self.unet = UNet(config.unet)

    def encode(self, tokens: Tensor, cond: Cond | None = None) -> dict[str, Tensor]:
        """The condition c: token ids (B, L) int64 -> states, mask and pooled vector of the caption."""
        return self.text(tokens)

    def predict(self, z: Tensor, phi: Tensor, cond: Cond) -> Tensor:
        """v, (B, C, H, W), from z (B, C, H, W) of variance about 1 and phi (B,) in [0, pi/2]."""
        return self.unet(z, phi, **cond).float()      # autocast may have made it less

    def predict_vjp(self, z: Tensor, phi: Tensor, cond: Cond) -> dict[str, Tensor]:
        """{"value": v, "product": e^T dv/dz} for the vectors e = cond["vector"] (B, C, H, W); for likelihoods."""
        return vjp(self.predict, z, phi, cond)


def vjp(predict: Any, z: Tensor, phi: Tensor, cond: Cond) -> dict[str, Tensor]:
    """Value and vector-Jacobian product of a network, also where the caller is in inference mode."""
    with torch.inference_mode(False), torch.enable_grad():
        plain = {name: c.clone() for name, c in cond.items()}
        vector = plain.pop("vector")
        x = z.clone().requires_grad_()
        value = predict(x, phi.clone(), plain)
        (product,) = torch.autograd.grad(value, x, vector)
    return {"value": value.detach(), "product": product}

