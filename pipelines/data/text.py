"""Captions as the models read them."""
from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection


def normalise(text: str) -> str:
    """Lower case, composed characters, punctuation and hyphens to spaces, single spaces."""
    return " ".join(re.sub(r"[^\w\s]|_", " ", unicodedata.normalize("NFC", text.lower())).split())


def unknown_words(text: str, known: Collection[str]) -> tuple[str, ...]:
    """Words of a text that are not among those known, in order, each once: a model cannot know what they mean."""
    return tuple(dict.fromkeys(word for word in normalise(text).split() if word not in known))
