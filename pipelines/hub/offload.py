"""A model that does not fit a GPU as a whole: its parts take turns there."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pipelines.hub.model import HubModel

# What a method needs of the parts that stand in a class list, by the beginnings of their names; all else waits in the machine's memory.
NEEDS = {"encode": ("text_encoder",), "predict": ("unet", "transformer"), "decode": ("vae", "vqvae"), "embed": ("vae", "vqvae")}


NOTE = ("The model does not fit the GPU's memory as a whole: its parts take turns there, which is slower, and pictures are decoded "
        "in tiles.")


def parts_of(net: HubModel) -> dict[str, nn.Module]:
    return dict(net.named_children())


def largest(net: HubModel) -> int:
    """Bytes of the parts that have to be on the device together, at most."""
    return max(sum(z.nbytes for name, part in parts_of(net).items() if name.startswith(needed)
                   for z in (*part.parameters(), *part.buffers())) for needed in NEEDS.values())


class Turns:
    """The methods of a model that lies in the machine's memory: a call first brings the parts that it needs to the device, and takes
    the others away. Pictures are decoded in tiles, so that the decoder needs little memory beside its weights."""

    def __init__(self, net: HubModel, device: torch.device) -> None:
        self.net, self.device = net, device
        self._there: tuple[str, ...] = ()
        for part in parts_of(net).values():
            tile = getattr(part, "enable_tiling", None)
            if tile is not None:
                tile()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._bring(NEEDS[method])
            return getattr(self.net, method)(*arguments)
        return call

    def _bring(self, needed: tuple[str, ...]) -> None:
        if needed == self._there:
            return
        for name, part in parts_of(self.net).items():
            if not name.startswith(needed):
                part.to("cpu")
        for name, part in parts_of(self.net).items():
            if name.startswith(needed):
                part.to(self.device)
        self._there = needed
