"""Looking closely at a comparison: its layers, two cells that blink or share a divider, and the magnifier, by mouse and by keys.

What is seen is read from screenshots and compared with the files of the pictures.
"""
from __future__ import annotations

import io
import re
from base64 import b64encode

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from playwright.sync_api import FloatRect, Locator, Page, expect

from tests.browser.conftest import Shared
from tests.browser.test_page import choose, fill, tab

LAYERS = ("a red star", "a blue ring")
COUNT, SIDE = 2, 32                # pictures in a cell, pixels of a picture
HALF = 8                           # pixels that the magnifier shows to each side of the middle one
EDGE = 6                           # pixels of the screen that the divider covers to each side, its focus ring included
Pixels = NDArray[np.uint8]
Place = tuple[int, int, int]       # layer, row, column
CORNER: Place = (0, 0, 0)


class Close:
    """A page that shows the grid."""

    def __init__(self, page: Page, grid: str) -> None:
        self.page, self.root, self.grid = page, page.locator("#compare-grid"), grid
        self.cells = page.evaluate("grid => sx.get(`/api/grid/${grid}`)", grid)["cells"]
        self.kept: dict[str, Pixels] = {}

    def urls(self, place: Place) -> list[str]:
        """Where a cell's pictures are, as the server says."""
        layer, row, column = place
        return [f"image/{image}.png" for image in self.cells[4 * layer + 2 * row + column]["images"]]

    def picture(self, place: Place, k: int) -> Pixels:
        url = self.urls(place)[k]
        if url not in self.kept:
            answer = self.page.request.get(self.page.evaluate("url => new URL(url, document.baseURI).href", url))
            self.kept[url] = np.asarray(Image.open(io.BytesIO(answer.body())).convert("RGB"))
        return self.kept[url]

    def board(self, place: Place) -> Pixels:
        """A cell's pictures side by side."""
        return np.concatenate([self.picture(place, k) for k in range(COUNT)], axis=1)

    def cell(self, row: int, column: int) -> Locator:
        return self.root.locator(f"[aria-rowindex='{row + 2}'] .sx-cell[aria-colindex='{column + 2}']")

    def image(self, row: int, column: int, k: int = 0) -> Locator:
        return self.cell(row, column).locator("img").nth(k)

    def shows_layer(self, layer: int) -> None:
        """Every cell shows its pictures of the layer: by their sources, and on the screen."""
        expect(self.root.get_by_role("button", name=LAYERS[layer], exact=True)).to_have_attribute("aria-pressed", "true")
        expect(self.root.get_by_role("button", name=LAYERS[1 - layer], exact=True)).to_have_attribute("aria-pressed", "false")
        for row in range(2):
            for column in range(2):
                for k, url in enumerate(self.urls((layer, row, column))):
                    expect(self.image(row, column, k)).to_have_attribute("src", url)
        self.page.wait_for_function("() => [...document.querySelectorAll('#compare-grid .sx-cell img')].every((i) => i.complete)")
        for place in ((layer, 0, 0), (layer, 1, 1)):
            equal(seen(self.image(*place[1:], 1)), enlarged(self.picture(place, 1), 3))

    def open_panel(self, mode: str) -> Locator:
        """Opens the corner's cell beside its right neighbour; returns where the two are seen."""
        self.cell(0, 0).click()
        self.root.get_by_role("button", name=mode, exact=True).click()
        over = self.root.locator(".sx-over")
        expect(over).to_be_visible()
        expect(self.root.locator(".sx-pair-table")).to_contain_text(LAYERS[0])
        return over


def seen(place: Locator) -> Pixels:
    """What is on the screen there; the browser paints pictures on whole pixels."""
    left, top, right, bottom = map(round, place.evaluate("""node => {
        node.scrollIntoView({block: "nearest"});
        const box = node.getBoundingClientRect();
        return [box.left, box.top, box.right, box.bottom];
    }"""))
    clip: FloatRect = {"x": left, "y": top, "width": right - left, "height": bottom - top}
    return np.asarray(Image.open(io.BytesIO(place.page.screenshot(clip=clip, animations="allow"))).convert("RGB"))


def enlarged(pixels: Pixels, factor: int) -> Pixels:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def apart(one: Pixels, two: Pixels) -> float:
    """The share of pixels that differ by more than rounding of colours."""
    assert one.shape == two.shape
    return float((np.abs(one.astype(int) - two.astype(int)).max(axis=-1) > 2).mean())


def equal(one: Pixels, two: Pixels) -> None:
    assert apart(one, two) == 0


@pytest.fixture(scope="module")
def grid(shared: Shared) -> str:
    """A grid of two layers of 2 x 2 cells with two pictures each, drawn as a person would."""
    page = shared.page
    tab(page, "Compare")
    page.get_by_label("Distance to a reference solution").uncheck()
    for letter, axis, begin, values in (("y", "Seed", "1-4(+1)", "1-11(+10)"), ("z", "Prompt", re.compile(r"\|"), " | ".join(LAYERS))):
        choose(page, f"compare-{letter}", axis)
        expect(page.locator(f"#compare-{letter}-values textarea, #compare-{letter}-values input")).to_have_value(begin)
        fill(page, f"compare-{letter}-values", values)
    fill(page, "compare-x-values", "2, 3")
    fill(page, "compare-count", COUNT)
    page.keyboard.press("Escape")
    expect(page.locator("#compare-message")).to_contain_text("8 cells · 16 images")
    page.click("#compare-run")
    expect(page.locator("#compare-grid .sx-status")).to_contain_text("8 of 8 cells")
    return page.evaluate("() => sx.recall('compare')")


@pytest.fixture
def close(grid: str, page: Page) -> Close:
    """The page with the grid, as if just opened."""
    root = page.locator("#compare-grid")
    tab(page, "Compare")
    if page.evaluate("() => sx.recall('compare')") != grid:
        page.get_by_text("Earlier grids").click()
        page.locator(f".sx-earlier-item[data-id='{grid}'] .sx-earlier-open").click()
    expect(root.locator(".sx-status")).to_contain_text("8 of 8 cells")
    page.mouse.move(5, 5)
    if (panel := root.get_by_label("Two cells compared")).is_visible():
        panel.get_by_role("button", name="Close").click()
    root.get_by_role("button", name=LAYERS[0], exact=True).click()
    root.get_by_label("Magnifier").uncheck()
    return Close(page, grid)


def test_layers_show_their_own_pictures(close: Close) -> None:
    page, root = close.page, close.root
    assert len({url for layer in (0, 1) for row in (0, 1) for column in (0, 1) for url in close.urls((layer, row, column))}) == 16
    assert apart(close.board((0, 0, 0)), close.board((1, 0, 0))) > 0.1
    close.shows_layer(0)
    root.get_by_role("button", name=LAYERS[1], exact=True).click()
    close.shows_layer(1)
    page.keyboard.press("]")                                               # there is no third
    close.shows_layer(1)
    page.keyboard.press("[")
    close.shows_layer(0)
    close.cell(1, 0).click()                                               # the two that are large follow, and so does the focus
    expect(root.locator(".sx-panel").first).to_contain_text(LAYERS[0])
    page.keyboard.press("]")
    close.shows_layer(1)
    expect(close.cell(1, 0)).to_be_focused()
    expect(root.locator(".sx-pair-table")).to_contain_text(LAYERS[1])
    for k in range(2):
        expect(root.locator(".sx-panel").nth(k)).to_contain_text(LAYERS[1])
        equal(seen(root.locator(".sx-panel canvas").nth(k)), enlarged(close.board((1, 1, k)), 3))
    page.keyboard.press("Escape")
    root.get_by_role("button", name=LAYERS[0], exact=True).focus()
    page.keyboard.press("Enter")
    close.shows_layer(0)
    expect(root.get_by_role("button", name=LAYERS[0], exact=True)).to_be_focused()
    page.keyboard.press("]")
    root.locator(".sx-grid-tools").get_by_role("button", name="Delete").click()
    root.get_by_role("button", name="Undo").click()
    expect(root.locator(".sx-status")).to_contain_text("8 of 8 cells")
    close.shows_layer(0)                                                   # opened anew: the first, in the cells as above them


def test_the_divider_decides_how_much_of_each_is_seen(close: Close) -> None:
    page, over = close.page, close.open_panel("Slider")
    a, b = enlarged(close.board(CORNER), 6), enlarged(close.board((0, 0, 1)), 6)
    handle, box = close.root.get_by_role("slider", name="Divider between A and B"), over.bounding_box()
    assert box is not None
    width = a.shape[1]

    def divided(percent: float) -> None:
        """A is seen to the left of the divider and B to its right, but for the divider and its letters."""
        expect(handle).to_have_attribute("aria-valuenow", str(round(percent)))
        now, at = seen(over), round(width * percent / 100)
        left, right = slice(0, max(0, at - EDGE)), slice(at + EDGE, width)
        above = slice(0, len(a) - 32)                                      # the letters are beneath
        assert now.shape == a.shape
        for part, wanted, other in ((left, a, b), (right, b, a)):
            if part.stop - part.start > width // 5:
                equal(now[above, part], wanted[above, part])
                assert apart(now[above, part], other[above, part]) > 0.05

    divided(50)
    y = box["y"] + 40
    page.mouse.move(box["x"] + width / 2, y)
    page.mouse.down()
    page.mouse.move(box["x"] + width / 4, y, steps=3)
    divided(25)
    page.mouse.move(box["x"] + width + 80, y, steps=2)                     # held beyond the edge
    divided(100)
    page.mouse.move(box["x"] + width * 3 / 4, y, steps=2)
    page.mouse.up()
    page.mouse.move(box["x"] + 5, y)                                       # let go
    divided(75)
    expect(handle).to_be_focused()
    for key, percent in (("ArrowLeft", 73), ("Home", 0), ("ArrowLeft", 0), ("ArrowUp", 2), ("End", 100)):
        page.keyboard.press(key)
        divided(percent)
    for _ in range(15):
        page.keyboard.press("ArrowLeft")
    divided(70)
    a, b = b, a
    close.root.get_by_role("button", name="Swap").click()                  # the other way round, the divider where it was
    expect(close.root.locator(".sx-panel").first).to_contain_text("3 steps")
    divided(70)


def test_the_magnifier_shows_the_pixels_beneath_the_pointer(close: Close) -> None:
    page, lens = close.page, close.root.locator(".sx-lens")
    here, there = lens.locator("figure").nth(0), lens.locator("figure").nth(1)

    def point(row: int, column: int, k: int, x: int, y: int) -> None:
        """To the middle of a pixel of a picture in the grid."""
        box = close.image(row, column, k).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + box["width"] * (x + 0.5) / SIDE, box["y"] + box["height"] * (y + 0.5) / SIDE)

    def magnifies(face: Locator, of: tuple[Place, int] | Pixels, x: int, y: int) -> None:
        """17 x 17 pixels of a picture are seen 8 times as large, but for the mark about the middle one."""
        picture = close.picture(*of) if isinstance(of, tuple) else of
        wanted = enlarged(picture[y - HALF:y + HALF + 1, x - HALF:x + HALF + 1], 8)
        assert wanted.shape == (136, 136, 3)
        now = seen(face.locator("canvas"))
        middle = slice(HALF * 8 - 3, HALF * 8 + 8 + 3)
        inner = slice(HALF * 8 + 1, HALF * 8 + 7)
        equal(now[inner, inner], wanted[inner, inner])
        rest = np.ones(now.shape[:2], bool)
        rest[middle, middle] = False
        equal(now[rest][None], wanted[rest][None])

    close.root.locator(".sx-cells").evaluate("cells => cells.scrollIntoView({block: 'start'})")         # room beneath it
    point(0, 1, 1, 10, 12)
    expect(lens).to_be_hidden()                                            # until asked for
    page.keyboard.down("Alt")
    expect(lens).to_be_visible()
    magnifies(here, ((0, 0, 1), 1), 10, 12)
    page.keyboard.up("Alt")
    expect(lens).to_be_hidden()
    close.root.get_by_label("Magnifier").focus()
    page.keyboard.press("Space")
    expect(lens).to_be_visible()
    magnifies(here, ((0, 0, 1), 1), 10, 12)
    magnifies(there, (CORNER, 1), 10, 12)                                    # the same place of the selected cell
    before = lens.bounding_box()
    point(0, 1, 1, 20, 9)
    after = lens.bounding_box()
    assert before is not None and after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == pytest.approx((30, -9), abs=1)      # 3 pixels of the screen each
    magnifies(here, ((0, 0, 1), 1), 20, 9)
    magnifies(there, (CORNER, 1), 20, 9)
    point(1, 0, 0, 15, 16)
    magnifies(here, ((0, 1, 0), 0), 15, 16)
    expect(here).to_contain_text("(15, 16)")
    close.cell(0, 0).focus()
    page.keyboard.press("ArrowRight")                                      # another cell is selected, the pointer rests
    expect(there).to_contain_text("3 steps")
    magnifies(there, ((0, 0, 1), 0), 15, 16)
    page.keyboard.press("]")                                               # and now the pictures change beneath it
    expect(here).to_contain_text(LAYERS[1])
    magnifies(here, ((1, 1, 0), 0), 15, 16)
    magnifies(there, ((1, 0, 1), 0), 15, 16)
    point(0, 1, 0, 15, 16)                                                 # on the selected cell there is no other
    magnifies(here, ((1, 0, 1), 0), 15, 16)
    expect(there).to_be_hidden()
    tall = np.random.default_rng(0).integers(0, 256, (2 * SIDE, SIDE, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(tall).save(file, "png")
    point(1, 1, 1, 12, 20)
    close.image(1, 1, 1).evaluate("(image, url) => { image.src = url; }", f"data:image/png;base64,{b64encode(file.getvalue()).decode()}")
    expect(here).to_contain_text("(9, 41)")                                # another comes, twice as high as wide: a quarter is margin
    magnifies(here, tall, 9, 41)
    page.mouse.move(5, 5)
    expect(lens).to_be_hidden()


def test_blink_shows_one_cell_then_the_other_at_the_same_place(close: Close) -> None:
    """The last of its file's tests: the page's clock stands still from here on."""
    page = close.page
    a, b = enlarged(close.board(CORNER), 6), enlarged(close.board((0, 0, 1)), 6)
    assert apart(a, b) > 0.1
    page.clock.install()
    over = close.open_panel("Blink")
    page.clock.pause_at(page.evaluate("Date.now() + 2000"))
    says, box = close.root.locator(".sx-pair-says"), over.bounding_box()
    first = says.inner_text()[0]
    order = [(a, "A"), (b, "B")] if first == "A" else [(b, "B"), (a, "A")]
    for wanted, letter in order * 2:
        expect(says).to_contain_text(f"{letter} is shown")
        equal(seen(over), wanted)
        assert over.bounding_box() == box
        page.clock.run_for(500)
    close.cell(0, 0).focus()
    page.keyboard.press("Space")                                           # stands still ...
    expect(says).to_contain_text(f"{first} is shown; paused")
    page.clock.run_for(2700)
    equal(seen(over), order[0][0])
    page.keyboard.press("Space")                                           # ... and goes on
    page.clock.run_for(500)
    equal(seen(over), order[1][0])
    page.emulate_media(reduced_motion="reduce")                            # nothing moves unless asked to
    expect(says).to_contain_text("Space shows the other")
    page.clock.run_for(2700)
    equal(seen(over), order[1][0])
    page.keyboard.press("Space")
    equal(seen(over), order[0][0])
