"""Draw the picture's tokens after the caption's; draw several pictures and keep the one that fits the caption best."""
from __future__ import annotations

import torch
from torch import Tensor

from pipelines.autoregressive import continued
from pipelines.codemap import CodeMap, raster
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Call, NetKey, Outcome, Steps
from pipelines.request import MAX_SEED

STRIDE = 1_000_003                 # between the seeds of a picture's candidates; the first candidate has the picture's own


def seeds_of(seeds: tuple[int, ...], candidates: int) -> tuple[int, ...]:
    """The seeds of all candidates, those of a picture beside each other."""
    return tuple((seed + k * STRIDE) % (MAX_SEED + 1) for seed in seeds for k in range(candidates))


def completed(weights: str, words: Tensor, null: Tensor, scale: float, given: Tensor, codes: CodeMap, noise: RowNoise,
              options: object) -> Steps:
    """Pictures (B, 3, H, H) for words (B, L), which begin with the codes given (B, m)."""
    tokens = yield from continued(NetKey(weights, "read"), words, null, scale, given, codes.side ** 2, noise, options,
                                  raster(codes, given))
    return (yield from codes.decoded(tokens))


def best(weights: str, pictures: Tensor, captions: Tensor, candidates: int, nfe: int) -> Steps:
    """Of each `candidates` neighbouring pictures the one that the scorer finds fits its caption best (Ramesh et al. 2021, section
    2.6); nfe: network calls that a candidate took."""
    (scores,) = yield (Call(NetKey(weights, "score"), pictures, None, {"tokens": captions}),)
    groups = scores[:, 0].unflatten(0, (-1, candidates))
    chosen = pictures.unflatten(0, (-1, candidates))[torch.arange(len(groups), device=pictures.device), groups.argmax(1)]
    notes = tuple(f"The best of {candidates}: the scorer gives it {row.max():.2f}, the others {row.min():.2f} at least."
                  for row in groups)
    return Outcome(chosen, (nfe * candidates,) * len(groups), notes)
