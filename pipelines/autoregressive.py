"""Ancestral sampling, one token after the other: p(z) = prod_i p(z_i | z_1 .. z_i-1)."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from pipelines.numerics.logits import draw, guided_logits, restricted
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Cache, Call, NetKey, Steps


@dataclass(frozen=True)
class Drawn:
    """A token of every row: its number, its probability under the model, and the likeliest tokens with theirs."""
    index: int
    token: Tensor                  # (B,)
    p: Tensor                      # (B,), before temperature and restrictions
    top: Tensor                    # (B, TOP) tokens
    top_p: Tensor                  # (B, TOP)


TOP = 5
Look = Callable[[list[Drawn]], Iterator[Any]]          # what a family shows after each token, to `yield from`


def rule(options: Any) -> tuple[float, int, float]:
    """(temperature, top-k, top-p) of a sampler's options; what they do not have is no limit, without temperature it is greedy."""
    return getattr(options, "temperature", 0.0), getattr(options, "top_k", 0), getattr(options, "top_p", 1.0)


def continued(net: NetKey, prompt: Tensor, null: Tensor, scale: float, given: Tensor, length: int, noise: RowNoise,
              options: Any, look: Look) -> Steps:
    """Tokens (B, length) after a prompt (B, n): first those that are given (B, m), then drawn ones.

    null (B, n) is the prompt without its condition, for guidance on logits; at scale 1 and 0 one call a token is enough.
    What the network read is remembered, so that a call reads the newest token alone.
    """
    rows, guided = len(prompt), scale not in (0.0, 1.0)
    readers = [(prompt, Cache(rows)), (null, Cache(rows))] if guided else [(prompt if scale else null, Cache(rows))]
    fresh = [torch.cat([start, given], 1) for start, _ in readers]
    position, tokens, drawn = 0, given, list[Drawn]()
    for index in range(given.shape[1], length):
        at = torch.full((rows,), position, device=prompt.device)
        answers = yield tuple(Call(net, new, at, {}, cache) for new, (_, cache) in zip(fresh, readers, strict=True))
        logits = guided_logits(answers[0], answers[1], scale) if guided else answers[0]
        token = draw(restricted(logits, *rule(options)), noise.uniform(logits.shape[1]))
        p = logits.softmax(1)
        top_p, top = p.topk(min(TOP, p.shape[1]), dim=1)
        drawn.append(Drawn(index, token, p.gather(1, token[:, None])[:, 0], top, top_p))
        tokens = torch.cat([tokens, token[:, None]], 1)
        yield from look(drawn)
        position += fresh[0].shape[1]
        fresh = [token[:, None]] * len(readers)
    return tokens
