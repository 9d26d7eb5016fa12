"""Which words the captions of the data set have; cheap to import."""
from __future__ import annotations

from functools import cache

from pipelines.data.shapes.captions import BACKGROUND_WORDS, COLORS, RELATION_WORDS, SHAPE_WORDS, SIZE_WORDS, normalise


@cache
def known_words() -> frozenset[str]:
    """Every word of the caption grammar."""
    tables = (SHAPE_WORDS, SIZE_WORDS, RELATION_WORDS, BACKGROUND_WORDS)
    phrases = [phrase for table in tables for variants in table.values() for phrase in variants]
    return frozenset(" ".join([*phrases, *COLORS, "a an and on background"]).split())


def unknown_words(text: str) -> tuple[str, ...]:
    """Words of a text that no caption has, in order, each once: a model cannot know what they mean."""
    return tuple(dict.fromkeys(word for word in normalise(text).split() if word not in known_words()))
