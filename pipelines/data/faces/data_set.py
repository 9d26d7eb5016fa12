"""The data set as the rest of the program sees it."""
from __future__ import annotations

from pipelines.data.faces.words import GRAMMAR, PARTS
from pipelines.data.portraits.data_set import made
from pipelines.data.portraits.portraits import Portraits

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
DATA_SET = made(
    "faces", PORTRAITS, FALSE_ACCEPTS, size=32, latent_size=64,
    source="DiceBear's style Toon Head, a remix of “ToonHead” by Johan Melin, licensed under CC BY 4.0",
    prompts=("a winking face with short brown hair, a beard and a green sweater on pink",
             "a person with long wavy blond hair and a red dress on a blue background", "a sleepy face with pale skin and no beard"),
    prompt="a face with red hair on blue", labels=PORTRAITS.labels("a face with red hair", "a winking face on blue"))
