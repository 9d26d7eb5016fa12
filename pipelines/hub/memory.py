"""The engine's memory in the place of a cache of the transformers library."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class Remembered:
    """What attention layers of the transformers library take as their cache; keys and values lie in the engine's memory.

    memory (layers, 2, slots, heads, L, d); slots (B,) of the rows; start (B,): where the call's `count` tokens stand. Rows may
    be at different positions: each looks at its own tokens up to where it is, by `mask`.
    """

    def __init__(self, memory: Tensor, slots: Tensor, start: Tensor, count: int) -> None:
        self.memory, self.slots = memory, slots
        self.positions = start[:, None] + torch.arange(count, device=start.device)               # (B, n)
        self.top = int(self.positions.max()) + 1

    def mask(self, dtype: torch.dtype) -> Tensor:
        """(B, 1, n, top), to be added to the scores: -inf for what comes after a token."""
        later = torch.arange(self.top, device=self.slots.device) > self.positions[..., None]
        return torch.where(later, float("-inf"), 0.0).to(dtype)[:, None]

    def update(self, keys: Tensor, values: Tensor, layer: int, *unused: Any, **also: Any) -> tuple[Tensor, Tensor]:
        """Write keys and values (B, heads, n, d) of the call's tokens; all that the rows have, (B, heads, top, d)."""
        found = []
        for kind, z in zip(self.memory[layer].unbind(), (keys, values), strict=True):
            kind[self.slots[:, None], :, self.positions] = z.transpose(1, 2).to(kind.dtype)
            found.append(kind[self.slots, :, :self.top].to(z.dtype))
        return found[0], found[1]
