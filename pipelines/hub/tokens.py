"""How a pretrained model draws that knows pictures as tokens, one after the other: the families' own loop over its network."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.family import GenerativeModel
from pipelines.hub.model import HubModel, Size
from pipelines.nets.codes import UNKNOWN
from pipelines.numerics.rng import RowNoise
from pipelines.options import OptionError
from pipelines.protocol import Call, Cond, MemoryShape, NetKey, Outcome, Sampler, Steps
from pipelines.request import Request
from pipelines.tokens.codemap import CodeMap, raster
from pipelines.tokens.sampling import Drawn, continued


class TokenModel(HubModel):
    """Base of the adapters that draw a map of codes in raster order.

    A token that `read` takes is a code, or from `count` on what else there is: words, the beginning of a picture.
    """
    count: int                     # K, how many codes there are
    side_of_map: int               # of a picture of the model's own size

    def prompts(self, request: Request, side: int) -> tuple[Tensor, Tensor]:
        """Tokens (1, n) and (1, m) that those of a map of side x side codes follow, with the prompt and without it. Raises OptionError."""
        raise NotImplementedError

    def grid(self, size: Size) -> int:
        """Side of the map of codes of a picture. Raises OptionError for one that the model does not draw."""
        if any(side not in (0, self.size) for side in size):
            raise OptionError(f"This model draws pictures of {self.size} by {self.size} pixels; leave width and height at 0.")
        return self.side_of_map

    def canvas(self, side: int) -> Tensor:
        """The picture's tokens (L,) as far as they stand fixed, `UNKNOWN` where a code is to be drawn."""
        return torch.full((side ** 2,), UNKNOWN)

    @property
    def shape(self) -> MemoryShape:
        """Of what `read` remembers of a row."""
        raise NotImplementedError

    def read(self, tokens: Tensor, start: Tensor, cond: Cond, slots: Tensor, memory: Tensor) -> Tensor:
        """Logits (B, K) of the code after tokens (B, n) that stand at start (B,); earlier ones are remembered."""
        raise NotImplementedError


def start(request: Request, weights: str, net: TokenModel, device: torch.device, previews: bool = True) -> Sampler:
    """The sampler of a request: the prompt's tokens, the picture's, the decoder."""
    side = net.grid((request.height, request.width))
    prompts = net.prompts(request, side)
    longest = max(prompt.shape[1] for prompt in prompts)
    skipped = [longest - prompt.shape[1] for prompt in prompts]
    prompt, null = (F.pad(z, (skip, 0)).to(device).expand(request.count, -1) for z, skip in zip(prompts, skipped, strict=True))
    canvas = net.canvas(side).to(device)
    drawn = canvas == UNKNOWN
    shown = CodeMap(NetKey(weights, "decode"), side, net.count, previews)
    preview = raster(shown, request.options)

    def at_code(found: Drawn) -> Iterator[Any]:
        yield from preview(replace(found, index=int(drawn[:found.index].sum()), tokens=found.tokens[:, drawn]))

    rule = partial(request.spec, options=request.options)
    scale, noise = request.guidance_scale if net.info.guided else 1.0, RowNoise(request.seeds, (1,), device)
    tokens = yield from apart(continued(NetKey(weights, "read"), prompt, null, scale, canvas.expand(request.count, -1), noise,
                                        rule, at_code), skipped if scale else skipped[1:])
    codes = tokens[:, drawn]
    return Outcome((yield from shown.decoded(codes)), (codes.shape[1],) * len(codes), (None,) * len(codes), codes)


def apart(steps: Steps, skipped: list[int]) -> Steps:
    """The same, for prompts of different lengths that were made equal by so many tokens in front, which are not read."""
    answer = None
    while True:
        try:
            yielded = steps.send(answer)
        except StopIteration as stop:
            return stop.value
        if isinstance(yielded, tuple) and yielded[0].cache is not None:
            yielded = tuple(_moved(call, skip) for call, skip in zip(yielded, skipped, strict=False))
        answer = yield yielded


def _moved(call: Call, skip: int) -> Call:
    assert call.t is not None
    return replace(call, t=call.t - skip) if call.t[0] else replace(call, x=call.x[:, skip:])


DRAWING = GenerativeModel(start=start, previews_cost=True, methods=("read", "decode"), memory=lambda net: {"read": net.shape})
