"""Photographs with one class each, as a data set."""
from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from PIL import Image

from pipelines.data.contract import Item, Labels
from pipelines.data.photos.files import Source
from pipelines.data.text import normalise

SIDE = 28


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
        epoch, place = divmod(index, self.counts[split])
        number = int(_order(self.counts[split], seed, epoch)[place])
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
        gray = self.source.pictures(split)[number]
        if side != SIDE:
            gray = np.asarray(Image.fromarray(gray).resize((side, side), Image.Resampling.BOX if side < SIDE else Image.Resampling.BICUBIC))
        return np.repeat(gray[..., None], 3, 2)

    def labels(self, about: str) -> Labels:
        return Labels(len(self.captions), about, (self.captions[0][0], self.captions[-1][0]), self.label_of, lambda k: self.captions[k][0])

    def label_of(self, prompt: str) -> int | None:
        """The class whose name stands first in a prompt; of names that begin alike the longest."""
        found = self._names.search(normalise(prompt))
        return None if found is None else self._classes[found[0]]

    @property
    def words(self) -> frozenset[str]:
        return frozenset(word for said in self.captions for caption in said for word in normalise(caption).split())

    @cached_property
    def _classes(self) -> dict[str, int]:
        return {re.sub(r"^an? ", "", caption): k for k, said in enumerate(self.captions) for caption in said}

    @cached_property
    def _names(self) -> re.Pattern[str]:
        return re.compile(rf"\b(?:{'|'.join(sorted(self._classes, key=len, reverse=True))})\b")

    def _item(self, label: int, caption: str, content: object) -> Item:
        return Item(caption, label, {"class": self.captions[label][0]}, content=content)


@lru_cache(8)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)
