"""What a text encoder is asked about captions of portraits before pictures come (`training.head_start`).

From the pooled state, linear heads say what the caption claims of each attribute; from the state of each word, what that word claims:
which colour is whose is to be known where a picture attends to the colour.
"""
from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.portraits.portraits import Portraits
from pipelines.data.text import normalise
from pipelines.data.tokenizer import CaptionTokenizer
from pipelines.training.head_start import Reading

SEED = 1
WORDS = 4.0                        # weight of the words' reading, which is one, against those of the attributes


class Claims:
    """Captions of a set with what they claim, as numbers."""

    def __init__(self, portraits: Portraits, tokenizer: Callable[[], CaptionTokenizer]) -> None:
        self.portraits, self.tokenizer = portraits, tokenizer

    @cached_property
    def known(self) -> dict[str, dict[frozenset[str], int]]:
        """For each attribute that captions name the sets of values that words leave to it -> their numbers; 0 is left for silence."""
        grammar, found = self.portraits.grammar, dict[str, dict[frozenset[str], int]]()
        for attribute in grammar.named:
            words = {**grammar.adjectives.get(attribute, {}), **grammar.nouns.get(attribute, {})}
            meant = [*((value,) for value in self.portraits.values[attribute]), *words.values()]
            found[attribute] = {values: 1 + k for k, values in enumerate(dict.fromkeys(frozenset(values) for values in meant))}
        return found

    @property
    def widths(self) -> list[int]:
        """Classes of the heads of the pooled state."""
        return [1 + len(sets) for sets in self.known.values()]

    def rows(self, caption: str) -> tuple[list[int], list[int]]:
        """What the caption claims of each attribute; what each of its tokens does, numbered through all attributes."""
        grammar, encoded = self.portraits.grammar, self.tokenizer().encode(caption)
        claim, own = grammar.parse(caption) or {}, [0] * len(encoded.ids)
        offsets = dict(zip(self.known, [sum(self.widths[:k]) for k in range(len(self.widths))], strict=True))
        words = [word.span() for word in re.finditer(r"\S+", normalise(caption))]
        for place, said in grammar.said(caption) or ():
            first, end = words[place.start][0], words[place.stop - 1][1]
            for attribute, values in said.items():
                for token, (begin, stop) in enumerate(encoded.spans, start=1):       # START comes before
                    if first <= begin and stop <= end:
                        own[token] = offsets[attribute] + self.known[attribute][values]
        return [sets[claim[attribute]] if attribute in claim else 0 for attribute, sets in self.known.items()], own

    def batch(self, start: int, size: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Captions start .. start + size - 1 of the training split: tokens (B, L) int64; claims (B, A) and words (B, L) class indices."""
        captions = [self.portraits.item("train", SEED, start + k).caption for k in range(size)]
        claims, words = zip(*(self.rows(caption) for caption in captions), strict=True)
        return self.tokenizer().batch(captions), (torch.tensor(claims), torch.tensor(words))


class Heads(nn.Module):
    """Linear readings of an encoder's states."""

    def __init__(self, width: int, widths: list[int]) -> None:
        super().__init__()
        self.widths = widths
        self.pooled, self.words = nn.Linear(width, sum(widths)), nn.Linear(width, sum(widths))

    def loss(self, encoded: dict[str, Tensor], said: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of all heads, summed; means over captions and their words."""
        claims, words = said
        terms = [F.cross_entropy(z, claims[:, k]) for k, z in enumerate(self.pooled(encoded["pooled"]).split(self.widths, -1))]
        keep = encoded["keep"]
        return torch.stack(terms).sum() + WORDS * F.cross_entropy(self.words(encoded["states"][keep]), words[keep])


def reading(portraits: Portraits, tokenizer: Callable[[], CaptionTokenizer], width: int) -> Reading:
    """For an encoder of this width."""
    claims = Claims(portraits, tokenizer)
    heads = Heads(width, claims.widths)
    return Reading(heads, claims.batch, heads.loss)
