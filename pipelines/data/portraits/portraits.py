"""Portraits of a set: which there are, in which split each is, their captions and classes."""
from __future__ import annotations

import math
import zlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from types import MappingProxyType

import numpy as np

from pipelines.data.contract import Item, Labels
from pipelines.data.portraits.captions import Grammar
from pipelines.data.portraits.claims import Claims
from pipelines.data.portraits.parts import GROUND, Parts

SPLITS = ("train", "test", "holdout")
JUDGED = 11                        # seed of the captions that models are judged by


@dataclass(frozen=True)
class Portraits:
    """Everything is a pure function of (split, seed, index); each portrait belongs to exactly one split, decided by what it shows:

    - "holdout": it has a pair of attributes that training never shows, and its caption names both;
    - "test": 1 of 16 of the others, chosen by a hash;
    - "train": the rest.
    """
    parts: Parts
    grammar: Grammar
    values: Mapping[str, tuple[str, ...]]                    # attribute -> what it may be; one that stands there twice is twice as frequent
    held_out: tuple[Mapping[str, str], ...]                  # the pairs
    never: tuple[Mapping[str, Collection[str]], ...] = ()    # what hides something: attributes with such values together are not drawn

    @cached_property
    def choices(self) -> dict[str, tuple[str, ...]]:
        """What is to be seen of each attribute: its values, each once, and "none" for the colour of what may not be there."""
        seen = {attribute: dict.fromkeys(values) for attribute, values in self.values.items()}
        for attribute in self.parts.colours:
            layers = [layer for layer in self.parts.layers if layer.colour == attribute]
            if attribute != GROUND and all({*self.values.get(layer.shows, ("",))} - {*layer.rows} for layer in layers):
                seen[attribute]["none"] = None
        return {attribute: tuple(values) for attribute, values in seen.items()}

    @cached_property
    def always(self) -> tuple[str, ...]:
        """The attributes of parts of which every portrait shows one."""
        return tuple(layer.shows for layer in self.parts.layers if layer.shows and {*layer.rows} >= {*self.values[layer.shows]})

    def drawn(self, rng: np.random.Generator, given: Mapping[str, str] = MappingProxyType({})) -> dict[str, str]:
        """What is to be seen of a portrait: attributes by chance, but those given."""
        while True:
            chances = zip(self.values.items(), rng.random(len(self.values)), strict=True)
            attributes = {attribute: values[int(chance * len(values))] for (attribute, values), chance in chances} | {**given}
            if not self.hides(attributes):
                return self.seen(attributes)

    def hides(self, attributes: Mapping[str, str]) -> bool:
        """Whether one thing would hide another, so that it is not drawn."""
        return any(all(attributes[attribute] in values for attribute, values in pair.items()) for pair in self.never)

    def seen(self, attributes: dict[str, str]) -> dict[str, str]:
        """The attributes where the colour of what is not there, and of nothing else, is "none"."""
        coloured = {layer.colour for layer in self.parts.layers if (attributes[layer.shows] if layer.shows else "") in layer.rows}
        gone = {colour: "none" for colour in self.parts.colours if colour not in coloured and colour != GROUND}
        back = {colour: self.values[colour][0] for colour in coloured if colour and attributes[colour] == "none"}
        return attributes | gone | back

    def split_of(self, attributes: Mapping[str, str]) -> str:
        """The one split that a portrait belongs to."""
        if any(pair.items() <= attributes.items() for pair in self.held_out):
            return "holdout"
        return "test" if zlib.crc32(repr(attributes).encode()) % 16 == 0 else "train"

    def item(self, split: str, seed: int, index: int, pairs: float | None = None) -> Item:
        """See `DataSet.item`."""
        rng = np.random.default_rng([SPLITS.index(split), seed, index])
        pair = self.held_out[int(rng.integers(len(self.held_out)))] if split == "holdout" else {}
        while True:
            attributes = self.drawn(rng, pair)
            if self.split_of(attributes) == split and pair.items() <= attributes.items():        # a colour may be that of nothing
                caption = self.grammar.caption(attributes, rng, tuple(pair))
                claim = self.grammar.parse(caption)
                assert claim is not None
                return Item(caption, self.claims.label(claim), attributes)

    def evaluation(self, split: str, count: int) -> list[Item]:
        """See `DataSet.evaluation`."""
        return [self.item(split, JUDGED, k) for k in range(count)]

    def picture(self, item: Item, side: int) -> np.ndarray:
        """See `DataSet.picture`; sides as of `Parts.compose`."""
        return self.parts.compose(item.attributes, side)

    @cached_property
    def claims(self) -> Claims:
        """What captions can claim."""
        return Claims(self.grammar, self.choices)

    def labels(self, *examples: str) -> Labels:
        """The classes: all that a caption claims, a digit for each attribute."""
        def of(prompt: str) -> int | None:
            claim = self.grammar.parse(prompt)
            return None if claim is None else self.claims.label(claim)

        widths = self.claims.widths
        return Labels(math.prod(widths), "what a caption says of each attribute", examples, of, self.claims.name, widths[0], widths)


def portraits(name: str) -> Portraits:
    """Those of a set of this kind."""
    return import_module(f"pipelines.data.{name}.data_set").PORTRAITS
