"""Ancestral sampling, one token after the other: p(z) = prod_i p(z_i | z_1 .. z_i-1)."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.nets.codes import UNKNOWN
from pipelines.numerics.logits import draw, guided_logits, gumbels
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Cache, Call, NetKey, Steps
from pipelines.tokens.samplers import Rule


@dataclass(frozen=True)
class Drawn:
    """A token of every row, and what the model said."""
    index: int
    token: Tensor                  # (B,)
    logits: Tensor                 # (B, K), before temperature and restrictions
    tokens: Tensor                 # (B, L) all that are there, `UNKNOWN` where none is yet

    @property
    def p(self) -> Tensor:
        """The tokens' probabilities under the model, (B,)."""
        return self.logits.softmax(1).gather(1, self.token[:, None])[:, 0]


AHEAD = 16                         # tokens whose random numbers are drawn at once
PreviewFn = Callable[[Drawn], Iterator[Any]]                # what a family shows after each token, to `yield from`


def continued(net: NetKey, prompt: Tensor, null: Tensor, scale: float, given: Tensor, noise: RowNoise, rule: Rule,
              preview: PreviewFn) -> Steps:
    """Tokens (B, L) after a prompt (B, n): those of given (B, L) stay, and where it is `UNKNOWN`, alike in all rows, they are drawn.

    null (B, n) is the prompt without its condition, for guidance on logits; at scale 1 and 0 one call a token is enough.
    What the network read is remembered, so that a call reads the newest token alone.
    """
    rows, guided = len(prompt), scale not in (0.0, 1.0)
    readers = [(prompt, Cache(rows)), (null, Cache(rows))] if guided else [(prompt if scale else null, Cache(rows))]
    fresh = [start for start, _ in readers]
    position, tokens, random = prompt.new_zeros(rows), given.clone(), None
    for index, known in enumerate((given[0] != UNKNOWN).tolist()):
        if known:                                      # read together with what comes after it
            fresh = [torch.cat([new, given[:, index:index + 1]], 1) for new in fresh]
            continue
        answers = yield tuple(Call(net, new, position, {}, cache) for new, (_, cache) in zip(fresh, readers, strict=True))
        logits = guided_logits(answers[0], answers[1], scale) if guided else answers[0]
        random = random or gumbels(noise, logits.shape[1], AHEAD)
        token = draw(rule(logits, answers[0]), next(random))
        tokens[:, index] = token
        yield from preview(Drawn(index, token, logits, tokens))
        position = position + fresh[0].shape[1]
        fresh = [token[:, None]] * len(readers)
    return tokens
