"""What faces can look like, and the words for it."""
from __future__ import annotations

from pathlib import Path

from pipelines.data.portraits.captions import Grammar, Thing, plain
from pipelines.data.portraits.parts import Parts

PARTS = Parts(Path(__file__).parent)
LONGEST = 22                       # words of a caption: a token each, and two of the 24 that models read are its start and its end
GRAMMAR = Grammar(
    head=Thing(("a face", "a person"), ("eyes",)),
    things=(Thing(("hair",), ("length", "hair", "hair colour")),
            Thing((), ("beard", "hair colour"), shows="beard"),
            Thing(("skin",), ("skin",)),
            Thing(("clothes",), ("clothes colour",), shows="clothes")),
    adjectives={
        "eyes": {"bright eyed": ("bright",), "wide eyed": ("wide",), **plain("squinting", "sleepy", "winking")},
        "length": {**plain("short", "bobbed", "curly", "straight", "wavy"), "long": ("straight", "wavy")},
        "hair": plain("combed", "cropped", "spiky", "tied"),
        "hair colour": {**plain(*PARTS.colours["hair colour"]), "blonde": ("blond",), "gray": ("grey",)},
        "beard": {**plain("short", "long"), "full": ("short",)},
        "skin": plain(*PARTS.colours["skin"]),
        "clothes colour": plain(*PARTS.colours["clothes colour"]),
        "background": plain(*PARTS.colours["background"])},
    nouns={
        "beard": {"no beard": ("none",), "a moustache": ("moustache",), "a goatee": ("goatee",), "a beard": ("short", "long"),
                  "a moustache and goatee": ("moustache and goatee",), "a goatee and moustache": ("moustache and goatee",)},
        "clothes": {f"a {name}": (name,) for name in ("turtleneck", "jacket", "dress", "sweater", "t shirt")}},
    longest=LONGEST)
