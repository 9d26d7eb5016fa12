"""What a text encoder is asked about captions of the set before pictures come (`training.head_start`).

From the pooled state, linear heads name shape, colour and size of both things, their relation and the background; from the
state of each word, those of the thing that the word speaks of and where it is seen from the other, so that a picture that
attends to one word of a phrase learns of the whole phrase.
"""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.shapes.captions import Claim, ThingClaim, item, phrases
from pipelines.data.shapes.scenes import BACKGROUNDS, COLORS, OPPOSITE, RELATIONS, SHAPES, SIZES
from pipelines.data.shapes.tokenizer import LENGTH, tokenizer
from pipelines.training.head_start import Reading

_THING = (("shape", SHAPES), ("color", tuple(COLORS)), ("size", tuple(SIZES)))
_THING_WIDTHS = [len(values) + 1 for _, values in _THING]
POOLED_WIDTHS = [*_THING_WIDTHS, *_THING_WIDTHS, len(RELATIONS) + 1, len(BACKGROUNDS) + 1]
WORD_WIDTHS = [*_THING_WIDTHS, len(RELATIONS) + 1]
NOTHING = -1                       # target of a word that speaks of no thing; not counted


def _thing(thing: ThingClaim | None) -> list[int]:
    """Class indices of a thing's attributes; 0 where the caption says nothing."""
    values = [(getattr(thing, name, None), known) for name, known in _THING]
    return [known.index(value) + 1 if value else 0 for value, known in values]


def targets(claim: Claim) -> list[int]:
    """The claim as one class index per head of the pooled state; 0 where the caption says nothing."""
    things = [*claim.things, None][:2]
    return [*_thing(things[0]), *_thing(things[1]),
            RELATIONS.index(claim.relation) + 1 if claim.relation else 0,
            list(BACKGROUNDS).index(claim.background) + 1 if claim.background else 0]


def word_targets(caption: str, claim: Claim) -> list[list[int]]:
    """(LENGTH, 4): for each token its own thing's attributes and where that is, seen from the other thing."""
    relations = (claim.relation, OPPOSITE[claim.relation]) if claim.relation else (None, None)
    found = [[NOTHING] * len(WORD_WIDTHS) for _ in range(LENGTH)]
    for k, (begin, end) in enumerate(phrases(caption)):
        relation = relations[k]
        target = [*_thing(claim.things[k]), RELATIONS.index(relation) + 1 if relation else 0]
        for token, (first, last) in enumerate(tokenizer().encode(caption).spans, start=1):   # START comes before
            if begin <= first and last <= end:
                found[token] = target
    return found


def batch_at(start: int, size: int, seed: int = 1) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Captions start .. start + size - 1 of the training split: tokens (B, L) int64; claims (B, 8) and words (B, L, 4) class indices."""
    items = [item("train", seed, start + k)[1:] for k in range(size)]
    words = torch.tensor([word_targets(caption, claim) for caption, claim in items])
    return tokenizer().batch([caption for caption, _ in items]), (torch.tensor([targets(claim) for _, claim in items]), words)


class Heads(nn.Module):
    """Linear readings of an encoder's states."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.pooled, self.words = nn.Linear(width, sum(POOLED_WIDTHS)), nn.Linear(width, sum(WORD_WIDTHS))

    def forward(self, encoded: dict[str, Tensor]) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """What `TextEncoder` gives -> logits (B, classes) of the pooled heads, (B, L, classes) of the words' heads."""
        return self.pooled(encoded["pooled"]).split(POOLED_WIDTHS, -1), self.words(encoded["states"]).split(WORD_WIDTHS, -1)

    def loss(self, encoded: dict[str, Tensor], said: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of all heads, summed."""
        (pooled, words), (claims, own) = self(encoded), said
        terms = [F.cross_entropy(z, claims[:, k]) for k, z in enumerate(pooled)]
        terms += [F.cross_entropy(z.flatten(0, 1), own[..., k].flatten(), ignore_index=NOTHING) for k, z in enumerate(words)]
        return torch.stack(terms).sum()


def reading(width: int) -> Reading:
    """For an encoder of this width."""
    heads = Heads(width)
    return Reading(heads, batch_at, heads.loss)
