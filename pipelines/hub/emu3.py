"""Emu3 (Wang et al. 2024): a language model whose vocabulary holds the codes of pictures, and a token that ends each of their lines."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.memory import Remembered
from pipelines.hub.model import HubModel, Size
from pipelines.hub.tokens import DRAWING, TokenModel
from pipelines.nets.codes import UNKNOWN
from pipelines.options import OptionError
from pipelines.protocol import Cond, MemoryShape
from pipelines.request import Request

SAID = "{}{}<|image start|>{}*{}<|image token|>"      # the first token, the caption, how many codes the picture has in both directions
SIDE = 720                         # in pixels, of the pictures that it was trained to draw; no configuration says it


class Emu3(TokenModel):
    """parts: model, tokenizer."""
    info, drawing = ADAPTERS["emu3"], DRAWING

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        super().__init__(parts, size)
        words = self.model.model.vocabulary_mapping
        self.register_buffer("names", words.img2bpe_mapping_tensor.long(), persistent=False)     # of the codes, in the vocabulary
        self.count, self.line_end = len(self.names), words.eol_token_id
        self.multiple = 2 ** (len(self.model.config.vq_config.channel_multiplier) - 1)

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return SIDE

    def grid(self, size: Size) -> int:
        height, width = HubModel.checked(self, size)
        if height != width:
            raise OptionError(f"This model draws squares here; you asked for {width} by {height} pixels, set both to {height}.")
        return height // self.multiple

    def canvas(self, side: int) -> Tensor:
        return F.pad(torch.full((side, side), UNKNOWN), (0, 1), value=self.line_end + self.count).flatten()

    def prompts(self, request: Request, side: int) -> tuple[Tensor, Tensor]:
        """Both prompts, the negative one as if it were a caption."""
        room = self.shape[3] - side * (side + 1)
        found = []
        for text in (request.prompt, request.negative_prompt):
            said = SAID.format(self.tokenizer.bos_token, text, side, side)
            found.append(self.tokenizer(said, add_special_tokens=False, return_tensors="pt").input_ids + self.count)
            if found[-1].shape[1] > room:
                raise OptionError(f"The prompt has {found[-1].shape[1]} tokens and the picture {side * (side + 1)}; the model reads "
                                  f"{self.shape[3]} in all. Shorten the prompt or ask for a smaller picture.")
        return found[0], found[1]

    @property
    def shape(self) -> MemoryShape:
        c = self.model.config.text_config
        return c.num_hidden_layers, 2, c.num_key_value_heads, c.max_position_embeddings, c.hidden_size // c.num_attention_heads

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        net, cache = self.model.model.text_model, Remembered(memory, slots, start, tokens.shape[1])
        ids = torch.where(tokens < self.count, self.names[tokens.clamp(max=self.count - 1)], tokens - self.count)
        mask = cache.mask(next(net.parameters()).dtype)
        h = net(input_ids=ids, attention_mask=mask, position_ids=cache.positions, cache=cache).last_hidden_state
        return self.model.lm_head(h[:, -1])[:, self.names].float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        """Pictures of codes (B, h, h); code 0 stands for those that are not drawn yet."""
        return self.model.model.vqmodel.decode(x.clamp(min=0)).float()
