"""What the networks stand for: a generator G(z, c) that draws a picture in one call, and a discriminator D(x, c) that says
how real a picture looks beside its caption (Goodfellow et al. 2014; Radford et al. 2016; Reed et al. 2016)."""
from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.contract import DataSet
from pipelines.nets.config import NetworkConfig, sizes_of
from pipelines.nets.text import TextConfig, TextEncoder
from pipelines.nets.unet import Attention, place_features
from pipelines.protocol import Cond

SLOPE = 0.2                        # of leaky ReLUs in the discriminator (Radford et al. 2016, section 3)


@dataclass(frozen=True)
class GANConfig(NetworkConfig):
    """Everything needed to build the networks again; stored in the weights file."""
    text: TextConfig
    latent: int = 64                                         # length of each of the two parts of z
    width: int = 72                                          # of both networks at the grid where captions are attended to
    heads: int = 4
    size: int = 32
    training: dict[str, Any] = field(default_factory=dict)   # the family's network options
    sizes: dict[str, int] = field(default_factory=dict)      # of sets with another one

    @property
    def grid(self) -> int:
        """Side at which captions are attended to."""
        return self.size // 4

    @property
    def tables(self) -> dict[str, int]:
        return {"text.token.weight": self.text.vocabulary}

    @classmethod
    def of(cls, data: DataSet, training: dict[str, Any]) -> GANConfig:
        return cls(TextConfig.of(data), size=data.size, training=training, sizes=sizes_of(data))

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> GANConfig:
        return cls(**values | {"text": TextConfig(**values["text"])})


class Modulated(nn.Module):
    """Norm, scale and shift by the style, activation, convolution; twice, around a shortcut."""

    def __init__(self, c_in: int, c_out: int, style: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.GroupNorm(4, c_in), nn.GroupNorm(4, c_out)])
        self.styles = nn.ModuleList([nn.Linear(style, 2 * c_in), nn.Linear(style, 2 * c_out)])
        self.convs = nn.ModuleList([nn.Conv2d(c_in, c_out, 3, padding=1), nn.Conv2d(c_out, c_out, 3, padding=1)])
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        h = x
        for norm, affine, conv in zip(self.norms, self.styles, self.convs, strict=True):
            scale, shift = affine(style)[:, :, None, None].chunk(2, dim=1)
            h = conv(F.silu(norm(h) * (1 + scale) + shift))
        return (self.skip(x) + h) * 0.7071


class Generator(nn.Module):
    """From z and a caption to a picture of 32x32: 4x4, 8x8 with attention to the words, 16x16, and 2x2 pixels from every place; of
    another size in proportion."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        width, context, self.side = config.width, config.text.width, config.grid // 2
        self.style = nn.Sequential(nn.Linear(config.latent + context, 2 * width), nn.SiLU(), nn.Linear(2 * width, 2 * width), nn.SiLU())
        self.first = nn.Linear(config.latent + context, self.side ** 2 * width)
        self.place = nn.Parameter(place_features(width, config.grid))
        self.blocks = nn.ModuleList([Modulated(width, width, 2 * width), Modulated(width, width, 2 * width),
                                     Modulated(width, width, 2 * width), Modulated(width, width // 2, 2 * width)])
        self.attention = nn.ModuleList([Attention(width, config.heads, context), Attention(width, config.heads, context)])
        self.norm, self.head = nn.GroupNorm(4, width // 2), nn.Conv2d(width // 2, 12, 3, padding=1)

    def forward(self, z: Tensor, cond: Cond) -> Tensor:
        """z (B, 2, Z) standard normal -> pictures (B, 3, H, H) in [-1, 1]; the first part of z says where things begin, the
        second modulates every block, so that pictures can be mixed (Karras et al. 2019, section 3.1)."""
        layout, style = (torch.cat([part, cond["pooled"]], 1) for part in z.unbind(1))
        style = self.style(style)
        h = self.blocks[0](self.first(layout).unflatten(1, (-1, self.side, self.side)), style)
        h = F.interpolate(h, scale_factor=2.0, mode="nearest")
        for block, attention in zip(self.blocks[1:3], self.attention, strict=True):
            h = attention(block(h, style), self.place, cond["states"], cond["keep"])
        h = self.blocks[3](F.interpolate(h, scale_factor=2.0, mode="nearest"), style)
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2).float().tanh()


class Discriminator(nn.Module):
    """A score for a picture beside its caption: w phi(x) + <V c, phi(x)>, the projection of Miyato & Koyama 2018, eq. 3."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        width, context = config.width, config.text.width
        self.stem = nn.Conv2d(12, width // 2, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(width // 2, width, 4, stride=2, padding=1), nn.Conv2d(width, width, 3, padding=1)])
        self.place = nn.Parameter(place_features(width, config.grid))
        self.attention = Attention(width, config.heads, context)
        self.last = nn.ModuleList([nn.Conv2d(width, 2 * width, 4, stride=2, padding=1), nn.Conv2d(2 * width + 1, 2 * width, 3, padding=1)])
        self.score, self.project = nn.Linear(2 * width, 1), nn.Linear(context, 2 * width, bias=False)

    def forward(self, x: Tensor, cond: Cond) -> Tensor:
        """x (B, 3, H, H) in [-1, 1] -> logits (B,): above 0 looks real."""
        h = F.leaky_relu(self.stem(F.pixel_unshuffle(x, 2)), SLOPE)
        for conv in self.down:
            h = F.leaky_relu(conv(h), SLOPE)
        place = F.interpolate(self.place, h.shape[2:], mode="bilinear")
        h = self.attention(h, place, cond["states"], cond["keep"])
        h = F.leaky_relu(self.last[0](h), SLOPE)
        h = F.leaky_relu(self.last[1](torch.cat([h, alikeness(h)], 1)), SLOPE)
        phi = h.flatten(2).mean(2)
        return (self.score(phi)[:, 0] + (phi * self.project(cond["pooled"])).sum(1)).float()


def alikeness(h: Tensor, group: int = 4) -> Tensor:
    """How far the rows of a group differ, as one more channel (B, 1, H, W): a generator that always draws the same picture
    is found out by it (Karras et al. 2018, section 3). Groups are neighbouring rows, so that a batch is cut evenly."""
    size = next(g for g in range(min(group, len(h)), 0, -1) if len(h) % g == 0)
    parts = h.float().unflatten(0, (-1, size))
    spread = (parts.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3))
    return spread.repeat_interleave(size)[:, None, None, None].expand(-1, 1, *h.shape[2:]).to(h.dtype)


class GAN(nn.Module):
    """Text encoder, generator, discriminator."""

    def __init__(self, config: GANConfig) -> None:
        super().__init__()
        self.config = config
        self.text = TextEncoder(config.text)
        self.generator, self.discriminator = Generator(config), Discriminator(config)

    def encode(self, tokens: Tensor, cond: Cond | None = None) -> dict[str, Tensor]:
        """The condition c: token ids (B, L) int64 -> states, mask and pooled vector of the caption."""
        return self.text(tokens)

    def generate(self, z: Tensor, cond: Cond) -> Tensor:
        """Pictures (B, 3, H, H) in [-1, 1] from z (B, 2, Z)."""
        return self.generator(z, cond)

    def judge(self, x: Tensor, cond: Cond) -> Tensor:
        """Logits (B, 1) of pictures beside their captions."""
        return self.discriminator(x, cond)[:, None]
