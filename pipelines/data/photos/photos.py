"""Photographs with one class each, as a data set."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pipelines.data.contract import Item, Labels
from pipelines.data.finite import at_side, class_in, number_of
from pipelines.data.photos.files import Source
from pipelines.data.text import normalise

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer

SIDE = 28


def tokenizer() -> CaptionTokenizer:
    """That of all sets which ship; imports torch."""
    from pipelines.data.common import tokenizer
    return tokenizer()


@dataclass(frozen=True)
class Photos:
    """A set of such photographs: 28 x 28 pixels, gray, a class each."""
    source: Source
    counts: Mapping[str, int]                # split -> pictures
    captions: Sequence[tuple[str, ...]]      # of each class; the first is its name, with the article that it has

    def __hash__(self) -> int:
        return hash(self.source)

    def item(self, split: str, seed: int, index: int, pairs: float | None = None) -> Item:
        """See `DataSet.item`; every round shows all pictures, in an order of its own. Raises DataSetError."""
        number = number_of(self.counts[split], seed, index)
        label = int(self.source.classes(split)[number])
        said = self.captions[label]
        return self._item(label, said[number % len(said)], (split, number))

    def evaluation(self, split: str, count: int) -> list[Item]:
        """See `DataSet.evaluation`: the classes in turn. Needs no file; an item's picture is one of its class."""
        return [self._item(k % len(self.captions), self.captions[k % len(self.captions)][0], (split, None)) for k in range(count)]

    def picture(self, item: Item, side: int) -> np.ndarray:
        """See `DataSet.picture`; other sides than 28 are averaged or interpolated. Raises DataSetError."""
        split, number = item.content
        if number is None:
            number = int(np.flatnonzero(self.source.classes(split) == item.label)[0])
        return np.repeat(at_side(self.source.pictures(split)[number], side)[..., None], 3, 2)

    def labels(self, about: str) -> Labels:
        return Labels(len(self.captions), about, (self.captions[0][0], self.captions[-1][0]), self.label_of, lambda k: self.captions[k][0])

    def label_of(self, prompt: str) -> int | None:
        """The class whose name stands first in a prompt; of names that begin alike the longest."""
        return self._class_in(prompt)

    @property
    def words(self) -> frozenset[str]:
        return frozenset(word for said in self.captions for caption in said for word in normalise(caption).split())

    @cached_property
    def _class_in(self) -> Callable[[str], int | None]:
        return class_in({re.sub(r"^an? ", "", caption): k for k, said in enumerate(self.captions) for caption in said})

    def _item(self, label: int, caption: str, content: object) -> Item:
        return Item(caption, label, {"class": self.captions[label][0]}, content=content)
