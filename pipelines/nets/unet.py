"""A text- and time-conditioned UNet that works at half the image's resolution.

The stem folds 2x2 pixels into channels (space-to-depth), so a 32x32 picture is processed at 16x16 and 8x8: a quarter
of the arithmetic of a full-resolution UNet. Latents of 16x16 are not folded and cost the same. The noise level and the
pooled caption modulate each residual block (scale and shift after the norm); at 8x8 every position attends to all others
and to the caption's tokens, and knows where it is while it does.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.nets.attention import attend


@dataclass(frozen=True)
class UNetConfig:
    channels: int = 3              # of the image
    fold: int = 2                  # this many by this many pixels become channels before the first layer
    widths: tuple[int, ...] = (48, 128)
    blocks: int = 1                # residual blocks per resolution and direction
    heads: int = 4
    context: int = 128             # width of the caption's states
    emb: int = 192                 # width of the time embedding
    grid: int = 8                  # side of the lowest resolution, for its position embedding


TURN = 2000 / math.pi              # a quarter turn, from a clean picture to noise, is 1000 of the features' units


def level_features(phi: Tensor, width: int) -> Tensor:
    """Sinusoidal features of a noise level, an angle in [0, pi/2]: (B,) -> (B, width)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, device=phi.device, dtype=torch.float32) / half)
    angles = TURN * phi.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def place_features(width: int, side: int) -> Tensor:
    """Slow waves along both axes, (1, width, side, side): a position embedding to begin with."""
    if (place := torch.empty(1, 4 * (width // 4), side, side)).is_meta:          # its shape alone is wanted
        return place
    line = (torch.arange(side) + 0.5) / side
    # A library that loads models meanwhile may have changed where linspace makes its numbers if nobody says it.
    speeds = torch.linspace(0.5, 4, width // 4, device=line.device)
    angles = math.pi * line * speeds[:, None]                                    # (width / 4, side)
    waves = torch.cat([angles.cos(), angles.sin()])
    rows, columns = waves[:, :, None].expand(-1, side, side), waves[:, None, :].expand(-1, side, side)
    return 0.5 * torch.cat([rows, columns])[None]


class ResBlock(nn.Module):
    def __init__(self, c_in: int, c_out: int, emb: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(8, c_in), nn.Conv2d(c_in, c_out, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(8, c_out), nn.Conv2d(c_out, c_out, 3, padding=1)
        self.modulation = nn.Linear(emb, 2 * c_out)
        self.skip = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()
        nn.init.zeros_(self.conv2.weight)

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        scale, shift = self.modulation(emb)[:, :, None, None].chunk(2, dim=1)
        h = self.conv2(F.silu(self.norm2(h) * (1 + scale) + shift))
        return self.skip(x) + h


class Attention(nn.Module):
    """Self-attention over positions, then cross-attention to the caption (Rombach et al. 2022, section 3.3).

    The position embedding is added at every attention (Carion et al. 2020, section 3.2): convolutions know where they
    are by the border only, and "above" asks which of two things is to be drawn here.
    """

    def __init__(self, width: int, heads: int, context: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.qkv = nn.Linear(width, 3 * width)
        self.q, self.kv = nn.Linear(width, width), nn.Linear(context, 2 * width)
        self.out1, self.out2 = nn.Linear(width, width), nn.Linear(width, width)
        for layer in (self.out1, self.out2):
            nn.init.zeros_(layer.weight)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None) -> Tensor:
        q, k, v = (z.unflatten(-1, (self.heads, -1)).transpose(1, 2) for z in (q, k, v))
        return attend(q, k, v, mask).transpose(1, 2).flatten(-2)

    def forward(self, x: Tensor, place: Tensor, states: Tensor, keep: Tensor) -> Tensor:
        def positions(z: Tensor) -> Tensor:
            return (z + place).flatten(2).transpose(1, 2)                        # (B, H*W, C)

        def image(z: Tensor) -> Tensor:
            return z.transpose(1, 2).unflatten(2, x.shape[2:])                   # (B, C, H, W)

        q, k, v = self.qkv(positions(self.norm1(x))).chunk(3, dim=-1)
        x = x + image(self.out1(self._attend(q, k, v)))
        k, v = self.kv(states).chunk(2, dim=-1)
        return x + image(self.out2(self._attend(self.q(positions(self.norm2(x))), k, v, keep[:, None, None, :])))


class Level(nn.Module):
    """One residual block, with attention at the lowest resolution."""

    def __init__(self, c_in: int, c_out: int, config: UNetConfig, attend: bool) -> None:
        super().__init__()
        self.block = ResBlock(c_in, c_out, config.emb)
        self.attention = Attention(c_out, config.heads, config.context) if attend else None

    def forward(self, x: Tensor, emb: Tensor, place: Tensor, states: Tensor, keep: Tensor) -> Tensor:
        x = self.block(x, emb)
        return x if self.attention is None else self.attention(x, place, states, keep)


class UNet(nn.Module):
    """Ronneberger et al. 2015 in the form of Ho et al. 2020, Appendix B, with scale-shift modulation and captions."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, emb = config.widths, config.emb
        self.time = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.pooled = nn.Linear(config.context, emb)
        self.stem = nn.Conv2d(config.fold**2 * config.channels, widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        skips, c = [widths[0]], widths[0]
        for level, width in enumerate(widths):
            for _ in range(config.blocks):
                self.down.append(Level(c, width, config, level + 1 == len(widths)))
                c = width
                skips.append(c)
            if level + 1 < len(widths):
                self.shrink.append(nn.Conv2d(c, c, 3, stride=2, padding=1))
                skips.append(c)
        self.place = nn.Parameter(place_features(widths[-1], config.grid))
        self.middle = Level(c, c, config, True)
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(config.blocks + 1):
                self.up.append(Level(c + skips.pop(), width, config, level + 1 == len(widths)))
                c = width
            if level > 0:
                self.grow.append(nn.Conv2d(c, c, 3, padding=1))
        self.norm = nn.GroupNorm(8, c)
        self.head = nn.Conv2d(c, config.fold**2 * config.channels, 3, padding=1)
        # Much of the answer is the noise in the input itself; it need not squeeze through norms and few channels.
        self.gain = nn.Linear(emb, config.channels)
        for z in (self.head.weight, self.gain.weight, self.gain.bias):
            nn.init.zeros_(z)

    def forward(self, x: Tensor, phi: Tensor, states: Tensor, keep: Tensor, pooled: Tensor) -> Tensor:
        """x = cos(phi) x0 + sin(phi) eps, (B, C, H, W), at the angles phi (B,) in [0, pi/2]; the caption as states (B, L, D),
        keep (B, L) bool, pooled (B, D) -> (B, C, H, W)."""
        emb = F.silu(self.time(level_features(phi, self.config.emb).to(pooled.dtype)) + self.pooled(pooled))
        h = self.stem(F.pixel_unshuffle(x, self.config.fold))
        low = [side >> (len(self.config.widths) - 1) for side in h.shape[2:]]
        place = F.interpolate(self.place, low, mode="bilinear")
        skips, down, up = [h], iter(self.down), iter(self.up)
        shrink, grow = iter(self.shrink), iter(self.grow)
        levels = len(self.config.widths)
        for level in range(levels):
            for _ in range(self.config.blocks):
                h = next(down)(h, emb, place, states, keep)
                skips.append(h)
            if level + 1 < levels:
                h = next(shrink)(h)
                skips.append(h)
        h = self.middle(h, emb, place, states, keep)
        for level in reversed(range(levels)):
            for _ in range(self.config.blocks + 1):
                h = next(up)(torch.cat([h, skips.pop()], dim=1), emb, place, states, keep)
            if level > 0:
                h = next(grow)(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), self.config.fold) + self.gain(emb)[:, :, None, None] * x
