"""FLUX.1 (Black Forest Labs 2024): a flow over latents in packs of 2 x 2; T5's states, CLIP's pooled ones, guidance as an input."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.flow import DRAWING, FlowModel
from pipelines.hub.model import Size, like
from pipelines.hub.sd import padded_ids
from pipelines.hub.vae import LatentModel, shrink_of
from pipelines.hub.words import Reader
from pipelines.protocol import Cond
from pipelines.request import Request

T5_LENGTH = 512


class Flux(LatentModel, FlowModel):
    """parts: transformer, vae, text_encoder, text_encoder_2, tokenizer, tokenizer_2, scheduler."""
    info, drawing = ADAPTERS["flux"], DRAWING

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return 128 * shrink_of(parts["vae"])             # no configuration says it

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        return 2 * self.shrink

    def spacing(self, steps: int, size: Size) -> dict[str, Any]:
        """sigma from 1 to 1 / N, before the shift."""
        return {"sigmas": np.linspace(1.0, 1 / steps, steps)} | self.shift(size)

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        return padded_ids(self.tokenizer, prompts), {"ids_2": padded_ids(self.tokenizer_2, prompts, T5_LENGTH)}

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return Reader("CLIP", self.tokenizer, self.tokenizer.model_max_length), Reader("T5", self.tokenizer_2, T5_LENGTH)

    def idle(self, request: Request) -> dict[str, str]:
        told = self.transformer.config.guidance_embeds
        return {} if told else {"guidance_scale": "these weights were distilled to do without guidance"}

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        return {"text": self.text_encoder_2(more["ids_2"])[0].float(), "pooled": self.text_encoder(ids).pooler_output.float()}

    def condition(self, states: Cond, request: Request, size: Size, negative: bool) -> dict[str, Tensor]:
        if not self.transformer.config.guidance_embeds:
            return dict(states)
        return {**states, "guidance": torch.full((1,), request.guidance_scale, device=states["text"].device)}

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        net, (_, _, height, width) = self.transformer, x.shape
        places = torch.zeros(height // 2, width // 2, 3, device=x.device)
        places[..., 1] += torch.arange(height // 2, device=x.device)[:, None]
        places[..., 2] += torch.arange(width // 2, device=x.device)[None, :]
        answer = net(hidden_states=like(net, packed(x)), timestep=t / 1000, guidance=cond.get("guidance"),
                     pooled_projections=like(net, cond["pooled"]), encoder_hidden_states=like(net, cond["text"]),
                     txt_ids=like(net, torch.zeros(cond["text"].shape[1], 3, device=x.device)), img_ids=like(net, places.flatten(0, 1)),
                     return_dict=False)[0]
        return unpacked(answer.float(), height, width)


def packed(x: Tensor) -> Tensor:
    """Latents (B, C, h, w) as tokens (B, h w / 4, 4 C), each a square of 2 x 2."""
    return x.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def unpacked(tokens: Tensor, height: int, width: int) -> Tensor:
    """The inverse of `packed`: latents (B, C, height, width)."""
    z = tokens.unflatten(1, (height // 2, width // 2)).unflatten(3, (-1, 2, 2))
    return z.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)
