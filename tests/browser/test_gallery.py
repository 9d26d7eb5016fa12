"""The gallery as a person uses it: what follows a deletion, how it is undone, and what o'clock it is."""
from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from playwright.sync_api import expect

from tests.browser.conftest import Opener
from tests.browser.test_page import fill
from tests.browser.test_state import show


def test_after_delete_the_next_is_chosen_undo_is_in_sight_and_times_are_local(open_page: Opener) -> None:
    page = open_page(height=500, timezone_id="Asia/Tokyo", locale="en-GB")
    show(page, "gan")
    fill(page, "gan-prompt", "a large orange cross")
    fill(page, "gan-count", 3)
    page.click("#gan-generate")
    expect(page.locator("#gan-canvas .sx-tools a")).to_have_count(3)
    show(page, "gallery")
    page.fill("#gallery-text", "a large orange cross")
    thumbs, chosen = page.locator("#gallery-list .sx-thumb"), page.locator("#gallery-list .sx-chosen")
    expect(thumbs).to_have_count(3)
    first, second, third = (thumbs.nth(k).get_attribute("data-id") or "" for k in range(3))
    thumbs.nth(1).click()

    moment = page.locator("#gallery-detail time")
    made = datetime.fromisoformat((moment.get_attribute("datetime") or "").replace("Z", "+00:00"))
    expect(moment).to_have_attribute("title", f"{made:%Y-%m-%d %H:%M:%S} UTC")
    expect(moment).to_contain_text(f"{made.astimezone(ZoneInfo('Asia/Tokyo')):%H:%M:%S}")

    page.mouse.wheel(0, 10_000)
    page.locator("#gallery-detail").get_by_role("button", name="Delete").click()
    expect(page.locator("#gallery-total")).to_have_text("2 pictures")
    expect(chosen).to_have_attribute("data-id", third)
    expect(page.locator("#gallery-detail img")).to_have_attribute("src", re.compile(third))
    undo = page.locator("#gallery-view").get_by_role("button", name="Undo")
    for place in (0, 10_000):                                              # wherever the page stands
        page.evaluate("y => scrollTo(0, y)", place)
        expect(undo).to_be_in_viewport(ratio=1)
    page.keyboard.press("Delete")                                          # the last one: the one before is chosen
    expect(page.locator("#gallery-total")).to_have_text("1 picture")
    expect(chosen).to_have_attribute("data-id", first)
    expect(page.locator("#gallery-view .sx-toast")).to_contain_text("2 pictures moved to the bin.")
    page.keyboard.press("Control+z")
    expect(page.locator("#gallery-total")).to_have_text("3 pictures")
    expect(chosen).to_have_attribute("data-id", third)
    expect(undo).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    expect(chosen).to_have_attribute("data-id", second)

    page.locator("#gallery-bin").check()
    expect(page.locator("#gallery-total")).to_have_text("0 pictures")
    page.locator("#gallery-bin").uncheck()
    thumbs.first.click()
    for left in (2, 1, 0):
        page.keyboard.press("Delete")
        expect(page.locator("#gallery-total")).to_have_text(f"{left} picture{'s' * (left != 1)}")
    expect(page.locator("#gallery-detail")).to_contain_text("Choose a picture")
    expect(page.locator("#gallery-list")).to_contain_text("Nothing here yet")
    undo.click()
    expect(thumbs).to_have_count(3)
