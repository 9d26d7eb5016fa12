"""Which class a prompt names."""
from __future__ import annotations

import pytest

from pipelines.data.shapes.captions import item
from pipelines.data.shapes.labels import label_of as found
from pipelines.data.shapes.labels import name_of
from pipelines.options import OptionError
from pipelines.vqvae.labels import label_of, named
from tests.tiny import SHAPES


def test_captions_name_the_class_of_their_main_thing() -> None:
    for k in range(300):
        scene, caption, _ = item("train", 0, k)
        assert found(caption) == scene.label, caption


def test_what_is_left_to_chance_is_said() -> None:
    assert named("a red star", SHAPES) is None and named("An orange disc!", SHAPES) is not None
    assert "“red star”" in str(named("a large red star above a small blue ring", SHAPES))
    assert name_of(label_of("two dogs and a blue plus", SHAPES)) == "blue cross"
    for prompt in ("", "red", "a star", "star red", "an elephant", "reddish stars"):
        with pytest.raises(OptionError, match="colour and a shape"):
            label_of(prompt, SHAPES)
