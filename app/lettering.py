"""Words on pictures: wrapped to a width, in whatever font of this computer has their letters, right to left where they are read so."""
from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from PIL import ImageDraw, ImageFont, features
from PIL.ImageFont import FreeTypeFont, Layout

OWN = ""                           # the font that comes with Pillow, which has Latin letters and goes first
LIKED = ("dejavusans", "notosans", "segoeui", "arial", "helvetica", "notosansarabic", "notosanshebrew", "notosanscjk", "msyh", "yugoth",
         "malgun", "hiragino", "pingfang", "applesdgothic", "notoemoji", "seguiemj", "seguisym", "applesymbols")
STYLES = ("bold", "italic", "oblique", "mono", "condensed", "light", "black", "thin", "serif", "math")
MOST_FILES = 400                   # fonts that are looked at for a letter
ABOVE, BELOW = 1.0, 0.3            # room of a line over and under its baseline, in sizes, if its letters need no more


@dataclass(frozen=True)
class Line:
    """Parts of one font each from left to right, and how much room they take in pixels around the point where the line begins."""
    parts: tuple[tuple[str, FreeTypeFont], ...]
    before: float                  # of ink, left of that point
    width: float
    above: float
    below: float
    from_right: bool


@dataclass(frozen=True)
class Block:
    """Lines, one beneath the other."""
    lines: tuple[Line, ...]

    @property
    def width(self) -> int:
        return max((-int(-line.before - line.width) for line in self.lines), default=0) + 1

    @property
    def height(self) -> int:
        return -int(-sum(line.above + line.below for line in self.lines)) + 1

    def draw(self, draw: ImageDraw.ImageDraw, x: float, y: float, colour: str) -> None:
        """With its upper left corner at (x, y)."""
        for line in self.lines:
            y += line.above
            along = x + line.before + (self.width - line.before - line.width) * line.from_right
            for text, font in line.parts:
                draw.text((along, y), text, colour, font, anchor="ls")
                along += font.getlength(text)
            y += line.below


def wrapped(text: str, size: int, width: float) -> Block:
    """The text in lines of at most that width, broken between words, and within a word only where it is longer than a line."""
    lines, last = [], ""
    for word in spelt(" ".join(text.split())).split(" "):
        longer = f"{last} {word}" if last else word
        if line_of(longer, size).width <= width:
            last = longer
            continue
        lines += [last] if last else []
        *whole, last = _pieces(word, size, width)
        lines += whole
    return Block(tuple(line_of(line, size) for line in [*lines, last]))


def _pieces(word: str, size: int, width: float) -> list[str]:
    """A word cut where a line ends; marks stay with their letter."""
    pieces = [""]
    for letter in word:
        if pieces[-1] and line_of(pieces[-1] + letter, size).width > width and not unicodedata.category(letter).startswith(("M", "C")):
            pieces.append("")
        pieces[-1] += letter
    return pieces


@lru_cache(maxsize=20_000)
def line_of(text: str, size: int) -> Line:
    """A line of letters that some font has."""
    parts = tuple((part, _font(name, size)) for name, part in _parts(text))
    along, left, right, above, below = 0.0, 0.0, 0.0, ABOVE * size, BELOW * size
    for part, font in parts:
        box = font.getbbox(part, anchor="ls")
        left, right = min(left, along + box[0]), max(right, along + box[2], along + font.getlength(part))
        above, below = max(above, -box[1]), max(below, box[3])
        along += font.getlength(part)
    return Line(parts, -left, right, above, below, _from_right(text))


def _parts(text: str) -> list[tuple[str, str]]:
    """(font, part) from left to right: one part if a font has all letters, since only then its engine orders all of them."""
    names = [_name(letter) or OWN for letter in text] or [OWN]
    for name in dict.fromkeys(names):
        if all(_has(name, letter) for letter in text):
            return [(name, text)]
    for k, letter in enumerate(text[1:], 1):
        if letter == " " or (names[k] != OWN and _has(names[k - 1], letter)):        # it stays in the font of the letter before it
            names[k] = names[k - 1]
    groups = groupby(zip(names, text, strict=True), key=lambda pair: pair[0])
    parts = [(name, "".join(letter for _, letter in group)) for name, group in groups]
    return parts[::-1] if _from_right(text) else parts


def _from_right(text: str) -> bool:
    """Whether a line is read from right to left, as its first letter of a direction is."""
    directions = (unicodedata.bidirectional(letter) for letter in text)
    return next((d for d in directions if d in ("L", "R", "AL")), "L") != "L"


def spelt(text: str) -> str:
    """The text in letters that some font has; others are written out."""
    return "".join(letter if _name(letter) is not None else _written_out(letter) for letter in text)


def _written_out(letter: str) -> str:
    name = unicodedata.name(letter, "")
    if name.startswith("GREEK"):
        return name.split()[-1].lower()
    return "x" if letter == "×" else "" if unicodedata.category(letter).startswith(("M", "C")) else f"\\u{{{ord(letter):X}}}"


@cache
def _name(letter: str) -> str | None:
    """The file of the first font that has a letter; None if there is none."""
    return next((name for name in (OWN, *_files()) if _has(name, letter)), None)


@cache
def _has(name: str, letter: str) -> bool:
    """Whether a font has a letter: what it draws for it is not what it draws for none."""
    try:
        font = _font(name, 15, plain=True)
        return letter == " " or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
    except OSError:                # no font, or one of pictures that have one size
        return False


@lru_cache(maxsize=256)
def _font(name: str, size: int, plain: bool = False) -> FreeTypeFont:
    """plain: letter by letter, without what orders and joins them."""
    engine = Layout.BASIC if plain or not features.check("raqm") else Layout.RAQM
    if name == OWN:
        own = ImageFont.load_default(size)
        assert isinstance(own, FreeTypeFont)           # as it is with FreeType, which Pillow's own builds have
        return own
    return ImageFont.truetype(name, size, layout_engine=engine)


@cache
def _files() -> tuple[str, ...]:
    """Fonts of this computer, plain ones with many letters first."""
    def rank(path: Path) -> tuple[int, int, str]:
        name = path.stem.lower().replace("-", "").replace("_", "").replace(" ", "")
        liked = next((k for k, start in enumerate(LIKED) if name.removesuffix("regular") == start),
                     next((len(LIKED) + k for k, start in enumerate(LIKED) if name.startswith(start)), 2 * len(LIKED)))
        return sum(style in name for style in STYLES), liked, name
    return tuple(map(str, sorted(_found(), key=rank)[:MOST_FILES]))


def _found() -> Iterator[Path]:
    home = Path.home()
    folders = {"win32": [Path(os.environ.get("WINDIR", "C:/Windows")) / "Fonts", home / "AppData/Local/Microsoft/Windows/Fonts"],
               "darwin": [Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts"]}.get(
        sys.platform, [Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), home / ".fonts", home / ".local/share/fonts"])
    for folder in folders:
        for where, _, names in os.walk(folder):
            yield from (Path(where) / name for name in names if name.lower().endswith((".ttf", ".otf", ".ttc")))
