"""What captions claim, as numbers: for networks that are told a label, and for what text encoders are asked."""
from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pipelines.data.portraits.captions import Claim, Grammar


@dataclass(frozen=True)
class Claims:
    """The claims that captions of a grammar can make."""
    grammar: Grammar
    choices: Mapping[str, tuple[str, ...]]   # what is to be seen of each attribute

    @cached_property
    def known(self) -> dict[str, dict[frozenset[str], int]]:
        """For each attribute that captions name the sets of values that words leave to it -> their numbers; 0 is left for silence."""
        found = dict[str, dict[frozenset[str], int]]()
        for attribute in self.grammar.named:
            words = {**self.grammar.adjectives.get(attribute, {}), **self.grammar.nouns.get(attribute, {})}
            meant = [*((value,) for value in self.choices[attribute]), *words.values()]
            found[attribute] = {values: 1 + k for k, values in enumerate(dict.fromkeys(frozenset(values) for values in meant))}
        return found

    @property
    def widths(self) -> tuple[int, ...]:
        """How many numbers each attribute has, with 0."""
        return tuple(1 + len(sets) for sets in self.known.values())

    def digits(self, claim: Claim) -> list[int]:
        """The number of what is claimed of each attribute."""
        return [sets[claim[attribute]] if attribute in claim else 0 for attribute, sets in self.known.items()]

    def label(self, claim: Claim) -> int:
        """All of them as one, the first the lowest."""
        return sum(digit * math.prod(self.widths[:k]) for k, digit in enumerate(self.digits(claim)))

    def claim(self, label: int) -> Claim:
        """And back."""
        found = Claim()
        for (attribute, sets), width in zip(self.known.items(), self.widths, strict=True):
            label, digit = divmod(label, width)
            if digit:
                found[attribute] = next(values for values, number in sets.items() if number == digit)
        return found

    def name(self, label: int) -> str:
        """What a label says, in words."""
        return ", ".join(f"{' or '.join(sorted(values))} {attribute}" for attribute, values in self.claim(label).items())
