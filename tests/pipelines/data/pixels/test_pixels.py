"""What can be said of a portrait of pixels."""
from __future__ import annotations

import numpy as np

from pipelines.data.pixels.words import GRAMMAR, those


def test_a_word_may_mean_several_variants() -> None:
    assert GRAMMAR.parse("a serious face with a blue cap and no glasses") == {
        "mouth": frozenset({"serious 1", "serious 2"}), "hat": frozenset({"cap 1", "cap 2"}), "hat colour": frozenset({"blue"}),
        "glasses": frozenset({"none"})}
    shirt = (GRAMMAR.parse("a shirt") or {})["clothes"]
    assert {"plain 1", "striped 1", "checked 1"} <= shirt and GRAMMAR.parse("a striped shirt") == {"clothes": frozenset({"striped 1"})}
    assert (GRAMMAR.parse("a red hat") or {})["hat"] == frozenset(those("hat", "hat", "cap", "beanie"))


def test_of_what_is_not_there_no_colour_is_claimed() -> None:
    bald = {"hair": "none", "hair colour": "brown", "beard": "full 1", "hat": "none", "hat colour": "none"}
    assert GRAMMAR.claim(dict.fromkeys(GRAMMAR.named, "") | bald).keys() == {"hair", "hair colour", "beard", "hat"}


def test_of_who_has_no_hair_the_beard_has_its_colour() -> None:
    attributes = dict.fromkeys(GRAMMAR.named, "none") | {"hair colour": "brown", "beard": "goatee 1", "mouth": "serious 1", "skin": "tan",
                                                         "clothes": "top 1", "clothes colour": "red", "background": "blue"}
    captions = [GRAMMAR.caption(attributes, np.random.default_rng(k), ("hair colour",)) for k in range(20)]
    assert all("brown goatee" in caption and "brown hair" not in caption for caption in captions)


def test_what_no_picture_shows_is_refused() -> None:
    assert [GRAMMAR.parse(caption) for caption in ("a striped top", "a long mohawk", "long hair and no hair")] == [None] * 3
