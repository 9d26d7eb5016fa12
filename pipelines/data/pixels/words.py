"""What the portraits can look like, and the words for it. Variants that go by one word are numbered: "cap 1", "cap 2"."""
from __future__ import annotations

from pathlib import Path

from pipelines.data.portraits.captions import Grammar, Thing, plain
from pipelines.data.portraits.parts import Parts

PARTS = Parts(Path(__file__).parent)
LONGEST = 22                       # words of a caption: a token each, and two of the 24 that models read are its start and its end
ROWS = {layer.shows: tuple(layer.rows) for layer in PARTS.layers}


def those(attribute: str, *words: str) -> tuple[str, ...]:
    """The values of an attribute that go by one of the words."""
    return tuple(value for value in ROWS[attribute] if value.split()[0] in words)


def _groups(attribute: str, *words: str) -> dict[str, tuple[str, ...]]:
    return {word: those(attribute, word) for word in words}


GRAMMAR = Grammar(
    head=Thing(("a face", "a person"), ("mouth",)),
    things=(Thing(("hair",), ("hair", "hair colour"), shows="hair"),
            Thing((), ("hat colour",), shows="hat"),
            Thing((), (), shows="glasses"),
            Thing((), ("beard", "hair colour"), shows="beard"),
            Thing((), (), shows="earrings"),
            Thing(("skin",), ("skin",)),
            Thing(("clothes",), ("clothes", "clothes colour"), shows="clothes")),
    adjectives={
        "mouth": _groups("mouth", "smiling", "grinning", "surprised", "serious", "frowning"),
        "hair": _groups("hair", "short", "long", "bobbed", "braided", "frizzy", "balding"),
        "hair colour": {**plain(*PARTS.colours["hair colour"]), "blonde": ("blond",), "gray": ("grey",)},
        "hat colour": plain(*PARTS.colours["hat colour"]),
        "beard": _groups("beard", "long", "full"),
        "skin": plain(*PARTS.colours["skin"]),
        "clothes": _groups("clothes", "plain", "striped", "checked"),
        "clothes colour": plain(*PARTS.colours["clothes colour"]),
        "background": plain(*PARTS.colours["background"])},
    nouns={
        "hair": {"a mohawk": those("hair", "mohawk"), "no hair": ("none",)},
        "hat": {"a hat": ROWS["hat"], "a cap": those("hat", "cap"), "a beanie": those("hat", "beanie"), "no hat": ("none",)},
        "glasses": {"glasses": those("glasses", "clear"), "sunglasses": those("glasses", "dark"), "no glasses": ("none",)},
        "beard": {"a beard": those("beard", "full", "long"), "a goatee": those("beard", "goatee"), "no beard": ("none",)},
        "earrings": {"earrings": ROWS["earrings"], "no earrings": ("none",)},
        "clothes": {"a shirt": those("clothes", "plain", "striped", "checked"), "a top": those("clothes", "top")}},
    longest=LONGEST)
