"""What an option makes of what was written for it: its value, or a sentence that says what is missing."""
from __future__ import annotations

from typing import Any

import pytest

from pipelines.options import Option, OptionError

STEPS = Option("steps", int, 50, "Steps", "", low=1, high=1000)
WEIGHT = Option("w", float, 3.0, "Guidance", "", low=0, high=20)
SPACING = Option("spacing", str, "trailing", "Spacing", "", choices=("trailing", "leading"))
CLIP = Option("clip", bool, True, "Clip", "")


@pytest.mark.parametrize(("option", "todo"), [
    (STEPS, "write a whole number between 1 and 1000"), (WEIGHT, "write a number between 0 and 20"),
    (SPACING, "choose one of trailing, leading"), (CLIP, "choose true or false")])
@pytest.mark.parametrize("value", [None, "", "  "])
def test_nothing_is_said_to_be_missing(option: Option, todo: str, value: Any) -> None:
    with pytest.raises(OptionError, match=f"^{option.label} is empty; {todo}.$"):
        option.parse(value)


def test_a_text_may_be_empty() -> None:
    text = Option("source", str, "", "Start from a picture", "")
    assert text.parse(None) == text.parse("") == ""


@pytest.mark.parametrize("value", ["1,5", " 0,25 ", "-1,5"])
def test_a_decimal_comma_is_pointed_out(value: str) -> None:
    with pytest.raises(OptionError, match="decimals are written with a point"):
        WEIGHT.parse(value)
    with pytest.raises(OptionError) as told:
        WEIGHT.parse("1,2,3")
    assert "point" not in str(told.value)
