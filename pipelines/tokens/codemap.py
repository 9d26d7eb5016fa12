"""Maps of codes on their way to a picture: what the families that draw codes show and decode alike."""
from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pipelines.data.batches import Batch, batches
from pipelines.data.contract import DataSet
from pipelines.metrics.distance import psnr
from pipelines.nets.codes import UNKNOWN
from pipelines.nets.quantizer import usage
from pipelines.protocol import Call, NetKey, Preview, Steps
from pipelines.tokens.sampling import Drawn, PreviewFn


@cache
def palette(count: int) -> Tensor:
    """(count + 1, 3) colours in [-1, 1], far apart for neighbouring numbers; the last, gray, for a code not drawn yet."""
    golden = 0.61803398875
    colours = [colorsys.hsv_to_rgb(k * golden % 1, 0.45 + 0.5 * (k % 3) / 2, 0.6 + 0.4 * (k % 2)) for k in range(count)]
    return torch.tensor([*colours, (0.5, 0.5, 0.5)]) * 2 - 1


def colours(codes: Tensor, count: int, factor: int = 4) -> Tensor:
    """Codes (B, h, w) as squares of colour, (B, 3, factor h, factor w) in [-1, 1]."""
    shown = palette(count).to(codes.device)[torch.where(codes == UNKNOWN, count, codes)].movedim(-1, 1)
    return shown.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


@dataclass(frozen=True)
class CodeMap:
    """Where codes are decoded, their map's side, how many there are, and whether anyone looks before it is complete; then the first
    of every so many rows is shown, which are candidates for one picture."""
    decode: NetKey
    side: int
    count: int
    previews: bool
    every: int = 1

    def decoded(self, tokens: Tensor) -> Steps:
        """The pictures (B, 3, H, H) of tokens (B, side^2), some of them perhaps `UNKNOWN`."""
        (picture,) = yield (Call(self.decode, self.map(tokens), None, {}),)
        return picture

    def map(self, tokens: Tensor) -> Tensor:
        return tokens.unflatten(1, (self.side, self.side))


def raster(codes: CodeMap, options: Any) -> PreviewFn:
    """Shows the map each time the last code of a row is drawn: as colours, and decoded."""
    numbers = {"\\tau": options.temperature} if hasattr(options, "temperature") else {}

    def preview(drawn: Drawn) -> Iterator[Any]:
        done = drawn.index + 1
        if not codes.previews or done % codes.side:
            return
        tokens = drawn.tokens[::codes.every].clone()   # which go on to change
        picture = yield from codes.decoded(tokens)
        total = codes.side ** 2
        yield Preview(colours(codes.map(tokens), codes.count), picture, done, total, done / total, 0.0,
                      {"z_i": drawn.token[::codes.every].float(), "p_i": drawn.p[::codes.every], **numbers})
    return preview


def figures_of(autoencoder: Any, data: DataSet, size: int, log_likelihood: Callable[[Tensor, Batch], Tensor]) -> dict[str, float]:
    """PSNR in dB, share and perplexity of the codes, bits a code and its standard error, all of 256 test pictures of a data set."""
    batch = next(batches(data, "test", 0, size, 256)).to(next(autoencoder.parameters()).device)
    with torch.inference_mode():
        codes = autoencoder.codes(batch.x0)
        back = autoencoder.decode(codes).clamp(-1, 1)
        bits = -log_likelihood(codes, batch) / (math.log(2) * codes[0].numel())
    share, perplexity = usage(codes, autoencoder.size)
    return {"psnr": psnr(back, batch.x0).mean().item(), "codes_used": share, "perplexity": perplexity, "bits_per_code": float(bits.mean()),
            "bits_per_code_se": float(bits.std() / math.sqrt(len(bits)))}
