"""The data set as the rest of the program sees it."""
from __future__ import annotations

from pipelines.data.pixels.words import GRAMMAR, PARTS, ROWS, those
from pipelines.data.portraits.data_set import made
from pipelines.data.portraits.portraits import Portraits

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
DATA_SET = made(
    "pixels", PORTRAITS, FALSE_ACCEPTS, source="DiceBear's style Pixel Art, CC0 1.0", size=16,
    prompts=("a smiling face with long blond hair, sunglasses and a red shirt on blue",
             "a serious person with a green beanie, a brown beard and a striped shirt on a yellow background",
             "a face with short grey hair, no glasses and earrings"),
    prompt="a face with a red shirt on blue", labels=PORTRAITS.labels("a face with a red shirt", "a person with a hat on blue"))
