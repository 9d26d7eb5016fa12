"""One caption drawn by all families, and the table and the chart of what they can do, in real Chromium."""
from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from pipelines import registry
from tests.browser.test_page import fill, tab

CAPTION = "a large red star above a small blue ring"


def draw(page: Page, prompt: str) -> None:
    tab(page, "Families")
    fill(page, "families-prompt", prompt)
    page.click("#families-run")


def card(page: Page, family: str):
    return page.locator(f"#families-cards [data-family={family}]")


def test_all_families_draw_one_caption_and_a_picture_goes_to_its_tab(page: Page) -> None:
    draw(page, CAPTION)
    expect(page.locator("#families-cards .sx-status")).to_contain_text("6 of 6 families drew it", timeout=120_000)
    for family in registry.NAMES:
        face = registry.face(family)
        expect(card(page, family).locator("button img")).to_have_attribute("src", re.compile(r"^image/[0-9a-f]{32}\.png$"))
        expect(card(page, family)).to_contain_text(next(iter(face.samplers.values())).title)
        expect(card(page, family)).to_contain_text(re.compile(r"\d+ NFE · [\d.]+ s a picture"))
        accent = card(page, family).evaluate("card => getComputedStyle(card).getPropertyValue('--accent').trim()")
        assert accent.lower() == face.accent.lower()
    expect(card(page, "vqvae")).to_contain_text("knows classes only; it reads “red star”")
    page.reload()                                                            # the page finds its drawings again
    tab(page, "Families")
    expect(page.locator("#families-cards .sx-status")).to_contain_text("6 of 6 families drew it")
    card(page, "gan").get_by_role("button", name="Send to the GAN tab").click()
    expect(page.get_by_role("tab", name="GAN", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#gan-prompt textarea")).to_have_value(CAPTION)
    expect(page.locator("#gan-seed input")).to_have_value("7")


@pytest.mark.long
def test_one_family_refuses_and_the_others_draw_several_by_the_keyboard(page: Page) -> None:
    tab(page, "Families")
    fill(page, "families-count", 2)
    fill(page, "families-prompt", "<b>nice</b> things")
    page.locator("#families-prompt input, #families-prompt textarea").first.press("Control+Enter")
    expect(card(page, "vqvae").locator(".sx-error")).to_contain_text("name one in the prompt")
    expect(page.locator("#families-cards .sx-status")).to_contain_text("5 of 6 families drew it", timeout=120_000)
    expect(card(page, "gan").locator("button img")).to_have_count(2)
    expect(card(page, "vqvae").locator("img")).to_have_count(0)
    fill(page, "families-prompt", "")
    page.click("#families-run")
    expect(page.locator("#families-message")).to_contain_text("The prompt is empty")


def test_table_and_chart_say_what_was_measured(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    page.get_by_role("button", name="Light or dark").click()
    tab(page, "Families")
    rows = page.locator("#families-measured tbody tr")
    expect(rows).to_have_count(len(registry.NAMES))
    flow = rows.filter(has=page.get_by_role("rowheader", name="Flow"))
    expect(flow).to_contain_text("99.0 %")
    expect(flow.locator(".sx-best").first).to_have_text("99.0 %")
    assert flow.locator("td").nth(1).evaluate("cell => getComputedStyle(cell).textAlign") == "right"
    expect(rows.filter(has_text="GAN")).to_contain_text("not defined")
    said = page.locator("#families-measured li").filter(has_text="GAN")
    expect(said).to_contain_text("1 NFE, 0.004 s a picture, 125× faster than Flow")
    expect(page.locator("#families-measured .sx-main")).to_have_count(len(registry.NAMES))
    expect(page.locator("#families-measured .sx-point")).to_have_count(len(registry.NAMES) + 1)            # one sampler more of a family
    # At one moment, since the chart is drawn anew when the width has changed.
    page.wait_for_function("""count => {
        const boxes = [...document.querySelectorAll("#families-measured .sx-point-label")].map(label => label.getBoundingClientRect());
        return boxes.length === count && !boxes.some((a, k) => boxes.slice(0, k).some(b =>
            a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
    }""", arg=len(registry.NAMES))
    page.locator("#families-measured .sx-point[tabindex='0']").focus()
    tip = page.locator("#families-measured .sx-tip")
    expect(tip).to_contain_text("GAN · Generator")                           # the fastest
    page.keyboard.press("ArrowRight")
    expect(tip).to_contain_text("Flow · Euler")
    expect(page.locator("#families-measured .sx-curve")).to_have_attribute("points", re.compile(r"^\S+ \S+$"))
    page.wait_for_function("document.documentElement.scrollWidth <= window.innerWidth")
