"""From a prompt to a class label: its first colour and shape."""
from __future__ import annotations

import re

from pipelines.data.shapes.captions import SHAPE_WORDS, normalise
from pipelines.data.shapes.scenes import COLORS, SHAPES
from pipelines.options import OptionError

_NAMES = {word: shape for shape, words in SHAPE_WORDS.items() for word in words}
_THING = re.compile(rf"\b({'|'.join(COLORS)}) ({'|'.join(_NAMES)})\b")


def label_of(prompt: str) -> int:
    """Class 0..47, shape by colour, as `Scene.label`. Raises OptionError with a sentence."""
    found = _THING.search(normalise(prompt))
    if found is None:
        raise OptionError("The VQ-VAE's prior knows classes, a colour and a shape; name one in the prompt, such as “red star” or "
                          "“blue ring”.")
    return SHAPES.index(_NAMES[found.group(2)]) * len(COLORS) + list(COLORS).index(found.group(1))


def name_of(label: int) -> str:
    """The class in words, "red star"."""
    return f"{list(COLORS)[label % len(COLORS)]} {SHAPES[label // len(COLORS)]}"


def named(prompt: str) -> str | None:
    """What the model reads of a prompt, if that is not all of it. Raises OptionError."""
    thing = name_of(label_of(prompt))
    rest = set(normalise(prompt).split()) - {"a", "an", *thing.split()}
    return f"The model knows classes only; it reads “{thing}” and leaves the rest to chance." if rest else None
