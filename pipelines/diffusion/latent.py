"""Diffusion in the latents of an autoencoder (Rombach et al. 2022): the same samplers, and a decoder at the end."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pipelines.protocol import Call, NetKey, Preview, Sampler

# Four channels as colours: any fixed map would do, this one keeps them apart.
_COLOURS = torch.tensor([[0.45, 0.15, 0.15], [0.15, 0.45, 0.15], [0.15, 0.15, 0.45], [-0.25, -0.25, 0.25]])


def colours(z: Tensor) -> Tensor:
    """Latents (B, 4, h, w) as colours (B, 3, h, w), to look at."""
    return torch.einsum("bchw,cd->bdhw", z.float(), _COLOURS.to(z.device))


def decoded(sampler: Sampler, decode: NetKey, previews: bool = True) -> Sampler:
    """The sampler with its result decoded; its previews show x_t as colours and the estimate as a picture.

    previews: whether anyone looks at them; a decoder costs nearly as much as a step, so previews are left out if not.
    """
    answer: Any = None
    while True:
        try:
            yielded = sampler.send(answer)
        except StopIteration as stop:
            (picture,) = yield (Call(decode, stop.value, None, {}),)
            return picture
        if isinstance(yielded, Preview):
            if not previews:
                answer = None
                continue
            (picture,) = yield (Call(decode, yielded.x0, None, {}),)
            yielded = replace(yielded, x_t=colours(yielded.x_t), x0=picture)
        answer = yield yielded
