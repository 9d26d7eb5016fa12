"""A causal transformer (Vaswani et al. 2017; pre-norm as Radford et al. 2019) that can go on from remembered keys and values."""
from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.nets.attention import attend
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
        _, _, count, heads, length, _ = memory.shape
        low, high, self.top = int(slots.min()), int(slots.max()) + 1, int(positions.max()) + 1
        self.span = high - low
        apart = self.span > 2 * len(slots)
        # Of every layer: all vectors in a row, to be written, and what is read.
        self.vectors = memory.flatten(1, 4).unbind()
        self.read = memory[:, :, :, :, :self.top].unbind() if apart else memory[:, :, low:high, :, :self.top].unbind()
        self.slots = slots if apart else None
        together = apart or torch.equal(slots, torch.arange(low, high, device=slots.device))
        self.place = None if together else slots - low                   # of the call's rows among those that are read
        # Where keys and values go among the vectors, whose number counts kinds, slots, heads and positions.
        keys = (slots[:, None, None] * heads + torch.arange(heads, device=slots.device)[:, None]) * length + positions[:, None]
        self.where = torch.stack([keys, keys + count * heads * length]).flatten()
        hidden = torch.arange(self.top, device=slots.device) > positions[:, :, None]             # (B, n, top)
        self.mask = self._spread(torch.where(hidden, float("-inf"), 0.0))[:, None].to(memory.dtype)

    def _spread(self, z: Tensor) -> Tensor:
        """Rows (B, ...) at their places among all rows that are read."""
        if self.place is None:
            return z
        return z.new_zeros(self.span, *z.shape[1:]).index_copy_(0, self.place, z)

    def attend(self, layer: int, qkv: Tensor) -> Tensor:
        """Write keys and values of the call's tokens, then let their queries look at all that each row has.

        qkv (3, B, heads, n, d); (B, heads, n, d).
        """
        self.vectors[layer].index_copy_(0, self.where, qkv[1:].reshape(-1, qkv.shape[4]))
        read = self.read[layer] if self.slots is None else self.read[layer][:, self.slots]
        keys, values = read.unbind()
        h = attend(self._spread(qkv[0]), keys, values, self.mask)
        return h if self.place is None else h[self.place]


class Block(nn.Module):
    """Attention to what came before, then a perceptron, each around a shortcut."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.norm, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.perceptron = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def projected(self, h: Tensor) -> Tensor:
        """Queries, keys and values (3, B, heads, n, d) of states h (B, n, D)."""
        return self.qkv(self.norm(h)).view(*h.shape[:2], 3, self.heads, -1).permute(2, 0, 3, 1, 4)

    def forward(self, h: Tensor, layer: int, window: Window | None) -> Tensor:
        qkv = self.projected(h)
        seen = attend(qkv[0], qkv[1], qkv[2], causal=True) if window is None else window.attend(layer, qkv)
        h = h + self.out(seen.transpose(1, 2).flatten(2))
        return h + self.perceptron(h)


class Transformer(nn.Module):
    """Embedded tokens in, states out; what stands before and behind it (embeddings, logits) is the families'."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.position = nn.Parameter(nn.init.normal_(torch.empty(config.length, config.width), std=0.02))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, h: Tensor, start: Tensor | None = None, slots: Tensor | None = None, memory: Tensor | None = None) -> Tensor:
        """States (B, n, D) of tokens h (B, n, D) at the positions start (B,), start + 1, ...; each sees itself and those before.

        Without memory the row begins here, at position 0. With it, what came before lies in the memory's slots (B,), and
        the tokens are added to it.
        """
        window = None
        if start is None or slots is None or memory is None:
            h = h + self.position[:h.shape[1]]
        else:
            positions = start[:, None] + torch.arange(h.shape[1], device=h.device)
            window = Window(memory, slots, positions)
            h = h + F.embedding(positions, self.position)
        for layer, block in enumerate(self.blocks):
            h = block(h, layer, window)
        return self.norm(h)

    def attention(self, h: Tensor) -> Tensor:
        """How much each position looks at itself and those before, (B, n, n), the mean of all layers and heads; tokens h (B, n, D)
        from position 0 on. To be looked at: `forward` never makes these numbers."""
        h, looks = h + self.position[:h.shape[1]], []
        future = torch.ones(h.shape[1], h.shape[1], dtype=torch.bool, device=h.device).triu(1)
        for layer, block in enumerate(self.blocks):
            q, k, _ = block.projected(h)                                             # type: ignore[operator]
            scores = (q @ k.transpose(2, 3)).float() / q.shape[3] ** 0.5
            looks.append(scores.masked_fill(future, float("-inf")).softmax(3).mean(1))
            h = block(h, layer, None)
        return torch.stack(looks).mean(0)
