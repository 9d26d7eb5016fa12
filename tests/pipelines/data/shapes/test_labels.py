"""Which class a prompt names."""
from __future__ import annotations

import pytest

from pipelines.data.shapes.captions import item
from pipelines.data.shapes.labels import label_of, name_of, named
from pipelines.options import OptionError


def test_captions_name_the_class_of_their_main_thing() -> None:
    for k in range(300):
        scene, caption, _ = item("train", 0, k)
        assert label_of(caption) == scene.label, caption


def test_what_is_left_to_chance_is_said() -> None:
    assert named("a red star") is None and named("An orange disc!") is not None
    assert "“red star”" in str(named("a large red star above a small blue ring"))
    assert name_of(label_of("two dogs and a blue plus")) == "blue cross"
    for prompt in ("", "red", "a star", "star red", "an elephant", "reddish stars"):
        with pytest.raises(OptionError, match="colour and a shape"):
            label_of(prompt)
