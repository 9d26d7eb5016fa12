"""aMUSEd (Patil et al. 2024): a transformer fills in the hidden codes of a picture, all at once and again and again."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.masked import DRAWING
from pipelines.hub.model import HubModel, Size, like
from pipelines.hub.sd import padded_ids
from pipelines.hub.vae import shrink_of
from pipelines.hub.words import Reader
from pipelines.protocol import Cond
from pipelines.request import Request

AESTHETIC = 6.0                    # the score of how good a picture looks that is asked for


class Amused(HubModel):
    """parts: vqvae, tokenizer, text_encoder, transformer, scheduler (which says what hides a code, and how fast that ends)."""
    info, drawing = ADAPTERS["amused"], DRAWING

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        super().__init__(parts, size)
        self.multiple = shrink_of(self.vqvae)
        if self.vqvae.config.force_upcast:               # half precision overflows in its decoder
            self.vqvae.float()

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["transformer"].config.sample_size * shrink_of(parts["vqvae"])

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        return padded_ids(self.tokenizer, prompts), {}

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return (Reader("CLIP", self.tokenizer, self.tokenizer.model_max_length),)

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        found = self.text_encoder(ids, output_hidden_states=True)
        return {"text": found.hidden_states[-2].float(), "pooled": found.text_embeds.float()}

    def condition(self, states: Cond, request: Request, size: Size, negative: bool) -> dict[str, Tensor]:
        """The size is told with the width first, as its makers did."""
        told = torch.tensor([[size[1], size[0], 0, 0, AESTHETIC]], device=states["text"].device)
        return {**states, "told": told}

    def latent(self, size: Size) -> tuple[int, int, int]:
        """(K, h, w): a map of one of K codes."""
        return self.transformer.config.codebook_size, size[0] // self.multiple, size[1] // self.multiple

    def logits(self, codes: Tensor, cond: Cond) -> Tensor:
        """What each code may be, (B, K, h, w), for codes (B, h, w), some of them hidden."""
        net = self.transformer
        return net(codes, encoder_hidden_states=like(net, cond["text"]), pooled_text_emb=like(net, cond["pooled"]),
                   micro_conds=like(net, cond["told"])).float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        """Pictures of codes (B, h, w) none of which is hidden."""
        shape = (*x.shape, self.vqvae.config.latent_channels)
        return self.vqvae.decode(x, force_not_quantize=True, shape=shape).sample.float() * 2 - 1
