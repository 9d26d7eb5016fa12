"""Faces are the drawings they are made of, captions say what is to be seen and are read back, splits keep apart."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.data import dataset
from pipelines.data.faces.data_set import PORTRAITS
from pipelines.data.faces.words import GRAMMAR, PARTS
from pipelines.data.portraits.captions import holds

HERE = Path(__file__).parent
FACES = dataset("faces")


@pytest.mark.parametrize("side", PARTS.sides)
def test_pictures_are_the_drawings_within_a_grey_level(side: int) -> None:
    originals = np.asarray(Image.open(HERE / f"originals-{side}.png")).reshape(-1, side, side, 3)
    shown = json.loads((HERE / "originals.json").read_text(encoding="utf-8"))
    assert len(shown) == len(originals) == 40
    off = np.abs(PARTS.compose_all(shown, side).astype(int) - originals)
    assert off.mean((1, 2, 3)).max() < 1, "parts and drawings differ: make them anew"


def test_every_value_is_in_the_drawings_that_are_compared() -> None:
    shown = json.loads((HERE / "originals.json").read_text(encoding="utf-8"))
    for attribute, values in PORTRAITS.values.items():
        assert {attributes[attribute] for attributes in shown} == {*values}, attribute


def test_smaller_sides_are_means_and_larger_ones_refused() -> None:
    case = FACES.item("test", 0, 0, None)
    whole = FACES.picture(case, 32)
    assert whole.dtype == np.uint8 and whole.shape == (32, 32, 3) and FACES.picture(case, 64).shape == (64, 64, 3)
    means = whole.reshape(16, 2, 16, 2, 3).mean((1, 3))
    assert np.abs(FACES.picture(case, 16) - means).max() <= 1             # rounded along rows and along columns
    for side in (0, 65):
        with pytest.raises(ValueError, match=f"a side of 1 to 64 pixels; {side} was asked for"):
            FACES.picture(case, side)


@pytest.mark.parametrize("split", FACES.splits)
def test_captions_are_read_back_and_hold(split: str) -> None:
    named = set()
    for k in range(500):
        case = FACES.item(split, 1, k, None)
        claim = GRAMMAR.parse(case.caption)
        assert claim and holds(claim, case.attributes), case.caption
        assert {*case.caption.replace(",", "").split()} <= FACES.words() and not FACES.tokenizer().encode(case.caption).cut
        assert list(case.attributes) == list(PORTRAITS.values) and case.label == PORTRAITS.label(case.attributes)
        named |= {*claim}
    assert named == {*GRAMMAR.named} == {*PORTRAITS.values} - {"eyebrows", "mouth"}


def test_every_word_occurs_and_is_one_token() -> None:
    said = {word for k in range(1000) for word in FACES.item("train", 2, k, None).caption.replace(",", "").split()}
    assert said == FACES.words()
    assert all(len(FACES.tokenizer().encode(word).pieces) == 1 for word in said)


def test_hold_out_pairs_are_always_there_named_and_never_in_training() -> None:
    for split in ("train", "test"):
        assert all(PORTRAITS.split_of(FACES.item(split, 3, k, None).attributes) == split for k in range(300))
    seen = set()
    for k in range(300):
        case = FACES.item("holdout", 3, k, None)
        claim = GRAMMAR.parse(case.caption) or {}
        there = [n for n, pair in enumerate(PORTRAITS.held_out) if pair.items() <= case.attributes.items() and pair.keys() <= claim.keys()]
        assert there, case.caption
        seen |= {*there}
    assert seen == {*range(len(PORTRAITS.held_out))}


def test_items_are_a_pure_function() -> None:
    first, again = (FACES.item("train", 4, 7, None) for _ in range(2))
    assert first == again and not np.array_equal(FACES.picture(first, 32), FACES.picture(FACES.item("train", 4, 8, None), 32))
    assert FACES.evaluation("test", 5) == FACES.evaluation("test", 9)[:5]


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


def test_classes_are_a_hair_colour_and_a_background() -> None:
    labels = FACES.labels
    assert labels.count == 56
    for label in range(labels.count):
        assert labels.of(labels.name(label)) == label
    assert labels.of("a winking face with green hair and a red dress on pink") == labels.of("green hair on pink")
    assert labels.of("a face with green hair") is None and labels.of("a red star") is None
