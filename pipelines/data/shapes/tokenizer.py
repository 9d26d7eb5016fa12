"""Byte-pair encoding of captions (Sennrich et al. 2016), by the `tokenizers` library, trained on the caption corpus."""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import Tensor

from pipelines.data.shapes.captions import item, normalise
from pipelines.data.shapes.vocabulary import unknown_words

FILE = Path(__file__).with_name("captions.bpe.json")
LENGTH = 24                                  # tokens a model reads, START and END included
PAD, START, END, UNKNOWN = "<pad>", "<start>", "<end>", "<unknown>"


def train_bpe(texts: Iterable[str] | None = None, vocabulary: int = 180) -> Tokenizer:
    """Learn the merges from texts; None: 20,000 training captions. The ids differ from run to run, so the result is kept in `FILE`."""
    bpe = Tokenizer(models.BPE(unk_token=UNKNOWN))
    bpe.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=[PAD, START, END, UNKNOWN], continuing_subword_prefix="##",
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789"), show_progress=False)
    bpe.train_from_iterator(texts or (item("train", 0, i)[1] for i in range(20_000)), trainer)
    return bpe


@dataclass(frozen=True)
class Encoded:
    """Token ids of one caption, and what of it a model trained on the captions cannot know."""
    ids: tuple[int, ...]                     # LENGTH of them, padded
    pieces: tuple[str, ...]                  # the tokens as text, without START, END and padding
    spans: tuple[tuple[int, int], ...]       # where each of them begins and ends in the normalised caption
    unknown: tuple[str, ...]                 # words that occur in no caption of the data set
    cut: tuple[str, ...]                     # tokens beyond LENGTH - 2, which the model does not read


class CaptionTokenizer:
    """Captions to fixed-length token ids; the empty caption is the null condition of guidance."""

    def __init__(self, bpe: Tokenizer) -> None:
        self.bpe = bpe
        self.vocabulary = bpe.get_vocab_size()
        vocabulary: dict[str, int] = bpe.get_vocab()
        self.pad, self.start, self.end = (vocabulary[token] for token in (PAD, START, END))

    def encode(self, caption: str) -> Encoded:
        text = normalise(caption)
        encoding = self.bpe.encode(text)
        room = LENGTH - 2
        ids = [self.start, *encoding.ids[:room], self.end]
        return Encoded(
            ids=tuple(ids + [self.pad] * (LENGTH - len(ids))),
            pieces=tuple(encoding.tokens[:room]),
            spans=tuple(encoding.offsets[:room]),
            unknown=unknown_words(text),
            cut=tuple(encoding.tokens[room:]),
        )

    def batch(self, captions: list[str]) -> Tensor:
        """(B, LENGTH) int64."""
        return torch.tensor([self.encode(caption).ids for caption in captions])

    def decode(self, ids: list[int]) -> str:
        """The caption (normalised) that was encoded, up to truncation."""
        text = ""
        for i in ids:
            token = self.bpe.id_to_token(i) or UNKNOWN
            if token not in (PAD, START, END):
                text += token[2:] if token.startswith("##") else " " + token
        return text.strip()


@cache
def tokenizer() -> CaptionTokenizer:
    """The tokenizer that ships with the project."""
    return CaptionTokenizer(Tokenizer.from_file(str(FILE)))
