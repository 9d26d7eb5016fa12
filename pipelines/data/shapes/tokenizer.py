"""The tokenizer of the captions."""
from __future__ import annotations

from functools import cache
from pathlib import Path

from tokenizers import Tokenizer

from pipelines.data.shapes.captions import item
from pipelines.data.tokenizer import CaptionTokenizer, train_bpe

FILE = Path(__file__).with_name("captions.bpe.json")
LENGTH, VOCABULARY = 24, 180       # tokens that a model reads; tokens that there are


def trained(captions: int = 20_000) -> Tokenizer:
    """Merges learnt from so many training captions. They differ from run to run, so `FILE` keeps those that models know."""
    return train_bpe((item("train", 0, i)[1] for i in range(captions)), VOCABULARY)


@cache
def tokenizer() -> CaptionTokenizer:
    """The one that ships with the project."""
    return CaptionTokenizer(Tokenizer.from_file(str(FILE)), LENGTH)
