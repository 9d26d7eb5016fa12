"""ImageGPT (Chen et al. 2020): a causal transformer over pixels in raster order, each one of 512 colours."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.memory import Remembered
from pipelines.hub.tokens import DRAWING, TokenModel
from pipelines.nets.codes import UNKNOWN
from pipelines.protocol import Cond, MemoryShape
from pipelines.request import Request


class ImageGPT(TokenModel):
    """parts: model, processor (which has the colours)."""
    info, drawing = ADAPTERS["imagegpt"], DRAWING

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        super().__init__(parts, size)
        self.side_of_map, self.count = size, self.model.config.vocab_size - 1
        self.register_buffer("colours", torch.as_tensor(self.processor.clusters, dtype=torch.float32), persistent=False)

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return int(parts["model"].config.n_positions ** 0.5)

    def prompts(self, request: Request, side: int) -> tuple[Tensor, Tensor]:
        begin = torch.full((1, 1), self.count)
        return begin, begin

    @property
    def shape(self) -> MemoryShape:
        c = self.model.config
        return c.n_layer, 2, c.n_head, c.n_positions, c.n_embd // c.n_head

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        """Through the blocks one by one, since the library's own loop takes no mask that differs from row to row."""
        net, cache = self.model.transformer, Remembered(memory, slots, start, tokens.shape[1])
        h = net.wte(tokens) + net.wpe(cache.positions)
        mask = cache.mask(h.dtype)
        for block in net.h:
            h = block(h, cache, mask)[0]
        return self.model.lm_head(net.ln_f(h[:, -1])).float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        """The colours (B, 3, H, H) of pixels (B, H, H), gray where none is drawn yet."""
        return torch.where((x == UNKNOWN)[..., None], 0.0, self.colours[x.clamp(min=0)]).movedim(3, 1)
