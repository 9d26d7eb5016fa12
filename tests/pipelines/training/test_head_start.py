"""What a text encoder learns of captions alone."""
from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.shapes.head_start import reading as of_shapes
from pipelines.nets.text import TextConfig, TextEncoder
from pipelines.training.head_start import Reading, head_start, unlike

WORDS, LENGTH = 12, 6


def encoder() -> TextEncoder:
    torch.manual_seed(1)
    return TextEncoder(TextConfig(WORDS, LENGTH, width=16, layers=1, heads=2))


def reading(low: int) -> Reading:
    """Asks which word captions repeat, one from `low` on."""
    heads = nn.Linear(16, WORDS)

    def batch(start: int, size: int) -> tuple[Tensor, Any]:
        words = torch.randint(low, low + 5, (size,), generator=torch.Generator().manual_seed(start))
        return words[:, None].expand(-1, LENGTH), words
    return Reading(heads, batch, lambda encoded, word: F.cross_entropy(heads(encoded["pooled"]), word))


@cache
def begun() -> tuple[TextEncoder, float, float]:
    net, asked = encoder(), reading(1)
    losses = [loss for _, loss in head_start(net, [asked], steps=60)]
    return net, losses[0], losses[-1]


def test_what_is_asked_is_learnt() -> None:
    _, first, last = begun()
    assert last < 0.5 * first


def test_captions_that_were_read_before_mean_the_same() -> None:
    """Of two further trainings on other captions the one that keeps them changes them far less."""
    earlier, old = begun()[0], reading(1)
    tokens, drift = old.batch(10_000, 64)[0], {}
    for kept in (True, False):
        net = deepcopy(earlier)
        for _ in head_start(net, [reading(6)], [(old, earlier)] if kept else [], steps=60):
            pass
        with torch.no_grad():
            drift[kept] = float(unlike(net(tokens), earlier, tokens))
    assert drift[True] < 0.2 * drift[False]


def test_shapes_ask_of_pooled_states_and_words() -> None:
    asked = of_shapes(16)
    tokens, said = asked.batch(0, 8)
    torch.manual_seed(0)
    net = TextEncoder(TextConfig(200, tokens.shape[1], width=16, layers=1, heads=2))
    value = asked.loss(net(tokens), said)
    value.backward()
    assert value > 0 and all(p.grad is not None and p.grad.abs().sum() > 0 for p in asked.heads.parameters())
