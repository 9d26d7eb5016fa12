"""What a browser that comes back asks for again."""
from __future__ import annotations

from playwright.sync_api import Browser

from tests.browser.conftest import visit


def test_a_browser_that_comes_back_loads_no_script_or_style_sheet_of_ours_again(browser: Browser, address: str) -> None:
    errors = list[str]()
    page = visit(browser, address, errors)
    first = page.evaluate(OURS)
    page.goto("about:blank")
    page.goto(address)
    page.locator("#diffusion-generate").wait_for()
    again = page.evaluate(OURS)
    page.context.close()
    assert len(first) > 30 and all(size > 0 for size in first.values())
    assert again.keys() == first.keys() and not any(again.values()) and not errors


# Bytes that came over the network for each of our files; none where the browser has it.
OURS = """() => Object.fromEntries(performance.getEntriesByType("resource").filter((entry) => entry.name.includes("/page/"))
  .map((entry) => [entry.name, entry.transferSize]))"""
