"""A text- and time-conditioned UNet that works at half the image's resolution.

The stem folds 2x2 pixels into channels (space-to-depth), so a 32x32 picture is processed at 16x16 and 8x8: a quarter
of the arithmetic of a full-resolution UNet. Time and the pooled caption modulate each residual block (scale and
shift after the norm); at 8x8 every position attends to all others and to the caption's tokens.
"""
from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class UNetConfig:
    channels: int = 3              # of the image
    widths: tuple[int, ...] = (48, 128)
    blocks: int = 1                # residual blocks per resolution and direction
    attention_from: int = 1        # first level with attention
    heads: int = 4
    context: int = 128             # width of the caption's states
    emb: int = 192                 # width of the time embedding
    grid: int = 8                  # side of the lowest resolution, for its position embedding


def time_features(t: Tensor, width: int) -> Tensor:
    """Sinusoidal features of a time in the network's own unit: (B,) -> (B, width)."""
    half = width // 2
    frequencies = torch.exp(-math.log(10_000.0) * torch.arange(half, device=t.device, dtype=torch.float32) / half)
    angles = t.float()[:, None] * frequencies
    return torch.cat([angles.cos(), angles.sin()], dim=1)


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
    """Self-attention over positions, then cross-attention to the caption (Rombach et al. 2022, section 3.3)."""

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
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(-2)

    def forward(self, x: Tensor, states: Tensor, keep: Tensor) -> Tensor:
        def positions(z: Tensor) -> Tensor:
            return z.flatten(2).transpose(1, 2)                                  # (B, H*W, C)

        def image(z: Tensor) -> Tensor:
            return z.transpose(1, 2).unflatten(2, x.shape[2:])                   # (B, C, H, W)

        q, k, v = self.qkv(positions(self.norm1(x))).chunk(3, dim=-1)
        x = x + image(self.out1(self._attend(q, k, v)))
        k, v = self.kv(states).chunk(2, dim=-1)
        return x + image(self.out2(self._attend(self.q(positions(self.norm2(x))), k, v, keep[:, None, None, :])))


class Level(nn.Module):
    """One residual block, with attention where the resolution is low enough."""

    def __init__(self, c_in: int, c_out: int, config: UNetConfig, attend: bool) -> None:
        super().__init__()
        self.block = ResBlock(c_in, c_out, config.emb)
        self.attention = Attention(c_out, config.heads, config.context) if attend else None

    def forward(self, x: Tensor, emb: Tensor, states: Tensor, keep: Tensor) -> Tensor:
        x = self.block(x, emb)
        return x if self.attention is None else self.attention(x, states, keep)


class UNet(nn.Module):
    """Ronneberger et al. 2015 in the form of Ho et al. 2020, Appendix B, with scale-shift modulation and captions."""

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        widths, emb = config.widths, config.emb
        self.time = nn.Sequential(nn.Linear(emb, emb), nn.SiLU(), nn.Linear(emb, emb))
        self.pooled = nn.Linear(config.context, emb)
        self.stem = nn.Conv2d(4 * config.channels, widths[0], 3, padding=1)
        self.down, self.shrink = nn.ModuleList(), nn.ModuleList()
        skips, c = [widths[0]], widths[0]
        for level, width in enumerate(widths):
            for _ in range(config.blocks):
                self.down.append(Level(c, width, config, level >= config.attention_from))
                c = width
                skips.append(c)
            if level + 1 < len(widths):
                self.shrink.append(nn.Conv2d(c, c, 3, stride=2, padding=1))
                skips.append(c)
        # Convolutions know where they are by the border only; "left of" needs more.
        self.position = nn.Parameter(0.02 * torch.randn(1, widths[-2], config.grid, config.grid))
        self.middle = Level(c, c, config, True)
        self.up, self.grow = nn.ModuleList(), nn.ModuleList()
        for level, width in reversed(list(enumerate(widths))):
            for _ in range(config.blocks + 1):
                self.up.append(Level(c + skips.pop(), width, config, level >= config.attention_from))
                c = width
            if level > 0:
                self.grow.append(nn.Conv2d(c, c, 3, padding=1))
        self.norm = nn.GroupNorm(8, c)
        self.head = nn.Conv2d(c, 4 * config.channels, 3, padding=1)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor, t: Tensor, states: Tensor, keep: Tensor, pooled: Tensor) -> Tensor:
        """x (B, C, H, W), t (B,) in steps, states (B, L, D), keep (B, L) bool, pooled (B, D) -> (B, C, H, W)."""
        emb = F.silu(self.time(time_features(t, self.config.emb).to(pooled.dtype)) + self.pooled(pooled))
        h = self.stem(F.pixel_unshuffle(x, 2))
        skips, down, up = [h], iter(self.down), iter(self.up)
        shrink, grow = iter(self.shrink), iter(self.grow)
        levels = len(self.config.widths)
        for level in range(levels):
            for _ in range(self.config.blocks):
                h = next(down)(h, emb, states, keep)
                skips.append(h)
            if level + 1 < levels:
                h = next(shrink)(h)
                if level + 2 == levels:
                    h = h + F.interpolate(self.position, h.shape[2:], mode="bilinear")
                skips.append(h)
        h = self.middle(h, emb, states, keep)
        for level in reversed(range(levels)):
            for _ in range(self.config.blocks + 1):
                h = next(up)(torch.cat([h, skips.pop()], dim=1), emb, states, keep)
            if level > 0:
                h = next(grow)(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(self.head(F.silu(self.norm(h))), 2)
