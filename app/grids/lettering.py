"""Words on pictures: wrapped to a width, in whatever font of this computer has their letters, right to left where they are read so."""
from __future__ import annotations

import math
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, features
from PIL.ImageFont import FreeTypeFont, Layout

OWN = ""                           # the font that comes with Pillow, which has Latin letters and goes first
LIKED = ("dejavusans", "notosans", "segoeui", "arial", "helvetica", "notosansarabic", "notosanshebrew", "notosanscjk", "msyh",
         "yugoth", "malgun", "hiragino", "pingfang", "applesdgothic", "notoemoji", "seguiemj", "seguisym", "applesymbols",
         "notocoloremoji", "applecoloremoji")
STYLES = ("bold", "italic", "oblique", "mono", "condensed", "light", "black", "thin", "serif", "math")
SIZES = (109, 160, 136, 96, 64)    # that fonts of coloured pictures have: Noto's, Apple's, others
MOST_FILES = 400                   # fonts that are looked at for a letter
ABOVE, BELOW = 1.0, 0.3            # room of a line over and under its baseline, in sizes, if its letters need no more


@dataclass(frozen=True)
class Part:
    """A part of a line that one font has letters for."""
    text: str
    font: FreeTypeFont
    factor: float                  # by which what it draws is made smaller: fonts of coloured pictures have one size

    @property
    def length(self) -> float:
        return self.factor * self.font.getlength(self.text)

    @property
    def box(self) -> tuple[float, ...]:
        """Left, upper, right and lower end of its ink, from where it begins on the baseline."""
        return tuple(self.factor * end for end in self.font.getbbox(self.text, anchor="ls"))

    def draw(self, sheet: Image.Image, x: float, y: float, colour: str) -> None:
        """Beginning at (x, y) on the baseline of an RGB picture."""
        if self.factor == 1:
            ImageDraw.Draw(sheet).text((x, y), self.text, colour, self.font, anchor="ls", embedded_color=True)
            return
        left, upper, right, lower = (math.floor(end) for end in self.font.getbbox(self.text, anchor="ls"))
        large = Image.new("RGBA", (max(1, right - left), max(1, lower - upper)))
        ImageDraw.Draw(large).text((-left, -upper), self.text, colour, self.font, anchor="ls", embedded_color=True)
        small = large.resize((math.ceil(self.factor * large.width), math.ceil(self.factor * large.height)))
        sheet.paste(small, (math.floor(x + self.factor * left), math.floor(y + self.factor * upper)), small)


@dataclass(frozen=True)
class Line:
    """Parts from left to right, and how much room they take in pixels around the point where the line begins."""
    parts: tuple[Part, ...]
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

    def draw(self, sheet: Image.Image, x: float, y: float, colour: str) -> None:
        """With its upper left corner at (x, y) of an RGB picture."""
        for line in self.lines:
            y += line.above
            along = x + line.before + (self.width - line.before - line.width) * line.from_right
            for part in line.parts:
                part.draw(sheet, along, y, colour)
                along += part.length
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
    parts = tuple(Part(part, *_font(name, size)) for name, part in _parts(text))
    along, left, right, above, below = 0.0, 0.0, 0.0, ABOVE * size, BELOW * size
    for part in parts:
        box = part.box
        left, right = min(left, along + box[0]), max(right, along + box[2], along + part.length)
        above, below = max(above, -box[1]), max(below, box[3])
        along += part.length
    return Line(parts, -left, right, above, below, _from_right(text))


def _parts(text: str) -> list[tuple[str, str]]:
    """(font, part) from left to right: one part if a font has all letters, since only then its engine orders all of them."""
    names = [_name(letter) or OWN for letter in text] or [OWN]
    for name in dict.fromkeys(names):
        if all(_has(name, letter) for letter in text):
            return [(name, text)]
    for k, letter in enumerate(text[1:], 1):
        if names[k] != OWN and _has(names[k - 1], letter):                 # it stays in the font of the letter before it
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
    if letter in "\ufe0e\ufe0f" or unicodedata.category(letter) == "Cf":          # what joins letters and draws nothing itself
        return name != OWN and bool(features.check("raqm"))
    try:
        font, _ = _font(name, 15, plain=True)
        return letter == " " or bytes(font.getmask(letter)) != bytes(font.getmask("\uffff"))
    except OSError:                # it is no font
        return False


@lru_cache(maxsize=256)
def _font(name: str, size: int, plain: bool = False) -> tuple[FreeTypeFont, float]:
    """(font, by what its letters are made smaller); plain: letter by letter, without what orders and joins them. Raises OSError."""
    engine = Layout.BASIC if plain or not features.check("raqm") else Layout.RAQM
    if name == OWN:
        own = ImageFont.load_default(size)
        assert isinstance(own, FreeTypeFont)           # as it is with FreeType, which Pillow's own builds have
        return own, 1.0
    try:
        return ImageFont.truetype(name, size, layout_engine=engine), 1.0
    except OSError:
        for one in SIZES:
            with suppress(OSError):
                return ImageFont.truetype(name, one, layout_engine=engine), size / one
        raise


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
