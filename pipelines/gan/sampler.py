"""Where the generator's noise comes from: a seed, a place between two seeds, two seeds mixed; cut at the truncation."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.gan.options import GeneratorOptions
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Call, Cond, NetKey, Outcome, Preview, Steps


def truncated(z: Tensor, limit: float) -> Tensor:
    """Standard normal z as draws of the normal distribution cut at ± limit: the same quantile of the other distribution, so that a
    picture changes smoothly with the limit."""
    if limit >= 4:                                           # beyond lies one number of 16,000
        return z
    quantile = torch.special.ndtr(z.double())
    low = 0.5 * math.erfc(limit / math.sqrt(2))
    return torch.special.ndtri(low + (1 - 2 * low) * quantile).float()


def slerp(a: Tensor, b: Tensor, s: float) -> Tensor:
    """The point at s in [0, 1] on the arc from a to b, (B, ..., Z) (Shoemake 1985); lengths go along evenly."""
    cosine = (a * b).sum(-1, keepdim=True) / (a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True))
    angle = cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()
    return ((1 - s) * angle).sin() / angle.sin() * a + (s * angle).sin() / angle.sin() * b


def noise(options: GeneratorOptions, seeds: tuple[int, ...], latent: int, device: torch.device) -> Tensor:
    """z (B, 2, Z): layout and style of every picture."""
    z, second = (truncated(RowNoise(s, (2, latent), device).normal(), options.truncation)
                 for s in (seeds, (options.second,) * len(seeds)))
    if options.walk:
        z = slerp(z, second, options.walk)
    if options.mix == "layout":
        return torch.stack([second[:, 0], z[:, 1]], 1)
    return torch.stack([z[:, 0], second[:, 1]], 1) if options.mix == "style" else z


def as_picture(z: Tensor, side: int = 32) -> Tensor:
    """z (B, 2, Z) to look at: its numbers as gray squares, (B, 3, side, side), layout above style; 3 fills the range."""
    square = z.flatten(1).unflatten(1, (-1, 8))                                   # (B, Z / 4, 8)
    return F.interpolate(square[:, None] / 3, (side, side), mode="nearest").expand(-1, 3, -1, -1)


def generated(weights: str, z: Tensor, cond: Cond) -> Steps:
    """Pictures of z (B, 2, Z), with the discriminator's opinion of each."""
    (pictures,) = yield (Call(NetKey(weights, "generate"), z, None, cond),)
    (scores,) = yield (Call(NetKey(weights, "judge"), pictures, None, cond),)
    yield Preview(as_picture(z), pictures, 1, 1, 1.0, 0.0, {"d": scores[:, 0]})
    return Outcome(pictures, (1,) * len(z), (None,) * len(z), captions=tuple(f"D = {score:+.2f}" for score in scores[:, 0].tolist()))
