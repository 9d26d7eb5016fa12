"""Portraits are the drawings they are made of, captions say what is to be seen and are read back, splits keep apart."""
from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipelines.data import dataset
from pipelines.data.contract import DataSet
from pipelines.data.portraits.captions import holds
from pipelines.data.portraits.portraits import SPLITS, Portraits, portraits

HERE = Path(__file__).parent
OFF = {"faces": 1.0, "pixels": 0.25}         # grey levels: each layer of a drawing is rounded, and parts of one may share a pixel's edge


@pytest.fixture(params=OFF)
def name(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def data(name: str) -> DataSet:
    return dataset(name)


@pytest.fixture
def of(name: str) -> Portraits:
    return portraits(name)


def originals(name: str) -> list[dict[str, str]]:
    return json.loads((HERE.parent / name / "originals.json").read_text(encoding="utf-8"))


def words(caption: str) -> list[str]:
    return caption.replace(",", "").split()


def test_pictures_are_the_drawings(name: str, of: Portraits) -> None:
    for side in of.parts.sides:
        drawn = np.asarray(Image.open(HERE.parent / name / f"originals-{side}.png")).reshape(-1, side, side, 3)
        assert len(drawn) == len(originals(name))
        off = np.abs(of.parts.compose_all(originals(name), side).astype(int) - drawn)
        assert off.mean((1, 2, 3)).max() < OFF[name], "parts and drawings differ: make them anew"


def test_all_that_can_be_seen_is_in_the_drawings_that_are_compared(name: str, of: Portraits) -> None:
    for attribute, values in of.choices.items():
        assert {attributes[attribute] for attributes in originals(name)} == {*values}, attribute


def test_smaller_sides_are_means_and_larger_ones_refused(data: DataSet, of: Portraits) -> None:
    case, side = data.item("test", 0, 0, None), data.size
    whole = data.picture(case, side)
    assert whole.dtype == np.uint8 and whole.shape == (side, side, 3) and data.picture(case, 2 * side).shape == (2 * side, 2 * side, 3)
    means = whole.reshape(side // 2, 2, side // 2, 2, 3).mean((1, 3))
    assert np.abs(data.picture(case, side // 2) - means).max() <= 1       # rounded along rows and along columns
    for wrong in (0, of.parts.sides[-1] + 1):
        with pytest.raises(ValueError, match=f"a side of 1 to {2 * side} pixels; {wrong} was asked for"):
            data.picture(case, wrong)


@pytest.mark.parametrize("split", SPLITS)
def test_captions_are_read_back_and_hold(data: DataSet, of: Portraits, split: str) -> None:
    named = set()
    for k in range(400):
        case = data.item(split, 1, k, None)
        claim = of.grammar.parse(case.caption)
        assert claim and holds(claim, case.attributes), case.caption
        assert all(claim[attribute] >= values for attribute, values in of.grammar.claim(case.attributes).items() if attribute in claim)
        assert {*words(case.caption)} <= data.words() and not data.tokenizer().encode(case.caption).cut
        assert list(case.attributes) == list(of.values) and case.label == of.claims.label(claim)
        named |= {*claim}
    assert named == {*of.grammar.named} < {*of.values}


def test_every_word_occurs_and_is_one_token(data: DataSet) -> None:
    said = {word for k in range(1500) for word in words(data.item("train", 2, k, None).caption)}
    assert said == data.words()
    assert all(len(data.tokenizer().encode(word).pieces) == 1 for word in said)


def test_hold_out_pairs_are_always_there_named_and_never_in_training(data: DataSet, of: Portraits) -> None:
    for split in ("train", "test"):
        assert all(of.split_of(data.item(split, 3, k, None).attributes) == split for k in range(300))
    seen = set()
    for k in range(300):
        case = data.item("holdout", 3, k, None)
        claim = of.grammar.parse(case.caption) or {}
        there = [n for n, pair in enumerate(of.held_out) if pair.items() <= case.attributes.items() and pair.keys() <= claim.keys()]
        assert there, case.caption
        seen |= {*there}
    assert seen == {*range(len(of.held_out))}


def test_what_is_hidden_is_not_drawn_and_what_is_not_there_has_no_colour(data: DataSet, of: Portraits) -> None:
    for k in range(300):
        attributes = data.item("train", 4, k, None).attributes
        assert not any(all(attributes[attribute] in values for attribute, values in pair.items()) for pair in of.never)
        for attribute in of.parts.colours.keys() - {"background"}:
            there = any(layer.colour == attribute and (attributes[layer.shows] if layer.shows else "") in layer.rows
                        for layer in of.parts.layers)
            assert (attributes[attribute] != "none") == there


def test_items_are_a_pure_function(data: DataSet) -> None:
    first, again = (data.item("train", 4, 7, None) for _ in range(2))
    assert first == again and not np.array_equal(data.picture(first, 16), data.picture(data.item("train", 4, 8, None), 16))
    assert data.evaluation("test", 5) == data.evaluation("test", 9)[:5]


def test_prompts_are_captions_and_classes_have_names(data: DataSet, of: Portraits) -> None:
    assert all(of.grammar.parse(prompt) for prompt in (*data.prompts, *data.labels.examples))
    assert data.labels.of(data.prompt) is not None and data.labels.of("a red star") is None
