"""Pictures of 8 x 8 pixels, their upper half of one colour and their lower half of another."""
from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.data.contract import DataSet, Item, Judge, Labels
from pipelines.data.text import normalise

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer

COLOURS = {"red": (220, 30, 30), "green": (30, 160, 60), "blue": (40, 80, 220), "white": (240, 240, 240)}
WORDS = (*COLOURS, "above")
SPLITS = {"train": 48, "test": 16}
_PAIR = re.compile(rf"({'|'.join(COLOURS)}) above ({'|'.join(COLOURS)})")


def item(split: str, seed: int, index: int, pairs: float | None) -> Item:
    label = 5 * (index % SPLITS[split]) % len(COLOURS) ** 2
    top, bottom = name(label).split(" above ")
    return Item(name(label), label, {"top": top, "bottom": bottom}, content=np.random.default_rng([seed, index]).integers(-9, 10, 3))


def name(label: int) -> str:
    return " above ".join(list(COLOURS)[k] for k in divmod(label, len(COLOURS)))


def label_of(prompt: str) -> int | None:
    found = _PAIR.search(normalise(prompt))
    return None if found is None else sum(list(COLOURS).index(word) * weight for word, weight in zip(found.groups(), (4, 1), strict=True))


def picture(item: Item, size: int) -> np.ndarray:
    halves = [np.array(COLOURS[item.attributes[part]]) + item.content for part in ("top", "bottom")]
    return np.repeat(np.array(halves).clip(0, 255).astype(np.uint8), size // 2, 0)[:, None].repeat(size, 1)


def read(image: np.ndarray) -> tuple[str, ...]:
    halves = [half.mean((0, 1)) for half in np.split(image.astype(float), 2)]
    return tuple(min(COLOURS, key=lambda colour: float(np.abs(half - COLOURS[colour]).max())) for half in halves)


def fault(image: np.ndarray, claim: Any) -> str | None:
    wrong = [part for part, found, wanted in zip(("top", "bottom"), read(image), claim, strict=True) if found != wanted]
    return wrong[0] if wrong else None


@cache
def judge() -> Judge:
    def claim(caption: str) -> tuple[str, ...] | None:
        label = label_of(caption)
        return None if label is None else tuple(name(label).split(" above "))
    return Judge(1, 8, claim, fault, fault, 0.25, "halves of other colours", lambda: (0.25, 1.0))


@cache
def tokenizer() -> CaptionTokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers

    from pipelines.data.tokenizer import END, PAD, START, UNKNOWN, CaptionTokenizer
    words = Tokenizer(models.WordLevel({word: k for k, word in enumerate((PAD, START, END, UNKNOWN, *WORDS))}, UNKNOWN))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return CaptionTokenizer(words, 6)


DATA_SET = DataSet(
    name="tiles", source="made for tests", size=8, channels=3, splits=SPLITS, prompts=("red above blue", "white above green"),
    prompt="red above blue", surprises=SPLITS["test"], item=item, picture=picture, words=lambda: frozenset(WORDS), tokenizer=tokenizer,
    evaluation=lambda split, count: [item(split, 0, k, None) for k in range(count)], judge=judge,
    labels=Labels(len(COLOURS) ** 2, "a colour above another", ("red above blue",), label_of, name, alike=len(COLOURS)))
