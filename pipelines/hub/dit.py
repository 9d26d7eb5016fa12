"""DiT (Peebles & Xie 2023): a transformer over latents that is told one of ImageNet's classes."""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from pipelines.hub.about import ADAPTERS
from pipelines.hub.model import Size, like
from pipelines.hub.sampler import DRAWING
from pipelines.hub.vae import LatentModel, shrink_of
from pipelines.options import OptionError
from pipelines.protocol import Cond


class DiT(LatentModel):
    """parts: transformer, vae, scheduler; settings: id2label, {"0": "tench, Tinca tinca", ...}."""
    info, drawing = ADAPTERS["dit"], DRAWING

    @classmethod
    def side(cls, parts: Mapping[str, Any]) -> int:
        return parts["transformer"].config.sample_size * shrink_of(parts["vae"])

    def checked(self, size: Size) -> Size:
        """Only its own size: the positions of its patches are learnt."""
        if {*size} - {0, self.size}:
            raise OptionError(f"This model draws pictures of {self.size} by {self.size} pixels only; leave width and height at 0.")
        return self.size, self.size

    @cached_property
    def labels(self) -> dict[str, int]:
        """Every name of a class in lower case -> its number."""
        return {name.strip().lower(): int(k) for k, names in self.settings.get("id2label", {}).items() for name in names.split(",")}

    def words(self, prompts: Sequence[str]) -> tuple[Tensor, Cond]:
        """Labels (B, 1); no words in place of a second prompt, the negative one, are the class that stands for none."""
        null = self.transformer.config.num_embeds_ada_norm
        found = [null if k and not prompt else self.label(prompt) for k, prompt in enumerate(prompts)]
        return torch.tensor(found)[:, None], {}

    def label(self, prompt: str) -> int:
        """The number of a class from its number or one of its names. Raises OptionError."""
        text, count = prompt.strip().lower(), self.transformer.config.num_embeds_ada_norm
        if text.isdecimal() and int(text) < count:
            return int(text)
        if text in self.labels:
            return self.labels[text]
        near = get_close_matches(text, self.labels, 3, 0.5)
        hint = f", for example {' or '.join(near)}" if near else ""
        raise OptionError(f"This model knows {count:,} classes of pictures and no sentences, and {prompt.strip()!r} is none of them; write "
                          f"a number from 0 to {count - 1} or the name of an ImageNet class{hint}.")

    def encode(self, ids: Tensor, more: Cond) -> dict[str, Tensor]:
        return {"label": ids.float()}                   # (B, 1)

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        """eps alone; the second half of its channels are a learnt variance, which the samplers here do not use."""
        answer = self.transformer(like(self.transformer, x), timestep=t, class_labels=cond["label"][:, 0].long(), return_dict=False)[0]
        return answer[:, :x.shape[1]].float()

    def decode(self, x: Tensor, cond: Cond) -> Tensor:
        z = 1 / self.vae.config.scaling_factor * x       # rounded as in the library's pipeline, where all others divide
        return self.vae.decode(like(self.vae, z), return_dict=False)[0].float()
