"""Lumina Image 2.0 (Qin et al. 2025): a flow over latents; one transformer reads a caption's states and the picture as one sequence."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.flow import DRAWING, FlowModel
from pipelines.hub.flux import Flux
from pipelines.hub.model import Size, like
from pipelines.hub.vae import LatentModel
from pipelines.hub.words import Reader, masked_ids
from pipelines.protocol import Cond

# What stood before every caption that it was trained with; nothing stands before a negative prompt.
BEFORE = ("You are an assistant designed to generate superior images with the superior degree of image-text alignment based on textual "
          "prompts or user prompts. <Prompt Start> ")
LENGTH = 256


class Lumina2(LatentModel, FlowModel):
    """parts: transformer, vae, text_encoder, tokenizer, scheduler."""
    info, drawing = ADAPTERS["lumina2"], DRAWING
    multiple, shrink = 16, 8                                                 # type: ignore[assignment]
    spacing = Flux.spacing
    renormed = True

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["transformer"].config.sample_size * cls.shrink

    def tokens(self, size: Size) -> int:
        return self.latent(size)[0]                      # the library counts channels where it means tokens, and so was it tuned

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        """Of a prompt, and of a negative one after it if there is one."""
        return masked_ids(self.tokenizer, [BEFORE + prompts[0], *prompts[1:]], LENGTH, padding_side="right")

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return (Reader("Gemma", self.tokenizer, LENGTH, "" if negative else BEFORE),)

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        states = self.text_encoder(ids, attention_mask=more["mask"], output_hidden_states=True).hidden_states[-2]
        return {"text": states.float(), "mask": more["mask"]}

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """The network's time goes from noise to picture, and so does its answer."""
        net = self.transformer
        return -net(hidden_states=like(net, x), timestep=1 - t / 1000, encoder_hidden_states=like(net, cond["text"]),
                    encoder_attention_mask=cond["mask"], return_dict=False)[0].float()
