"""From a prompt to a class and back: its first colour and shape."""
from __future__ import annotations

import re

from pipelines.data.contract import Labels
from pipelines.data.shapes.captions import SHAPE_WORDS
from pipelines.data.shapes.scenes import COLORS, SHAPES
from pipelines.data.text import normalise

_NAMES = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
_THING = re.compile(rf"\b({'|'.join(COLORS)}) ({'|'.join(_NAMES)})\b")


def label_of(prompt: str) -> int | None:
    """Class 0..47, shape by colour, as `Scene.label`."""
    found = _THING.search(normalise(prompt))
    return None if found is None else SHAPES.index(_NAMES[found.group(2)]) * len(COLORS) + list(COLORS).index(found.group(1))


def name_of(label: int) -> str:
    """The class in words, "red star"."""
    return f"{list(COLORS)[label % len(COLORS)]} {SHAPES[label // len(COLORS)]}"


LABELS = Labels(len(SHAPES) * len(COLORS), "a colour and a shape", ("red star", "blue ring"), label_of, name_of, alike=len(COLORS))
