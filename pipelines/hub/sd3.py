"""Stable Diffusion 3 (Esser et al. 2024): a flow over latents; a transformer that reads two CLIP encoders and, if there is one, T5."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.flow import DRAWING, FlowModel
from pipelines.hub.model import like
from pipelines.hub.sd import padded_ids
from pipelines.hub.vae import LatentModel, shrink_of
from pipelines.hub.words import Reader
from pipelines.protocol import Cond

T5_LENGTH = 256


class StableDiffusion3(LatentModel, FlowModel):
    """parts: transformer, vae, text_encoder, _2, _3, tokenizer, _2, _3, scheduler; those numbered 3 may be missing."""
    info, drawing = ADAPTERS["sd3"], DRAWING

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["transformer"].config.sample_size * shrink_of(parts["vae"])

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        return self.shrink * self.transformer.config.patch_size

    @property
    def reads_t5(self) -> bool:
        return "text_encoder_3" in self._modules

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        more = {"ids_2": padded_ids(self.tokenizer_2, prompts, self.tokenizer.model_max_length)}
        if self.reads_t5:
            more["ids_3"] = padded_ids(self.tokenizer_3, prompts, T5_LENGTH)
        return padded_ids(self.tokenizer, prompts), more

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        length = self.tokenizer.model_max_length
        t5 = (Reader("T5", self.tokenizer_3, T5_LENGTH),) if self.reads_t5 else ()
        return Reader("CLIP", self.tokenizer, length), Reader("the second CLIP", self.tokenizer_2, length), *t5

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        one = self.text_encoder(ids, output_hidden_states=True)
        two = self.text_encoder_2(more["ids_2"], output_hidden_states=True)
        clip = torch.cat([one.hidden_states[-2], two.hidden_states[-2]], dim=-1)
        width = self.transformer.config.joint_attention_dim
        t5 = self.text_encoder_3(more["ids_3"])[0] if self.reads_t5 else clip.new_zeros(len(ids), T5_LENGTH, width)
        text = torch.cat([torch.nn.functional.pad(clip, (0, width - clip.shape[-1])), t5], dim=1)      # (B, 77 + 256, width)
        return {"text": text.float(), "pooled": torch.cat([one[0], two[0]], dim=-1).float()}

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        net = self.transformer
        return net(hidden_states=like(net, x), timestep=t, encoder_hidden_states=like(net, cond["text"]),
                   pooled_projections=like(net, cond["pooled"]), return_dict=False)[0].float()
