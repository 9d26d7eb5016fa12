"""Z-Image (Tongyi Lab 2025): a flow over latents; one transformer reads a caption's states and the picture as one sequence."""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.flow import DRAWING, FlowModel
from pipelines.hub.flux import Flux
from pipelines.hub.model import like
from pipelines.hub.vae import LatentModel
from pipelines.hub.words import Reader, masked_ids
from pipelines.protocol import Cond

SAID = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"           # a caption as the chat template of its Qwen3 writes it
LENGTH = 512


class ZImage(LatentModel, FlowModel):
    """parts: tokenizer, text_encoder, vae, transformer, scheduler.

    Its makers count guidance from 0: what they call 4 is 5 here, and their 0 is 1.
    """
    info, drawing = ADAPTERS["zimage"], DRAWING
    spacing, side, multiple = Flux.spacing, Flux.side, Flux.multiple

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        return masked_ids(self.tokenizer, [SAID.format(prompt) for prompt in prompts], LENGTH)

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return (Reader("Qwen", self.tokenizer, LENGTH, SAID.partition("{}")[0]),)

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        states = self.text_encoder(input_ids=ids, attention_mask=more["mask"].bool(), output_hidden_states=True).hidden_states[-2]
        return {"text": states.float(), "mask": more["mask"]}

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """The network's time goes from noise to picture, and so does its answer. It takes each row's caption at its own length."""
        net = self.transformer
        captions = [row[known] for row, known in zip(like(net, cond["text"]), cond["mask"].bool(), strict=True)]
        answer = net(list(like(net, x)[:, :, None].unbind()), (1000 - t) / 1000, captions, return_dict=False)[0]
        return -torch.stack([row.float() for row in answer]).squeeze(2)
