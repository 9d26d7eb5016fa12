"""A causal transformer (Vaswani et al. 2017; pre-norm as Radford et al. 2019) that can go on from remembered keys and values."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.protocol import MemoryShape


@dataclass(frozen=True)
class TransformerConfig:
    length: int                    # positions at most
    width: int = 192
    layers: int = 6
    heads: int = 6

    @property
    def memory(self) -> MemoryShape:
        """Of the keys and values of a row: layers, keys and values, heads, positions, width of a head."""
        return self.layers, 2, self.heads, self.length, self.width // self.heads


class Window:
    """The part of the engine's memory that a call reads: keys and values of its rows up to their last position.

    memory (layers, 2, slots, heads, L, d); slots (B,) of the rows; positions (B, n) of the call's tokens. Rows lie close
    together as a rule, and are then read where they lie, with what is between them; else they are copied together.
    """

    def __init__(self, memory: Tensor, slots: Tensor, positions: Tensor) -> None:
        self.memory, self.slots, self.positions = memory, slots, positions
        self.low, high, self.top = int(slots.min()), int(slots.max()) + 1, int(positions.max()) + 1
        self.span = high - self.low
        self.apart = self.span > 2 * len(slots)
        self.place = slots - self.low
        mask = torch.arange(self.top, device=slots.device) <= positions[:, :, None]             # (B, n, top)
        self.mask = (mask if self.apart else self._spread(mask, True))[:, None]

    def _spread(self, z: Tensor, rest: bool | float) -> Tensor:
        """Rows (B, ...) at their places among all rows that are read."""
        whole = z.new_full((self.span, *z.shape[1:]), rest)
        whole[self.place] = z
        return whole

    def attend(self, layer: int, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Write k and v of the call's tokens, then let q look at all that each row has: (B, heads, n, d) all."""
        for which, z in enumerate((k, v)):
            self.memory[layer, which].transpose(1, 2)[self.slots[:, None], self.positions] = z.transpose(1, 2).to(self.memory.dtype)
        rows = self.slots if self.apart else slice(self.low, self.low + self.span)
        keys, values = self.memory[layer, 0, rows, :, :self.top], self.memory[layer, 1, rows, :, :self.top]
        with torch.autocast(q.device.type, enabled=False):                 # which would copy the memory to another precision
            q = q.to(keys.dtype) if self.apart else self._spread(q.to(keys.dtype), 0.0)
            h = F.scaled_dot_product_attention(q, keys, values, self.mask)
        return h if self.apart else h[self.place]


class Block(nn.Module):
    """Attention to what came before, then a perceptron, each around a shortcut."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, h: Tensor, layer: int, window: Window | None) -> Tensor:
        q, k, v = (z.unflatten(2, (self.heads, -1)).transpose(1, 2) for z in self.qkv(self.norm(h)).chunk(3, dim=2))
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True) if window is None else window.attend(layer, q, k, v)
        h = h + self.out(seen.transpose(1, 2).flatten(2).to(h.dtype))
        return h + self.perceptron(h)


class Transformer(nn.Module):
    """Embedded tokens in, states out; what stands before and behind it (embeddings, logits) is the families'."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.position = nn.Parameter(0.02 * torch.randn(config.length, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, h: Tensor, start: Tensor | None = None, slots: Tensor | None = None, memory: Tensor | None = None) -> Tensor:
        """States (B, n, D) of tokens h (B, n, D) at the positions start (B,), start + 1, ...; each sees itself and those before.

        Without memory the row begins here, at position 0. With it, what came before lies in the memory's slots (B,), and
        the tokens are added to it.
        """
        first = torch.zeros(len(h), dtype=torch.int64, device=h.device) if start is None else start
        positions = first[:, None] + torch.arange(h.shape[1], device=h.device)
        window = None if memory is None or slots is None else Window(memory, slots, positions)
        h = h + self.position[positions]
        for layer, block in enumerate(self.blocks):
            h = block(h, layer, window)
        return self.norm(h)
