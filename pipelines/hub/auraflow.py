"""AuraFlow (Fal 2024): a flow over latents; a transformer that reads the states of one text encoder, T5."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.flow import DRAWING, FlowModel
from pipelines.hub.model import like
from pipelines.hub.vae import LatentModel, shrink_of
from pipelines.hub.words import Reader, masked_ids
from pipelines.protocol import Cond

LENGTH = 256


class AuraFlow(LatentModel, FlowModel):
    """parts: tokenizer, text_encoder, vae, transformer, scheduler."""
    info, drawing = ADAPTERS["auraflow"], DRAWING

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["transformer"].config.sample_size * shrink_of(parts["vae"])

    @property
    def multiple(self) -> int:                                               # type: ignore[override]
        return 2 * self.shrink

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        return masked_ids(self.tokenizer, prompts, LENGTH)

    def readers(self, negative: bool) -> tuple[Reader, ...]:
        return (Reader("T5", self.tokenizer, LENGTH),)

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        text = self.text_encoder(ids, attention_mask=more["mask"])[0]
        return {"text": (text * more["mask"][..., None]).float()}

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        net = self.transformer
        return net(like(net, x), encoder_hidden_states=like(net, cond["text"]), timestep=t / 1000, return_dict=False)[0].float()
