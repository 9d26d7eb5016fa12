"""A model that does not fit a GPU as a whole: its parts take turns there."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pipelines.hub.model import HubModel

# What a method needs of the parts that stand in a class list, by the beginnings of their names; all else waits in the machine's memory.
NEEDS = {"encode": ("text_encoder",), "predict": ("unet", "transformer"), "decode": ("vae", "vqvae"), "embed": ("vae", "vqvae")}


def parts_of(net: HubModel) -> dict[str, nn.Module]:
    return dict(net.named_children())


def too_large(net: HubModel, room: float) -> set[str]:
    """The parts that one method needs together and that do not fit into so many bytes."""
    found: set[str] = set()
    for needed in NEEDS.values():
        together = {name: part for name, part in parts_of(net).items() if name.startswith(needed)}
        if sum(z.nbytes for part in together.values() for z in (*part.parameters(), *part.buffers())) > room:
            found |= set(together)
    return found


class Turns:
    """The methods of a model that lies in the machine's memory: a call first brings the parts that it needs to the device, and takes
    the others away. Pictures are decoded in tiles, so that the decoder needs little memory beside its weights.

    room: bytes of the device for weights; parts that are larger come there a layer at a time, by the library's group offloading.
    note: a sentence that says so.
    """

    def __init__(self, net: HubModel, device: torch.device, room: float) -> None:
        from diffusers.hooks import apply_group_offloading
        self.net, self.device, self.layered = net, device, too_large(net, room)
        self._there: tuple[str, ...] = ()
        self.note = ("The model does not fit the GPU's memory as a whole: its parts take turns there, which is slower, and pictures are "
                     "decoded in tiles.")
        if self.layered:
            self.note += f" A layer at a time, which is slower still: {', '.join(sorted(self.layered))}."
        for name, part in parts_of(net).items():
            tile = getattr(part, "enable_tiling", None)
            if tile is not None:
                tile()
            if name in self.layered:
                apply_group_offloading(part, device, offload_type="leaf_level", use_stream=device.type == "cuda")

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._bring(NEEDS[method])
            return getattr(self.net, method)(*arguments)
        return call

    def _bring(self, needed: tuple[str, ...]) -> None:
        if needed == self._there:
            return
        moved = {name: part for name, part in parts_of(self.net).items() if name not in self.layered}
        for name, part in moved.items():
            if not name.startswith(needed):
                part.to("cpu")
        for name, part in moved.items():
            if name.startswith(needed):
                part.to(self.device)
        self._there = needed
