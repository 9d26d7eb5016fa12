"""Stable Diffusion XL (Podell et al. 2023): two text encoders side by side, and the pooled text and the sizes as further conditions."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.model import Size, like
from pipelines.hub.sd import StableDiffusion, padded_ids
from pipelines.hub.words import Reader
from pipelines.protocol import Cond
from pipelines.request import Request


class StableDiffusionXL(StableDiffusion):
    """parts: vae, text_encoder, text_encoder_2, tokenizer, tokenizer_2, unet, scheduler."""
    info = ADAPTERS["sdxl"]

    def __init__(self, parts: dict[str, Any], size: int) -> None:
        super().__init__(parts, size)
        if self.vae.dtype == torch.float16 and self.vae.config.get("force_upcast"):
            self.vae.float()                             # its activations leave the range of fp16

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        return padded_ids(self.tokenizer, prompts), {"ids_2": padded_ids(self.tokenizer_2, prompts)}

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return *super().readers(negative), Reader("the second CLIP", self.tokenizer_2, self.tokenizer_2.model_max_length)

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        one = self.text_encoder(ids, output_hidden_states=True)
        two = self.text_encoder_2(more["ids_2"], output_hidden_states=True)
        return {"text": torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1).float(), "pooled": two[0].float()}

    def condition(self, states: Cond, request: Request, size: Size, negative: bool) -> dict[str, Tensor]:
        """An absent negative prompt is zeros in the models that were trained so, and not the states of an empty caption."""
        zeros = negative and not request.negative_prompt and self.settings.get("force_zeros_for_empty_prompt", True)
        found = {name: torch.zeros_like(z) if zeros else z for name, z in states.items()}
        sizes = torch.tensor([[*size, 0, 0, *size]], dtype=torch.float32, device=states["text"].device)
        return found | {"sizes": sizes}                  # of the picture that was cropped, where, and of the crop

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        added = {"text_embeds": like(self.unet, cond["pooled"]), "time_ids": cond["sizes"]}
        return self.unet(like(self.unet, x), t, encoder_hidden_states=like(self.unet, cond["text"]), added_cond_kwargs=added,
                         return_dict=False)[0].float()
