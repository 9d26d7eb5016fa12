"""Captions of portraits as labels."""
from __future__ import annotations

import math

import pytest

from pipelines.data import dataset


@pytest.mark.parametrize("name", ["faces", "pixels"])
def test_a_label_says_what_its_caption_claims(name: str) -> None:
    from pipelines.data.portraits.portraits import portraits
    data, of = dataset(name), portraits(name)
    assert data.labels.count == math.prod(data.labels.factors) < 2**63
    for k in range(60):
        item = data.item("train", 5, k, None)
        assert data.labels.of(item.caption) == item.label and of.claims.claim(item.label) == of.grammar.parse(item.caption)
        assert 0 < item.label < data.labels.count


def test_labels_are_told_in_words_and_prompts_without_a_claim_have_none() -> None:
    labels = dataset("faces").labels
    label = labels.of("a person with long red hair on pink")
    assert label is not None and labels.name(label) == "pink background, straight or wavy length, red hair colour"
    assert labels.of("a face") is None and labels.of("a house on a hill") is None
    assert all(labels.of(example) is not None for example in labels.examples)
