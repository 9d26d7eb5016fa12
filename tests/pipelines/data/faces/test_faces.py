"""What can be said of a face."""
from __future__ import annotations

import pytest

from pipelines.data.faces.words import GRAMMAR


@pytest.mark.parametrize("caption, claim", [
    ("Pale skin, a LONG brown beard and brown hair on a pink background!",
     {"skin": "pale", "beard": "long", "hair colour": "brown", "background": "pink"}),
    ("long wavy red hair", {"length": "wavy", "hair colour": "red"}),
    ("a blue jacket with a moustache and goatee", {"clothes": "jacket", "clothes colour": "blue", "beard": "moustache and goatee"}),
    ("person on red with no beard", {"background": "red", "beard": "none"}),
])
def test_free_writing_is_read(caption: str, claim: dict[str, str]) -> None:
    assert GRAMMAR.parse(caption) == {attribute: frozenset({value}) for attribute, value in claim.items()}


def test_long_hair_may_be_straight_or_wavy() -> None:
    assert GRAMMAR.parse("a face with long hair") == {"length": frozenset({"straight", "wavy"})}


@pytest.mark.parametrize("caption", ["", "a face", "a red star", "pink", "a pale beard", "short long hair", "a red beard and grey hair",
                                     "a face on", "a green"])
def test_what_is_no_caption_is_refused(caption: str) -> None:
    assert GRAMMAR.parse(caption) is None
