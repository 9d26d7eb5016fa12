"""Captions for scenes: a small grammar with variations, and its inverse.

    caption    = phrase [ link phrase ] [ "on a" background "background" | "on" background ]
    phrase     = [ "a" | "an" ] [ size ] colour shape
    link       = relation | "and"

A caption may leave out size, relation and background. What it does say is its `Claim`; the judge holds an image to
the claim and to nothing else.
"""
from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from pipelines.data.shapes.scenes import BACKGROUNDS, COLORS, OPPOSITE, SHAPES, Scene, generator, scene_at
from pipelines.data.text import normalise

Words = dict[str, tuple[str, ...]]      # meaning -> its words
SHAPE_WORDS: Words = {**{shape: (shape,) for shape in SHAPES}, "circle": ("circle", "disc"), "cross": ("cross", "plus")}
SIZE_WORDS: Words = {"small": ("small", "tiny"), "medium": ("medium", "medium sized"), "large": ("large", "big")}
RELATION_WORDS: Words = {
    "above": ("above", "over"), "below": ("below", "under"),
    "left of": ("left of", "to the left of"), "right of": ("right of", "to the right of"),
}
BACKGROUND_WORDS: Words = {**{name: (name,) for name in BACKGROUNDS}, "gray": ("gray", "grey")}


@dataclass(frozen=True)
class ThingClaim:
    shape: str
    color: str
    size: str | None


@dataclass(frozen=True)
class Claim:
    """What a caption says: one or two things, the relation of the first to the second, the background."""
    things: tuple[ThingClaim, ...]
    relation: str | None = None
    background: str | None = None

    def holds_for(self, scene: Scene) -> bool:
        """True if the scene has exactly these things, in this relation, on this background."""
        if len(scene.things) != len(self.things):
            return False
        if self.background not in (None, scene.background):
            return False
        orders = [(scene.things, scene.relation)]
        if scene.relation is not None:
            orders.append((scene.things[::-1], OPPOSITE[scene.relation]))
        return any(
            self.relation in (None, relation)
            and all((c.shape, c.color) == (t.shape, t.color) and c.size in (None, t.size)
                    for c, t in zip(self.things, things, strict=True))
            for things, relation in orders
        )


def describe(scene: Scene, rng: np.random.Generator) -> tuple[str, Claim]:
    """A caption of the scene and what it claims; the variation is drawn from rng."""
    def pick(words: tuple[str, ...]) -> str:
        return words[int(rng.integers(len(words)))]

    phrases, things = [], []
    for thing in scene.things:
        size = thing.size if rng.random() < 0.7 else None
        words = [*([pick(SIZE_WORDS[size])] if size else []), thing.color, pick(SHAPE_WORDS[thing.shape])]
        if rng.random() < 0.85:
            words.insert(0, "an" if words[0][0] in "aeiou" else "a")
        phrases.append(" ".join(words))
        things.append(ThingClaim(thing.shape, thing.color, size))
    relation = scene.relation if rng.random() < 0.8 else None
    link = pick(RELATION_WORDS[relation]) if relation else "and"
    caption = f" {link} ".join(phrases)
    background = scene.background if rng.random() < 0.4 else None
    if background:
        name = pick(BACKGROUND_WORDS[background])
        caption += f" on a {name} background" if rng.random() < 0.6 else f" on {name}"
    return caption, Claim(tuple(things), relation, background)


def item(split: str, seed: int, index: int, count: int | None = None) -> tuple[Scene, str, Claim]:
    """Item `index` of a split: its scene, its caption and the caption's claim. Deterministic."""
    rng = generator(split, seed, index)
    scene = scene_at(rng, split, count)
    return scene, *describe(scene, rng)


def _either(words: Words) -> str:
    return "|".join(sorted((w for ws in words.values() for w in ws), key=len, reverse=True))


_PHRASE = rf"(?:an? )?(?:({_either(SIZE_WORDS)}) )?({'|'.join(COLORS)}) ({_either(SHAPE_WORDS)})"
_CAPTION = re.compile(
    rf"{_PHRASE}(?: ({_either(RELATION_WORDS)}|and) {_PHRASE})?(?: on (?:a )?({_either(BACKGROUND_WORDS)})(?: background)?)?"
)


def phrases(caption: str) -> list[tuple[int, int]]:
    """Where each thing's phrase begins and ends in the normalised caption; empty if it is not of the grammar."""
    match = _CAPTION.fullmatch(normalise(caption))
    if match is None:
        return []
    return [(0, match.end(3))] + ([(match.end(4), match.end(7))] if match.group(4) else [])


def _meaning(word: str | None, words: Words) -> str | None:
    return next((name for name, variants in words.items() if word in variants), None)


def parse(caption: str) -> Claim | None:
    """What a caption claims, or None if it is not of the grammar."""
    match = _CAPTION.fullmatch(normalise(caption))
    if match is None:
        return None
    size_a, color_a, shape_a, link, size_b, color_b, shape_b, background = match.groups()
    things = [ThingClaim(str(_meaning(shape_a, SHAPE_WORDS)), color_a, _meaning(size_a, SIZE_WORDS))]
    if link is not None:
        things.append(ThingClaim(str(_meaning(shape_b, SHAPE_WORDS)), color_b, _meaning(size_b, SIZE_WORDS)))
    return Claim(tuple(things), _meaning(link, RELATION_WORDS), _meaning(background, BACKGROUND_WORDS))
