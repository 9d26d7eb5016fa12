"""Captions of portraits, and their inverse: a grammar of things with adjectives, which each set fills with its own words.

    caption  = thing [ "with" thing { "," thing } [ "and" thing ] ] [ "on" ground | "on a" ground "background" ]
    thing    = [ "a" | "an" ] { adjective } noun

A caption names some attributes and is silent about the others. What it says is its claim: for each attribute that it names, the values
that would do ("long hair" may be straight or wavy).
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pipelines.data.portraits.parts import GROUND
from pipelines.data.text import normalise

Claim = dict[str, frozenset[str]]            # attribute -> values that would do, one of them at least
Words = Mapping[str, tuple[str, ...]]        # words -> the values that they may mean
NOTHING = 0.4                                # how often a caption says that something is not there, as against what is there
PRECISE = 0.7                                # how often a caption adds what settles words that may mean several values
JOINTS = ("a", "an", "and", "with")


def plain(*values: str) -> dict[str, tuple[str, ...]]:
    """Values that are their own words."""
    return {value: (value,) for value in values}


def holds(claim: Claim, attributes: Mapping[str, str]) -> bool:
    """True if all that is claimed is to be seen."""
    return all(attributes[attribute] in values for attribute, values in claim.items())


@dataclass(frozen=True)
class Thing:
    """What a caption can name, with adjectives before it."""
    nouns: tuple[str, ...] = ()              # that say nothing by themselves, "hair", with the article that they have: "a face"
    adjectives: tuple[str, ...] = ()         # the attributes that these speak of, in their order
    shows: str = ""                          # an attribute that other nouns say: what clothes they are


@dataclass(frozen=True)
class _Reading:
    """What a phrase may be: a noun of a thing, which may say a value, or an adjective, by the attributes that it may speak of."""
    thing: Thing | None
    values: Claim


@dataclass(frozen=True)
class Grammar:
    """The captions of a set."""
    head: Thing                              # what is portrayed; stands before "with"
    things: tuple[Thing, ...]
    adjectives: Mapping[str, Words]          # by attribute
    nouns: Mapping[str, Words]               # by attribute; with the article that they have
    longest: int                             # words that a caption has at most

    @cached_property
    def named(self) -> tuple[str, ...]:
        """The attributes that captions name."""
        return tuple(dict.fromkeys((GROUND, *self.adjectives, *self.nouns)))

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the captions."""
        return frozenset(word for phrase in (*self._readings, *JOINTS, "on") for word in phrase.split())

    def caption(self, attributes: Mapping[str, str], rng: np.random.Generator, always: tuple[str, ...] = ()) -> str:
        """One that names a random choice of attributes, and those of `always`; the choice and the words are drawn from rng."""
        while True:
            share = rng.uniform(0.3, 1)
            named = {attribute for attribute in self.named
                     if rng.random() < share * (NOTHING if attributes[attribute] == "none" else 1)} | {*always}
            things = [phrase for k in rng.permutation(len(self.things)) if (phrase := self._phrase(self.things[k], attributes, named, rng))]
            caption = self._phrase(self.head, attributes, named, rng)
            if things:
                last = things.pop()
                caption += " with " + (", ".join(things) + " and " if things else "") + last
            if GROUND in named:
                ground = self._word(self.adjectives[GROUND], attributes[GROUND], rng)
                caption += f" on {_article(ground)} {ground} background" if rng.random() < 0.5 else f" on {ground}"
            if caption not in self.head.nouns and len(normalise(caption).split()) <= self.longest \
                    and (not always or {*always} <= (self.parse(caption) or {}).keys()):
                return caption

    def claim(self, attributes: Mapping[str, str]) -> Claim:
        """All that a caption can say of a portrait, as closely as it can."""
        claim = Claim()
        for attribute in self.named:
            tables = (self.adjectives.get(attribute, {}), self.nouns.get(attribute, {}))
            fitting = [values for words in tables for values in words.values() if attributes[attribute] in values]
            if fitting:
                claim[attribute] = frozenset(sorted(fitting, key=len)[0])
        return claim

    def parse(self, caption: str) -> Claim | None:
        """What a caption claims, or None if it is not of the grammar, claims nothing, or claims what no picture shows."""
        claim = Claim()
        said = self.said(caption)
        for _, values in said or ():
            for attribute, would_do in values.items():
                claim[attribute] = claim.get(attribute, would_do) & would_do
        return claim if said and claim and all(claim.values()) else None

    def said(self, caption: str) -> list[tuple[range, Claim]] | None:
        """What each phrase of a caption claims, with the words (normalised) that say it; None if it is not of the grammar."""
        words, found, before, on, at = normalise(caption).split(), list[tuple[range, Claim]](), list[tuple[range, _Reading]](), False, 0
        while at < len(words):
            count = next((n for n in range(min(4, len(words) - at), 0, -1) if " ".join(words[at:at + n]) in self._readings), 0)
            if not count:
                if words[at] not in (*JOINTS, "on"):
                    return None
                on, at = on or words[at] == "on", at + 1
                continue
            reading, place, at = self._readings[" ".join(words[at:at + count])], range(at, at + count), at + count
            if reading.thing is not None:
                adjectives, of = before, reading.thing.adjectives
                found.append((place, reading.values))
                before = []
            elif on and GROUND in reading.values:
                adjectives, of, on = [(place, reading)], (GROUND,), False
            else:
                before.append((place, reading))
                continue
            for place, adjective in adjectives:
                values = _speaking_of(adjective, of)
                if values is None:
                    return None
                found.append((place, values))
        return None if before or on else found

    @cached_property
    def _readings(self) -> dict[str, _Reading]:
        found: dict[str, _Reading] = {}
        for attribute, words in self.adjectives.items():
            for word, values in words.items():
                known = found[word].values if word in found else {}
                found[word] = _Reading(None, known | {attribute: frozenset(values)})
        for thing in (self.head, *self.things, Thing(("background",), (GROUND,))):
            found |= {_bare(noun): _Reading(thing, {}) for noun in thing.nouns}
            found |= {_bare(noun): _Reading(thing, {thing.shows: frozenset(values)})
                      for noun, values in self.nouns.get(thing.shows, {}).items()}
        return found

    def _speaker(self, attribute: str, attributes: Mapping[str, str]) -> Thing | None:
        """The thing whose adjectives speak of an attribute in captions, the first that is there; those of others may when they are read."""
        return next((thing for thing in (self.head, *self.things)
                     if attribute in thing.adjectives and attributes.get(thing.shows) != "none"), None)

    def _phrase(self, thing: Thing, attributes: Mapping[str, str], named: set[str], rng: np.random.Generator) -> str:
        """A thing in words, with what of the named attributes it says; "" if that is nothing and it is not the head."""
        noun = self._word(self.nouns.get(thing.shows, {}), attributes[thing.shows], rng) if thing.shows in named else ""
        words: list[str] = []
        for attribute in thing.adjectives if not noun.startswith("no ") else ():
            if attribute in named and self._speaker(attribute, attributes) is thing:
                adjectives, value = self.adjectives[attribute], attributes[attribute]
                first = self._word(adjectives, value, rng) if not noun or attribute != thing.shows else ""
                known = adjectives[first] if first else self.nouns.get(attribute, {}).get(noun, ())
                words += [*first.split(), *self._closer(adjectives, known, value, rng).split()]
        if not noun:
            if not thing.nouns or not (words or thing is self.head):
                return ""
            noun = thing.nouns[int(rng.integers(len(thing.nouns)))]
        words.append(_bare(noun))
        if noun != words[-1]:
            words.insert(0, _article(words[0]))
        return " ".join(words)

    def _closer(self, words: Words, known: tuple[str, ...], value: str, rng: np.random.Generator) -> str:
        """One that leaves fewer values than are known already; "" at times, and where there is none."""
        closer = {word: values for word, values in words.items() if len(values) < len(known)}
        return self._word(closer, value, rng) if rng.random() < PRECISE else ""

    def _word(self, words: Words, value: str, rng: np.random.Generator) -> str:
        """One that may mean a value; "" if there is none."""
        fitting = [word for word, values in words.items() if value in values]
        return fitting[int(rng.integers(len(fitting)))] if fitting else ""


def _article(word: str) -> str:
    return "an" if word[0] in "aeiou" else "a"


def _bare(noun: str) -> str:
    """Without its article."""
    return noun.removeprefix("a ")


def _speaking_of(adjective: _Reading, attributes: tuple[str, ...]) -> Claim | None:
    """What an adjective says before a noun whose adjectives speak of these attributes; None if it does not belong there."""
    return next(({attribute: adjective.values[attribute]} for attribute in attributes if attribute in adjective.values), None)
