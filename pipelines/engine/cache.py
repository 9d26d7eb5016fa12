"""Memory for what autoregressive networks remember: the engine's, so that it is given back however a sampler ends."""
from __future__ import annotations

import heapq
import math

import torch

from pipelines.protocol import MemoryShape

ROOM = 256 * 2**20                 # bytes that it takes at first, if one row needs no more
FIRST = 64                         # slots that a slab begins with


class Slab:
    """Keys and values of many rows, (layers, 2, slots, heads, length, width) fp32; grows by doubling.

    The lowest free slots are given out first, so that rows lie close together.
    """

    def __init__(self, shape: MemoryShape, device: torch.device) -> None:
        layers, kinds, *rest = shape
        first = max(1, min(FIRST, ROOM // (4 * math.prod(shape))))
        self.memory = torch.zeros(layers, kinds, first, *rest, device=device)
        self._free = list(range(first))

    @property
    def used(self) -> int:
        return self.memory.shape[2] - len(self._free)

    def take(self, rows: int) -> list[int]:
        """Slots for the rows of a sampler."""
        while len(self._free) < rows:
            size = self.memory.shape[2]
            self.memory = torch.cat([self.memory, torch.zeros_like(self.memory)], dim=2)
            for slot in range(size, 2 * size):
                heapq.heappush(self._free, slot)
        return [heapq.heappop(self._free) for _ in range(rows)]

    def free(self, slots: list[int]) -> None:
        """Give slots back; what lies in them is overwritten before it is read."""
        for slot in slots:
            heapq.heappush(self._free, slot)
