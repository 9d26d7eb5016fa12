"""Stable Diffusion 1.x and 2.x (Rombach et al. 2022): a UNet over the latents of a VAE, told a caption by CLIP's states."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.model import like
from pipelines.hub.sampler import DRAWING
from pipelines.hub.vae import LatentModel, shrink_of
from pipelines.hub.words import Reader
from pipelines.protocol import Cond


class StableDiffusion(LatentModel):
    """parts: vae, text_encoder, tokenizer, unet, scheduler."""
    info, drawing = ADAPTERS["sd"], DRAWING

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["unet"].config.sample_size * shrink_of(parts["vae"])

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        return padded_ids(self.tokenizer, prompts), {}

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return (Reader("CLIP", self.tokenizer, self.tokenizer.model_max_length),)

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        return {"text": self.text_encoder(ids)[0].float()}

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.unet(like(self.unet, x), t, encoder_hidden_states=like(self.unet, cond["text"]), return_dict=False)[0].float()


def padded_ids(tokenizer: Any, prompts: Sequence[str], length: int | None = None) -> Tensor:
    """Token ids (B, L) of a fixed length, the tokenizer's own if none is given; what is beyond it is cut."""
    return tokenizer(list(prompts), padding="max_length", max_length=length or tokenizer.model_max_length, truncation=True,
                     return_tensors="pt").input_ids
