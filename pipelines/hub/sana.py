"""Sana (Xie et al. 2024): a flow over latents of 32 x 32 pixels each; linear attention, captions read by a language model."""
from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.flow import DRAWING, FlowModel
from pipelines.hub.model import Size, like
from pipelines.hub.words import Reader, masked_ids
from pipelines.protocol import Cond

LENGTH = 300


class Sana(FlowModel):
    """parts: tokenizer, text_encoder, vae, transformer, scheduler."""
    info, drawing = ADAPTERS["sana"], DRAWING

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["transformer"].config.sample_size * shrink_of(parts["vae"])

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        return shrink_of(self.vae)

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        """Of a prompt, before which stands how the language model should think of it, and of a negative one if there is one.

        `places`: the states of so many tokens are shown to the network; of a long row the first and the last.
        """
        asked, *negative = (prompt.lower().strip() for prompt in prompts)
        found: list[tuple[Tensor, ...]] = []
        longest = self.longest
        ids, mask = masked_ids(self.tokenizer, [instruction() + asked], longest, padding_side="right")
        found.append((ids, mask["mask"], torch.tensor([0, *range(longest - LENGTH + 1, longest)])))
        for text in negative:
            ids, mask = masked_ids(self.tokenizer, [text], LENGTH, padding_side="right")
            found.append((*(F.pad(z, (0, longest - LENGTH)) for z in (ids, mask["mask"])), torch.arange(LENGTH)))
        rows, masks, places = zip(*found, strict=True)
        return torch.cat(rows), {"mask": torch.cat(masks), "places": torch.stack(places)}

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        before = "" if negative else instruction()
        return (Reader("Gemma", self.tokenizer, LENGTH if negative else self.longest, before),)

    @property
    def longest(self) -> int:
        """Tokens of a prompt with what stands before it."""
        return len(self.tokenizer.encode(instruction())) + LENGTH - 2

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        states = self.text_encoder(ids, attention_mask=more["mask"])[0]
        places = more["places"]
        return {"text": states.take_along_dim(places[..., None], 1).float(), "mask": more["mask"].gather(1, places)}

    def latent(self, size: Size) -> tuple[int, int, int]:
        return self.transformer.config.in_channels, size[0] // self.multiple, size[1] // self.multiple

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        net = self.transformer
        answer = net(like(net, x), encoder_hidden_states=like(net, cond["text"]), encoder_attention_mask=cond["mask"],
                     timestep=t * net.config.timestep_scale, return_dict=False)[0].float()
        return answer[:, :x.shape[1]]                    # some also answer a variance

    def embed(self, x: Tensor, cond: Cond) -> Tensor:
        return (self.vae.encode(like(self.vae, x)).latent * self.vae.config.scaling_factor).float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        return self.vae.decode(like(self.vae, x) / self.vae.config.scaling_factor, return_dict=False)[0].float()


def shrink_of(vae: Any) -> int:
    """How many pixels a latent stands for, in each direction."""
    return 2 ** (len(vae.config.encoder_block_out_channels) - 1)


@cache
def instruction() -> str:
    """What its makers tell the language model before a caption (section 3.1 of the paper), as the library has it."""
    from diffusers import SanaPipeline
    return "\n".join(inspect.signature(SanaPipeline.__call__).parameters["complex_human_instruction"].default)
