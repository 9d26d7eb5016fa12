"""A comparison as a picture: no label lies over another, all can be read, in any script."""
from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont, features

from app.drawing.jobs import JobState
from app.grids import lettering
from app.grids import picture as grid_picture
from app.grids.lettering import spelt, wrapped
from app.grids.picture import Sheet
from app.grids.state import CellState, LiveGrid

Box = tuple[int, int, int, int]
LABELS = {
    "short": ["5 steps", "10 steps"], "long": ["a large red star above a small blue ring on a gray background", "a cross"],
    "one word": ["x" * 300, "y"], "five hundred": ["word " * 100], "arabic": ["نجمة حمراء كبيرة فوق حلقة زرقاء صغيرة", "كوكب red star"],
    "hebrew": ["שלום עולם 5", "a שלום"], "emoji": ["😀 🌟 👩‍🚀 a star", "❤️"], "cjk": ["赤い大きな星が小さな青い輪の上にある" * 3, "漢字"],
    "marks": ["x̂0 ẹ̀̀̀̀", "Å" * 40], "symbols": ["η = 0.5 · 5 × 4", "∮ ⚄ \u200f\u202e"], "forty": [f"{k} steps" for k in range(40)]}


def grid(columns: list[str], rows: list[str], name: str = "a name", count: int = 1, size: int = 32) -> LiveGrid:
    axes = {axis: {"name": axis, "title": axis, "labels": labels} for axis, labels in (("x", columns), ("y", rows), ("z", [""]))}
    cells = [CellState("done", seconds=0.3, nfe=20, distance=0.02) for _ in range(len(columns) * len(rows))]
    return LiveGrid("0" * 32, axes, JobState("compare", "diffusion", name, {}), cells, size=size, count=count, name=name)


def boxes(sheet: Sheet, tile: grid_picture.Tile) -> Iterator[Box]:
    """Of all that stands on a tile: labels, and the pictures of each cell."""
    for words in sheet.words(tile):
        yield words.x, words.y, words.x + words.block.width, words.y + words.block.height
    for _, x, y in sheet.places(tile):
        yield x, y, x + sheet.across * sheet.side - 2, y + sheet.block - 2


def ink(words: grid_picture.Words, size: tuple[int, int]) -> Box | None:
    """Where a label's letters really are, with room around the tile to find what leaves it."""
    paper = Image.new("RGB", (size[0] + 400, size[1] + 400))
    words.block.draw(paper, words.x + 200, words.y + 200, "white")
    box = paper.getbbox()
    return None if box is None else (box[0] - 200, box[1] - 200, box[2] - 200, box[3] - 200)


def judged(live: LiveGrid) -> None:
    sheet = Sheet(live)
    for tile in sheet.tiles:
        made = sheet.draw(tile, lambda i: [np.zeros((live.size, live.size, 3), np.uint8)] * live.count)
        found = list(boxes(sheet, tile))
        assert all(x >= 0 and y >= 0 and right <= made.width and bottom <= made.height for x, y, right, bottom in found)
        for a, b in combinations(found, 2):
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (a, b)
        for words, box in zip(sheet.words(tile), found, strict=False):
            real = ink(words, made.size)
            assert real is None or (box[0] <= real[0] and box[1] <= real[1] and real[2] <= box[2] and real[3] <= box[3]), (box, real)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_never_overlap_and_stay_in_the_picture(kind: str) -> None:
    labels = LABELS[kind]
    judged(grid(labels, ["DDIM", "Heun"], count=2))
    judged(grid(["5 steps"], labels[:9], name=" ".join(labels)[:500]))


@pytest.mark.slow
@given(st.lists(st.text(max_size=60), min_size=1, max_size=3), st.lists(st.text(max_size=60), min_size=1, max_size=2), st.text(max_size=80),
       st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_nor_do_any_others(columns: list[str], rows: list[str], name: str, count: int) -> None:
    judged(grid(columns, rows, name, count))


def test_tiles_hold_all_cells_and_none_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grid_picture, "TILE", 500)
    sheet = Sheet(grid([f"{k} steps" for k in range(7)], ["DDIM"] * 5, name="a long name " * 8))
    found = [i for tile in sheet.tiles for i, _, _ in sheet.places(tile)]
    assert sorted(found) == list(range(35))
    assert all(max(sheet.draw(tile, lambda i: []).size) <= 500 for tile in sheet.tiles)


def test_pictures_of_any_shape_stay_in_their_place() -> None:
    sheet = Sheet(grid(["a", "b"], ["c"]))
    made = np.asarray(sheet.draw(sheet.tiles[0], lambda i: [np.full((16, 200, 3), 255 * i, np.uint8)]))
    (_, x, y), (_, other, _) = sheet.places(sheet.tiles[0])
    assert (made[y + 2, x:x + 40] == 0).all() and (made[y + 2, other:other + 40] == 255).all()


@pytest.fixture
def no_fonts(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer without any fonts."""
    caches = (lettering._name, lettering.line_of)
    for cache in caches:
        cache.cache_clear()
    monkeypatch.setattr(lettering, "_files", lambda: ())
    yield
    for cache in caches:
        cache.cache_clear()


def test_letters_that_no_font_has_are_written_out(no_fonts: None) -> None:
    assert spelt("η = 0.5 · 5 × 4 · Clip x̂0: yes · 漢 🌟") == "eta = 0.5 · 5 x 4 · Clip x0: yes · \\u{6F22} \\u{1F31F}"
    judged(grid(["نجمة 🌟"], ["漢字"]))


def test_letters_that_a_font_has_stay() -> None:
    there = [letter for letter in "ηж漢ن★😀" if lettering._name(letter) is not None]
    assert spelt("".join(there)) == "".join(there)


def test_what_is_read_from_the_right_begins_there(monkeypatch: pytest.MonkeyPatch) -> None:
    fonts = {"first": "ab אב", "second": "جد ab"}
    monkeypatch.setattr(lettering, "_files", lambda: tuple(fonts))
    monkeypatch.setattr(lettering, "_has", lambda name, letter: letter in fonts.get(name, ""))
    lettering._name.cache_clear()
    assert lettering._parts("אב جد") == [("second", "جد"), ("first", "אב ")] and lettering._parts("ab جد") == [("second", "ab جد")]
    assert lettering._parts("aא جد") == [("first", "aא "), ("second", "جد")]
    lettering._name.cache_clear()


def test_hebrew_stands_as_it_is_read() -> None:
    name = lettering._name("א")
    if not name or not features.check("raqm"):
        pytest.skip("this computer has no Hebrew letters, or no library that orders them")
    ours = Image.new("RGB", (200, 60))
    wrapped("אבג", 30, 200).draw(ours, 0, 0, "white")

    def difference(letters: str) -> float:
        """To letters that are drawn one after the other from the left, as they are written here."""
        plain = Image.new("RGB", (200, 60))
        font = ImageFont.truetype(name, 30, layout_engine=ImageFont.Layout.BASIC)
        ImageDraw.Draw(plain).text((0, 30), letters, "white", font, anchor="ls")
        a, b = (np.asarray(image.crop(image.getbbox()).resize((60, 30)), float) for image in (ours, plain))
        return float(np.abs(a - b).mean())
    assert difference("גבא") < difference("אבג") / 2
