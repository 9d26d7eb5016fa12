"""Which words the captions have; cheap to import."""
from __future__ import annotations

from functools import cache

from pipelines.data.shapes.captions import BACKGROUND_WORDS, COLORS, RELATION_WORDS, SHAPE_WORDS, SIZE_WORDS


@cache
def known_words() -> frozenset[str]:
    """Every word of the caption grammar."""
    tables = (SHAPE_WORDS, SIZE_WORDS, RELATION_WORDS, BACKGROUND_WORDS)
    phrases = [phrase for table in tables for variants in table.values() for phrase in variants]
    return frozenset(" ".join([*phrases, *COLORS, "a an and on background"]).split())
