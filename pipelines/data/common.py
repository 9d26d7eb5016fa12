"""One tokenizer for several sets: that of `shapes`, whose ids stay, and after them the words of the others.

So a model that learnt the captions of one can go on with those of another: it knows the tokens that they share.
"""
from __future__ import annotations

from functools import cache

from pipelines.data import dataset
from pipelines.data.tokenizer import CaptionTokenizer, extended

ROOM = 400                         # ids that models make room for, so that words can follow those of today
# In the order of their ids, which models know: what is new comes last.
WORDS = (
    "face", "person", "with", "hair", "beard", "moustache", "goatee", "skin", "clothes", "no",
    "bright", "eyed", "wide", "squinting", "sleepy", "winking",
    "short", "bobbed", "curly", "straight", "wavy", "long", "combed", "cropped", "spiky", "tied", "full",
    "brown", "blond", "blonde", "pale", "tan", "dark", "turtleneck", "jacket", "dress", "sweater", "shirt",
    "top", "trouser", "trousers", "pullover", "coat", "sandal", "sneaker", "bag", "ankle", "boot",
    "smiling", "grinning", "surprised", "serious", "frowning", "braided", "frizzy", "balding", "mohawk", "hat", "cap", "beanie", "glasses",
    "sunglasses", "earrings", "striped", "checked", "plain")


@cache
def tokenizer() -> CaptionTokenizer:
    """The one that ships with the project; as long as that of `shapes`."""
    shapes = dataset("shapes").tokenizer()
    return CaptionTokenizer(extended(shapes.bpe, WORDS), shapes.length, ROOM)
