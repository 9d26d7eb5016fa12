"""A model that fills a GPU or does not fit it as a whole: its parts take turns there."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from pipelines.hub.model import HubModel

# What a method needs of the parts that stand in a class list, by the beginnings of their names; all else waits in the machine's memory.
NEEDS = {"encode": ("text_encoder",), "predict": ("unet", "transformer"), "logits": ("transformer",), "decode": ("vae", "vqvae"),
         "embed": ("vae", "vqvae")}
ALL = ("",)                        # what other methods need: those of models that are one network


def parts_of(net: HubModel) -> dict[str, nn.Module]:
    return dict(net.named_children())


def held_bytes(*parts: nn.Module) -> int:
    """What the weights of parts hold."""
    return sum(z.nbytes for part in parts for z in (*part.parameters(), *part.buffers()))


def too_large(net: HubModel, room: float) -> set[str]:
    """The parts that one method needs together and that do not fit into so many bytes."""
    found: set[str] = set()
    for method in net.drawing.methods:
        together = {name: part for name, part in parts_of(net).items() if name.startswith(NEEDS.get(method, ALL))}
        if held_bytes(*together.values()) > room:
            found |= set(together)
    return found


class Turns:
    """The methods of a model whose parts share a device: a call first brings the parts that it needs there, and takes others away.

    note: a sentence that says so.
    """

    def __init__(self, net: HubModel, device: torch.device, leaves: tuple[str, ...], note: str, layered: set[str] | None = None) -> None:
        """leaves: beginnings of the names of the parts that leave the device when they are not needed; layered: parts that never come
        there as a whole."""
        self.net, self.device, self.leaves, self.note, self.layered = net, device, leaves, note, layered or set[str]()
        self._there: tuple[str, ...] = ()

    def __getattr__(self, method: str) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self._bring(NEEDS.get(method, ALL))
            return getattr(self.net, method)(*arguments)
        return call

    def _bring(self, needed: tuple[str, ...]) -> None:
        if needed == self._there:
            return
        moved = {name: part for name, part in parts_of(self.net).items() if name not in self.layered}
        for name, part in moved.items():
            if name.startswith(self.leaves) and not name.startswith(needed):
                part.to("cpu")
        for name, part in moved.items():
            if name.startswith(needed):
                part.to(self.device)
        self._there = needed


def in_turns(net: HubModel, device: torch.device, room: float) -> Turns:
    """For a model that lies in the machine's memory since a device has room for so many bytes of weights: all parts take turns there.
    Those that are larger come a layer at a time, by the library's group offloading, and pictures are decoded in tiles, so that the
    decoder needs little memory beside its weights."""
    from diffusers.hooks import apply_group_offloading
    layered = too_large(net, room)
    for name, part in parts_of(net).items():
        tile = getattr(part, "enable_tiling", None)
        if tile is not None:
            tile()
        if name in layered:
            apply_group_offloading(part, device, offload_type="leaf_level", use_stream=device.type == "cuda")
    slower = f" A layer at a time, which is slower still: {', '.join(sorted(layered))}." if layered else ""
    return Turns(net, device, ALL, "The model does not fit the GPU's memory as a whole: its parts take turns there, which is slower, and "
                 f"pictures are decoded in tiles.{slower}", layered)


def without_encoders(net: HubModel, device: torch.device) -> Turns | None:
    """For a model that fits the device, but leaves little room there: its text encoders leave once prompts are read. None for one
    that has none."""
    if not any(name.startswith(NEEDS["encode"]) for name in parts_of(net)):
        return None
    return Turns(net, device, NEEDS["encode"], "The model fills much of the GPU's memory, so its text encoders leave it once prompts are "
                 "read.")
