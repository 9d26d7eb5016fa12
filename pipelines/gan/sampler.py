"""Where the generator's noise comes from: a seed, a place between two seeds, two seeds mixed; cut at the truncation."""
from __future__ import annotations

import math
from dataclasses import dataclass

from pipelines.family import sampler
from pipelines.late import Tensor, torch
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.sphere import slerp
from pipelines.options import MAX_SEED, option
from pipelines.protocol import Call, Cond, NetKey, Outcome, Preview, Steps

PARTS = ("nothing", "layout", "style")


@dataclass(frozen=True)
class GeneratorOptions:
    """What the generator is given besides the caption: where its z comes from."""
    truncation: float = option(2.0, "Truncation", "Noise is held within ± this: less is safer and more alike, 4 leaves it as it is "
                               "(Brock et al. 2019, section 3.1).", symbol="ψ", low=0.1, high=4)
    interpolation: float = option(0.0, "Latent interpolation", "0 is the seed's own picture, 1 that of the second seed; between them z "
                                  "goes along the sphere.", symbol="s", low=0, high=1, in_plane=False)
    mix: str = option("nothing", "Style mixing", "What is taken from the second seed. Layout: where things begin; style: what modulates "
                      "every block (Karras et al. 2019, section 3.1).", symbol="m", choices=PARTS, in_plane=False)
    second: int = option(1, "Second seed", "Where the interpolation leads and what is mixed in.", symbol="s₂", low=0, high=MAX_SEED,
                         in_plane=False)


def truncated(z: Tensor, limit: float) -> Tensor:
    """Standard normal z as draws of the normal distribution cut at ± limit: the same quantile of the other distribution, so that a
    picture changes smoothly with the limit."""
    if limit >= 4:                                           # beyond lies one number of 16,000
        return z
    quantile = torch.special.ndtr(z.double())
    low = 0.5 * math.erfc(limit / math.sqrt(2))
    return torch.special.ndtri(low + (1 - 2 * low) * quantile).float()


def noise(options: GeneratorOptions, seeds: tuple[int, ...], latent: int, device: torch.device) -> Tensor:
    """z (B, 2, Z): layout and style of every picture."""
    z, second = (truncated(RowNoise(s, (2, latent), device).normal(), options.truncation)
                 for s in (seeds, (options.second,) * len(seeds)))
    if options.interpolation:
        z = slerp(z, second, options.interpolation)
    if options.mix == "layout":
        return torch.stack([second[:, 0], z[:, 1]], 1)
    return torch.stack([z[:, 0], second[:, 1]], 1) if options.mix == "style" else z


def as_picture(z: Tensor, side: int = 32) -> Tensor:
    """z (B, 2, Z) to look at: its numbers as gray squares, (B, 3, side, side), layout above style; 3 fills the range."""
    square = z.flatten(1).unflatten(1, (-1, 8))                                   # (B, Z / 4, 8)
    return torch.nn.functional.interpolate(square[:, None] / 3, (side, side), mode="nearest").expand(-1, 3, -1, -1)


def middle(pictures: Tensor, side: int) -> Tensor:
    """Of pictures (B, 3, H, H), (B, 3, side, side): of sets with smaller ones than the generator draws."""
    begin = (pictures.shape[-1] - side) // 2
    return pictures if not begin else pictures[..., begin:begin + side, begin:begin + side]


@sampler("generator", "Generator", "One call of the network a picture.", GeneratorOptions, lambda options: 1,
         source="Goodfellow et al. 2014", formula=r"x = G(z, c) \\ D(x, c) = d")
def generated(weights: str, z: Tensor, cond: Cond, side: int) -> Steps:
    """Pictures of z (B, 2, Z), (B, 3, side, side), with the discriminator's opinion of each."""
    (drawn,) = yield (Call(NetKey(weights, "generate"), z, None, cond),)
    pictures = middle(drawn, side)
    (scores,) = yield (Call(NetKey(weights, "judge"), pictures, None, cond),)
    yield Preview(as_picture(z), pictures, 1, 1, 1.0, 0.0, {"d": scores[:, 0]})
    return Outcome(pictures, (1,) * len(z), (None,) * len(z), captions=tuple(f"D = {score:+.2f}" for score in scores[:, 0].tolist()))
