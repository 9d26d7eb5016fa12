"""Janus (Wu et al. 2024): a language model that goes on after a caption with the codes of a picture."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.memory import Remembered
from pipelines.hub.tokens import DRAWING, TokenModel
from pipelines.nets.codes import UNKNOWN
from pipelines.options import OptionError
from pipelines.protocol import Cond, MemoryShape
from pipelines.request import Request

SAID = "<|User|>: {}\n\n<|Assistant|>:<begin_of_image>"            # how its makers put a caption; as they train it, so it must be asked
LONGEST = 256                      # tokens of a prompt


class Janus(TokenModel):
    """parts: model, tokenizer."""
    info, drawing = ADAPTERS["janus"], DRAWING

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        super().__init__(parts, size)
        config = self.model.config.vq_config
        self.side_of_map, self.count = config.num_patches, config.num_embeddings

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        config = parts["model"].config.vq_config
        return config.num_patches * 2 ** (len(config.channel_multiplier) - 1)

    def prompts(self, request: Request, side: int) -> tuple[Tensor, Tensor]:
        """Without a caption all of its tokens are padding, but for the first and the last."""
        ids = self.tokenizer(SAID.format(request.prompt.strip()), return_tensors="pt").input_ids
        begin = self.tokenizer.bos_token_id
        if begin is not None and ids[0, 0] != begin:     # which is in the tokenizer's file or only beside it
            ids = F.pad(ids, (1, 0), value=begin)
        if ids.shape[1] > LONGEST:
            raise OptionError(f"The prompt has {ids.shape[1]} tokens; this model reads at most {LONGEST}, shorten it.")
        ends = (ids == ids[:, :1]) | (ids == ids[:, -1:])
        return ids + self.count, torch.where(ends, ids, self.tokenizer.pad_token_id) + self.count

    @property
    def shape(self) -> MemoryShape:
        c = self.model.config.text_config
        return c.num_hidden_layers, 2, c.num_key_value_heads, LONGEST + self.side_of_map ** 2, c.head_dim

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        net, cache = self.model.model.language_model, Remembered(memory, slots, start, tokens.shape[1])
        words, codes = net.embed_tokens((tokens - self.count).clamp(min=0)), tokens.clamp(max=self.count - 1)
        h = torch.where((tokens < self.count)[..., None], self.model.prepare_embeddings_for_image_generation(codes), words)
        h = net(inputs_embeds=h, attention_mask=cache.mask(h.dtype), position_ids=cache.positions, cache=cache).last_hidden_state
        return self.model.model.generation_head(h[:, -1]).float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        """Pictures (B, 3, H, H) of codes (B, h, h); nothing stands for a code that is not drawn yet."""
        net = self.model.model.vqmodel
        z = F.normalize(net.quantize.embedding(x.clamp(min=0)), dim=-1)
        z = torch.where((x == UNKNOWN)[..., None], 0.0, z).movedim(3, 1)
        return net.decoder(net.post_quant_conv(z.contiguous())).float()
