"""The data set as the rest of the program sees it."""
from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from pipelines.data.contract import DataSet, FeatureSpace, Judge
from pipelines.data.faces.words import GRAMMAR, PARTS
from pipelines.data.portraits.portraits import SPLITS, Portraits

if TYPE_CHECKING:
    from pipelines.data.tokenizer import CaptionTokenizer
    from pipelines.training.head_start import Reading

FALSE_ACCEPTS = 2 / 460            # share of near misses that the judge takes for what they are not: what its `rates` find
_ROWS = {layer.shows: tuple(layer.rows) for layer in PARTS.layers}
PORTRAITS = Portraits(
    PARTS, GRAMMAR,
    {"background": tuple(PARTS.colours["background"]), "skin": tuple(PARTS.colours["skin"]),
     "hair colour": tuple(PARTS.colours["hair colour"]), "length": ("short", "short", *_ROWS["length"]), "hair": _ROWS["hair"],
     "beard": (*["none"] * 5, *_ROWS["beard"]), "eyes": _ROWS["eyes"], "clothes": _ROWS["clothes"],
     "clothes colour": tuple(PARTS.colours["clothes colour"]), "eyebrows": _ROWS["eyebrows"], "mouth": _ROWS["mouth"]},
    ({"hair colour": "green", "background": "pink"}, {"hair colour": "blue", "clothes colour": "orange"},
     {"hair colour": "grey", "eyes": "winking"}, {"hair colour": "blond", "skin": "dark"},
     {"clothes colour": "yellow", "background": "blue"}, {"clothes": "dress", "beard": "long"}, {"length": "wavy", "background": "red"},
     {"hair": "spiky", "clothes": "turtleneck"}))


def tokenizer() -> CaptionTokenizer:
    from pipelines.data.common import tokenizer
    return tokenizer()


def head_start(width: int) -> Reading:
    from pipelines.data.portraits.head_start import reading
    return reading(PORTRAITS, tokenizer(), width)


@cache
def judge() -> Judge:
    from pipelines.data.portraits import judging
    return judging.judge("faces", FALSE_ACCEPTS)


@cache
def features() -> FeatureSpace:
    from pipelines.data.portraits.reader import feature_space
    return feature_space("faces")


DATA_SET = DataSet(
    name="faces", source="DiceBear's style Toon Head, a remix of “ToonHead” by Johan Melin, licensed under CC BY 4.0", size=32, channels=3,
    splits=dict.fromkeys(SPLITS),
    prompts=("a winking face with short brown hair, a beard and a green sweater on pink",
             "a person with long wavy blond hair and a red dress on a blue background", "a sleepy face with pale skin and no beard"),
    prompt="a face with red hair on blue", surprises=10**6, item=PORTRAITS.item, evaluation=PORTRAITS.evaluation,
    picture=PORTRAITS.picture, words=lambda: GRAMMAR.words, tokenizer=tokenizer,
    labels=PORTRAITS.labels("a face with red hair", "a winking face on blue"), latent_size=64,
    judge=judge, features=features, head_start=head_start)
