"""Draw the picture's tokens after the caption's; draw several pictures and keep the one that fits the caption best."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipelines.nets.codes import UNKNOWN
from pipelines.numerics.rng import RowNoise
from pipelines.options import MAX_SEED
from pipelines.protocol import Call, NetKey, Outcome, Steps
from pipelines.tokens.codemap import CodeMap, raster
from pipelines.tokens.samplers import Rule
from pipelines.tokens.sampling import continued

STRIDE = 1_000_003                 # between the seeds of a picture's candidates; the first candidate has the picture's own


def seeds_of(seeds: tuple[int, ...], candidates: int) -> tuple[int, ...]:
    """The seeds of all candidates, those of a picture beside each other."""
    return tuple((seed + k * STRIDE) % (MAX_SEED + 1) for seed in seeds for k in range(candidates))


def completed(weights: str, words: Tensor, null: Tensor, scale: float, given: Tensor, codes: CodeMap, noise: RowNoise, rule: Rule,
              options: Any) -> Steps:
    """Pictures (B, 3, H, H) for words (B, L), of which the codes given (B, L) stay, in an `Outcome`."""
    tokens = yield from continued(NetKey(weights, "read"), words, null, scale, given, noise, rule, raster(codes, options))
    pictures = yield from codes.decoded(tokens)
    return Outcome(pictures, (int((given[0] == UNKNOWN).sum()),) * len(tokens), (None,) * len(tokens), tokens)


def best(weights: str, drawn: Outcome, prompts: Tensor, candidates: int) -> Steps:
    """Of each `candidates` neighbouring pictures the one that the scorer finds fits its caption best (Ramesh et al. 2021, section
    2.6); prompts (B, L)."""
    (scores,) = yield (Call(NetKey(weights, "score"), drawn.x, None, {"tokens": prompts}),)
    groups = scores[:, 0].unflatten(0, (-1, candidates))
    chosen = groups.argmax(1) + candidates * torch.arange(len(groups), device=scores.device)
    captions = tuple(f"best of {candidates}: {row.max():.2f}, worst {row.min():.2f}" for row in groups)
    assert drawn.tokens is not None
    return Outcome(drawn.x[chosen], (drawn.nfe[0] * candidates,) * len(groups), (None,) * len(groups), drawn.tokens[chosen], captions)
