"""What a text encoder is asked about captions of portraits before pictures come (`training.head_start`).

From the pooled state, linear heads say what the caption claims of each attribute; from the state of each word, what that word claims:
which colour is whose is to be known where a picture attends to the colour.
"""
from __future__ import annotations

import re

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.portraits.portraits import Portraits
from pipelines.data.text import normalise
from pipelines.data.tokenizer import CaptionTokenizer
from pipelines.training.head_start import Reading

SEED = 1
WORDS = 4.0                        # weight of the words' reading, which is one, against those of the attributes


def rows(portraits: Portraits, tokenizer: CaptionTokenizer, caption: str) -> tuple[list[int], list[int]]:
    """What the caption claims of each attribute; what each of its tokens does, numbered through all attributes."""
    grammar, claims, encoded = portraits.grammar, portraits.claims, tokenizer.encode(caption)
    own, widths = [0] * len(encoded.ids), claims.widths
    offsets = dict(zip(claims.known, [sum(widths[:k]) for k in range(len(widths))], strict=True))
    words = [word.span() for word in re.finditer(r"\S+", normalise(caption))]
    for place, said in grammar.said(caption) or ():
        first, end = words[place.start][0], words[place.stop - 1][1]
        for attribute, values in said.items():
            for token, (begin, stop) in enumerate(encoded.spans, start=1):               # START comes before
                if first <= begin and stop <= end:
                    own[token] = offsets[attribute] + claims.known[attribute][values]
    return claims.digits(grammar.parse(caption) or {}), own


class Heads(nn.Module):
    """Linear readings of an encoder's states."""

    def __init__(self, width: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.widths = list(widths)
        self.pooled, self.words = nn.Linear(width, sum(widths)), nn.Linear(width, sum(widths))

    def loss(self, encoded: dict[str, Tensor], said: tuple[Tensor, Tensor]) -> Tensor:
        """Cross-entropy of all heads, summed; means over captions and their words."""
        claims, words = said
        terms = [F.cross_entropy(z, claims[:, k]) for k, z in enumerate(self.pooled(encoded["pooled"]).split(self.widths, -1))]
        keep = encoded["keep"]
        return torch.stack(terms).sum() + WORDS * F.cross_entropy(self.words(encoded["states"][keep]), words[keep])


def reading(portraits: Portraits, tokenizer: CaptionTokenizer, width: int) -> Reading:
    """For an encoder of this width."""
    heads = Heads(width, portraits.claims.widths)

    def batch(start: int, size: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Of the training split: tokens (B, L) int64; claims (B, A) and words (B, L), numbers."""
        captions = [portraits.item("train", SEED, start + k).caption for k in range(size)]
        claims, words = zip(*(rows(portraits, tokenizer, caption) for caption in captions), strict=True)
        return tokenizer.batch(captions), (torch.tensor(claims), torch.tensor(words))

    return Reading(heads, batch, heads.loss)
