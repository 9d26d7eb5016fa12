"""Comparisons as a person makes them: built, watched, stopped, resumed, looked at closely, taken away; and 900 cells stay quick."""
from __future__ import annotations

import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from app.drawing.ask import Ask
from app.drawing.jobs import RUNNING
from app.grids.ask import GridAsk
from app.paths import Paths
from app.service import Service
from tests.browser.conftest import serving
from tests.browser.test_page import choose, fill, tab

SIDE = 30


@pytest.fixture(scope="module")
def manner() -> dict[str, Any]:
    """Somebody whose decimals have a comma."""
    return {"locale": "de-DE"}


def test_where_decimals_have_a_comma_the_page_says_how_it_reads_an_axis(page: Page) -> None:
    tab(page, "Compare")
    choose(page, "compare-x", "Guidance")
    fill(page, "compare-x-values", "1,5")
    expect(page.locator("#compare-message")).to_contain_text("guidance_scale=1,5 is read as 1 and 5; a decimal is written with a point")


def test_build_watch_stop_resume_look_closely_and_take_away(page: Page, tmp_path: Path) -> None:
    tab(page, "Compare")
    choose(page, "compare-x", "Steps")
    choose(page, "compare-y", "Seed")
    expect(page.locator("#compare-y-values textarea, #compare-y-values input")).to_have_value("1-4(+1)")
    fill(page, "compare-y-values", "1-2(+1)")
    fill(page, "compare-x-values", "3, 400")
    page.get_by_label("Distance to a reference solution").uncheck()
    expect(page.locator("#compare-message")).to_contain_text("4 cells · 4 images · 1,612 NFE")
    page.click("#compare-run")
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(2)
    expect(page.locator("#compare-grid .sx-cell.sx-running img").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#compare-grid")).to_contain_text("2 of 4 cells are done and kept")
    page.reload()                                                          # the grid is on the server, not on the page
    tab(page, "Compare")
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(2)
    fill(page, "compare-x-values", "7")
    page.get_by_role("button", name="Use its settings").click()
    expect(page.locator("#compare-x-values textarea, #compare-x-values input")).to_have_value(re.compile("3, ?400"))
    expect(page.locator("#compare-y-values textarea, #compare-y-values input")).to_have_value("1-2(+1)")
    fill(page, "compare-x-values", "3, 5")
    page.click("#compare-extend")
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(4)
    expect(page.locator("#compare-grid .sx-column").last).to_contain_text("5 steps")
    page.locator("#compare-grid .sx-cell").first.click()
    expect(page.locator("#compare-grid .sx-panel")).to_have_count(2)
    page.get_by_role("button", name="Difference").click()
    expect(page.locator("#compare-grid .sx-large canvas").first).to_be_visible()
    expect(page.locator("#compare-grid .sx-large")).to_contain_text("mean")
    page.get_by_role("button", name="Run this cell again and compare").click()
    expect(page.locator("#compare-grid .sx-verdict")).to_contain_text("Drawn again: 1 ")
    page.get_by_role("button", name="Self-test").click()
    expect(page.locator("#compare-grid .sx-verdict")).to_contain_text("Drawn again: 8 ")
    page.locator("#compare-grid .sx-grid-chart summary").click()
    page.get_by_role("button", name="Accuracy by NFE").click()
    expect(page.locator("#compare-grid .sx-grid-chart svg").first).to_be_visible()
    for kind in ("PNG", "CSV", "JSON", "HTML page"):
        with page.expect_download() as download:
            page.get_by_text(f"Export {kind}", exact=True).click()
        download.value.save_as(tmp_path / download.value.suggested_filename)
    (exported,) = tmp_path.glob("*.json")
    assert len(json.loads(exported.read_text())["cells"]) == 4
    tab(page, "Gallery")
    page.locator("#gallery-list button").first.click()
    page.locator("#gallery-detail").get_by_role("button", name="Run again and compare").click()
    expect(page.locator("#gallery-detail")).to_contain_text("Drawn again: 1 ")
    page.locator("#gallery-detail").get_by_role("button", name="Open its grid").click()
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(4)
    page.get_by_label("Name of the grid").fill("my grid")
    page.get_by_label("Name of the grid").press("Enter")
    page.get_by_text("Earlier grids").click()
    expect(page.locator("#compare-grid")).to_contain_text("my grid")
    page.locator("#compare-grid .sx-grid-tools").get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(4)


@pytest.fixture(scope="module")
def large() -> Iterator[tuple[str, list[int]]]:
    """The address of a playground with a grid of 900 cells, and how many bytes the process grew by while it drew it in three parts."""
    memory = Path("/dev/shm")                                              # where saving costs no disk
    folder = Path(tempfile.mkdtemp(dir=memory if memory.is_dir() else None))
    service = Service(Paths(folder))

    def asked(rows: int) -> GridAsk:
        prompts = " | ".join(f"a red star {k}" for k in range(rows))
        return GridAsk(Ask("gan", "a red star", count=1), f"seed=1-{SIDE}(+1)", f"prompt={prompts}", distance=False)

    grid, grown = service.grids.start(asked(SIDE // 3)), []
    for part in (1, 2, 3):
        before = psutil.Process().memory_info().rss
        if part > 1:
            service.grids.extend(grid, asked(part * SIDE // 3))
        while service.grids.view(grid)["status"] in RUNNING:
            time.sleep(0.05)
        grown.append(psutil.Process().memory_info().rss - before)
    service.close()
    with serving(folder, 7963) as address:
        yield address, grown
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.long
def test_900_cells_stay_quick_and_memory_bounded(large: tuple[str, list[int]], browser: Browser) -> None:
    address, grown = large
    assert grown[2] < grown[0], grown                                      # what the first 300 needed serves the others too
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(address)
    tab(page, "Compare")
    page.get_by_text("Earlier grids").click()
    page.locator("#compare-grid .sx-earlier-list button").first.click()
    expect(page.locator("#compare-grid .sx-status")).to_contain_text("900 of 900 cells")
    expect(page.locator("#compare-grid .sx-cell img").first).to_be_visible()
    assert page.locator("#compare-grid .sx-cell").count() < 300            # only what is seen is in the page
    page.evaluate("""() => { window.sxChanged = (act) => new Promise((done) => {
        let changed = 0;
        const watching = new MutationObserver((seen) => {
            for (const one of seen) changed += one.type === "childList" ? one.addedNodes.length + one.removedNodes.length : 1;
        });
        watching.observe(document.querySelector("#compare-grid"), {subtree: true, childList: true, attributes: true, characterData: true});
        act();
        requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { watching.disconnect(); done(changed); }, 100)));
    }); }""")
    changed = {}
    for name, act in {
            "scroll": "() => { document.querySelector('#compare-grid .sx-cells').scrollTop += 900; }",
            "scroll across": "() => { document.querySelector('#compare-grid .sx-cells').scrollLeft += 700; }",
            "key": "() => document.querySelector('#compare-grid .sx-cell[tabindex=\\'0\\']')?.dispatchEvent("
                   "new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))",
            "open": "() => document.querySelector('#compare-grid .sx-cell').click()"}.items():
        changed[name] = page.evaluate(f"() => window.sxChanged({act})")
    print(changed, grown)
    assert all(0 < count < SIDE * SIDE for count in changed.values()), changed           # what is seen is drawn anew, and no more
    context.close()
