"""Byte-pair encoding of captions (Sennrich et al. 2016), by the `tokenizers` library."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor

from pipelines.data.text import normalise

PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"


def train_bpe(texts: Iterable[str], vocabulary: int) -> Tokenizer:
    """Learn the merges from texts. The ids differ from run to run, so the result is to be kept."""
    bpe = Tokenizer(models.BPE(unk_token=UNKNOWN))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[PAD, START, END, UNKNOWN], continuing_subword_prefix="##",
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789"), show_progress=False)
    bpe.train_from_iterator(texts, trainer)
    return bpe


def extended(bpe: Tokenizer, words: Iterable[str]) -> Tokenizer:
    """A tokenizer in which each of the words is one token: those that were not get the ids after the last, in order, and all others keep
    theirs. What has none of these words in it is encoded as before."""
    more = Tokenizer.from_str(bpe.to_str())
    new = (word for word in dict.fromkeys(words) if len(bpe.encode(word).ids) > 1)
    more.add_tokens([AddedToken(word, single_word=True, normalized=False) for word in new])
    return more


@dataclass(frozen=True)
class Encoded:
    """Token ids of one caption, and what of it a model does not read."""
    ids: tuple[int, ...]                     # `CaptionTokenizer.length` of them, padded
    pieces: tuple[str, ...]                  # the tokens as text, without START, END and padding
    spans: tuple[tuple[int, int], ...]       # where each of them begins and ends in the normalised caption
    cut: tuple[str, ...]                     # tokens beyond length - 2, which the model does not read


class CaptionTokenizer:
    """Captions to token ids of a fixed length, START and END included; the empty caption is the null condition of guidance."""

    def __init__(self, bpe: Tokenizer, length: int, room: int = 0) -> None:
        """room: how many ids models are made for, if more than there are."""
        self.bpe, self.length = bpe, length
        self.vocabulary = max(room, bpe.get_vocab_size())
        vocabulary: dict[str, int] = bpe.get_vocab()
        self.pad, self.start, self.end = (vocabulary[token] for token in (PAD, START, END))

    def encode(self, caption: str) -> Encoded:
        encoding = self.bpe.encode(normalise(caption))
        room = self.length - 2
        ids = [self.start, *encoding.ids[:room], self.end]
        return Encoded(
            ids=tuple(ids + [self.pad] * (self.length - len(ids))),
            pieces=tuple(encoding.tokens[:room]),
            spans=tuple(encoding.offsets[:room]),
            cut=tuple(encoding.tokens[room:]),
        )

    def batch(self, captions: list[str]) -> Tensor:
        """(B, length) int64."""
        return torch.tensor([self.encode(caption).ids for caption in captions])

    def decode(self, ids: list[int]) -> str:
        """The caption (normalised) that was encoded, up to truncation."""
        text = ""
        for i in ids:
            token = self.bpe.id_to_token(i) or UNKNOWN
            if token not in (PAD, START, END):
                text += token[2:] if token.startswith("##") else " " + token
        return text.strip()
