"""The data set as the rest of the program sees it."""
from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipelines.data.contract import DataSet, FeatureSpace, Judge
from pipelines.data.pixels.words import GRAMMAR, PARTS, ROWS, those
from pipelines.data.portraits.portraits import SPLITS, Portraits

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer
    from pipelines.training.head_start import Reading

# Hair of which hats leave little or nothing.
COVERED = ("none", *those("hair", "mohawk", "balding", "frizzy"), *(f"short {k}" for k in (2, 3, 4, 5, 6, 9, 11)))
FALSE_ACCEPTS = 6 / 459            # share of near misses that the judge takes for what they are not: what its `rates` find
_COLOURS = {attribute: tuple(colours) for attribute, colours in PARTS.colours.items()}
PORTRAITS = Portraits(
    PARTS, GRAMMAR,
    {"background": _COLOURS["background"], "skin": _COLOURS["skin"],
     "hair": (*ROWS["hair"], "none"), "hair colour": _COLOURS["hair colour"],
     "hat": (*["none"] * 15, *ROWS["hat"]), "hat colour": _COLOURS["hat colour"],
     "glasses": (*["none"] * 18, *ROWS["glasses"]), "glasses colour": _COLOURS["glasses colour"],
     "beard": (*["none"] * 12, *ROWS["beard"]), "mouth": ROWS["mouth"], "mouth colour": _COLOURS["mouth colour"],
     "eyes": ROWS["eyes"], "eye colour": _COLOURS["eye colour"], "earrings": (*["none"] * 6, *ROWS["earrings"]),
     "clothes": ROWS["clothes"], "clothes colour": _COLOURS["clothes colour"]},
    ({"hair colour": "green", "background": "pink"}, {"clothes colour": "orange", "background": "white"},
     {"hair colour": "blond", "skin": "dark"}, {"clothes colour": "yellow", "background": "blue"}),
    ({"hat": ROWS["hat"], "hair": COVERED},
     {"clothes": those("clothes", "checked", "striped"), "clothes colour": ("white",)},
     {"earrings": ROWS["earrings"], "hair": those("hair", "long", "bobbed", "braided")}))


def tokenizer() -> CaptionTokenizer:
    from pipelines.data.common import tokenizer
    return tokenizer()


def head_start(width: int) -> Reading:
    from pipelines.data.portraits.head_start import reading
    return reading(PORTRAITS, tokenizer(), width)


@cache
def judge() -> Judge:
    from pipelines.data.portraits import judging
    return judging.judge("pixels", FALSE_ACCEPTS)


@cache
def features() -> FeatureSpace:
    from pipelines.data.portraits.reader import feature_space
    return feature_space("pixels")


DATA_SET = DataSet(
    name="pixels", source="DiceBear's style Pixel Art, CC0 1.0", size=16, channels=3, splits=dict.fromkeys(SPLITS),
    prompts=("a smiling face with long blond hair, sunglasses and a red shirt on blue",
             "a serious person with a green beanie, a brown beard and a striped shirt on a yellow background",
             "a face with short grey hair, no glasses and earrings"),
    prompt="a face with a red shirt on blue", surprises=10**6, item=PORTRAITS.item, evaluation=PORTRAITS.evaluation,
    picture=PORTRAITS.picture, words=lambda: GRAMMAR.words, tokenizer=tokenizer,
    labels=PORTRAITS.labels("a face with a red shirt", "a person with a hat on blue"),
    judge=judge, features=features, head_start=head_start)
