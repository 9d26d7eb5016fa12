"""Codes of a picture are looked at and changed, a picture is continued, seeds are walked between: in real Chromium."""
from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from pipelines import registry
from tests.browser.test_families import inside, picture
from tests.browser.test_page import choose, fill, tab


def drawn(page: Page, family: str, count: int = 2) -> None:
    tab(page, registry.face(family).title)
    expect(page.locator(f"#{family}-canvas .sx-example").first).to_be_visible()
    fill(page, f"{family}-count", count)
    page.click(f"#{family}-generate")
    expect(page.locator(f"#{family}-canvas .sx-tools a").first).to_be_attached()


@pytest.mark.parametrize("family", ["vqvae", "dalle"])
def test_codes_are_drawn_looked_at_and_changed(page: Page, family: str) -> None:
    drawn(page, family)
    expect(page.locator(f"#{family}-canvas .sx-status")).to_contain_text("Top p · 64 tokens · 128 NFE")
    page.locator(f"#{family}-canvas input[type=range]").fill("2")
    for text in ("16 of 64", "zᵢ", "pᵢ"):
        expect(page.locator(f"#{family}-process dl")).to_contain_text(text)
    expect(page.locator(f"#{family}-process polyline")).to_have_count(0)
    inside(page, family, "Codes")
    panel = page.locator(f"#{family}-codes-shown")
    expect(panel.locator(".sx-code")).to_have_count(64)
    expect(panel.locator(".sx-book .sx-code-tile")).to_have_count(256)
    panel.locator(".sx-code").nth(27).click()
    expect(panel.locator(".sx-code-facts")).to_contain_text(re.compile(r"row 4, column 4: code \d+ · p [01]\.\d{3}"))
    expect(panel.locator(".sx-likely .sx-code-tile")).to_have_count(5)
    expect(panel.locator(".sx-words span").first).to_be_visible()
    before = panel.locator(".sx-code-picture").first.get_attribute("src")
    own = panel.locator(".sx-code.sx-chosen").get_attribute("aria-label")
    tiles = panel.locator(".sx-book .sx-code-tile")
    tiles.nth(1 if str(own).endswith(f"code {tiles.first.get_attribute('data-code')}") else 0).click()
    expect(panel.locator(".sx-code-facts")).to_contain_text("was")
    expect(panel.locator(".sx-code-picture").first).not_to_have_attribute("src", str(before))
    panel.get_by_role("button", name="Undo changes").click()
    expect(panel.locator(".sx-code-picture").first).to_have_attribute("src", str(before))


def test_a_picture_of_ones_own_is_reconstructed_and_continued(page: Page) -> None:
    tab(page, "DALL-E")
    inside(page, "dalle", "Codes")
    page.click("#dalle-codes-reconstruct")
    expect(page.locator("#dalle-codes-shown")).to_contain_text("no picture yet")
    page.locator("#dalle-codes-picture input[type=file]").set_input_files(picture("red"))
    page.click("#dalle-codes-reconstruct")
    expect(page.locator("#dalle-codes-shown")).to_contain_text(re.compile(r"Reconstruction: \d+\.\d dB"))
    fill(page, "dalle-count", 2)
    page.click("#dalle-codes-edit")
    expect(page.locator("#dalle-canvas .sx-tools a").first).to_be_attached()
    expect(page.locator("#dalle-canvas .sx-status")).to_contain_text("64 NFE")                       # half of the picture, with guidance

    page.click("#dalle-codes-reconstruct")
    panel = page.locator("#dalle-codes-shown")
    panel.get_by_role("button", name="Paint what stays").click()
    squares = [panel.locator(".sx-code").nth(k).bounding_box() for k in (9, 14)]
    assert squares[0] and squares[1]
    page.mouse.move(squares[0]["x"] + 5, squares[0]["y"] + 5)
    page.mouse.down()
    page.mouse.move(squares[1]["x"] + 5, squares[1]["y"] + 5, steps=20)
    page.mouse.up()
    expect(panel).to_contain_text("6 of 64 codes stay")
    panel.get_by_role("button", name="Draw the rest").click()
    expect(page.locator("#dalle-canvas .sx-status")).to_contain_text("116 NFE")      # 58 codes with guidance


def test_a_file_that_is_no_picture_gets_a_sentence(page: Page) -> None:
    for family, panel, place, button, answer, wrong in (
            ("vqvae", "Codes", "codes-picture", "codes-reconstruct", "codes-shown", b"this is no picture"),
            ("diffusion", "Picture", "own-0", "own-edit", "message", picture("red")["buffer"][:60])):       # cut off
        tab(page, registry.face(family).title)
        inside(page, family, panel)
        page.locator(f"#{family}-{place} input[type=file]").set_input_files({"name": "w.png", "mimeType": "image/png", "buffer": wrong})
        page.locator(f"#{family}-{place} img").wait_for(state="attached")
        page.click(f"#{family}-{button}")
        expect(page.locator(f"#{family}-{answer}")).to_contain_text("could not be read as a picture")


def test_a_class_is_asked_for_where_the_prompt_names_none(page: Page) -> None:
    tab(page, "VQ-VAE")
    page.locator("#vqvae-prompt textarea").fill("an elephant")
    page.click("#vqvae-generate")
    expect(page.locator("#vqvae-message")).to_contain_text("a colour and a shape")


def test_a_seed_walk_plays_and_seeds_mix(page: Page) -> None:
    drawn(page, "gan")
    expect(page.locator("#gan-canvas .sx-status")).to_contain_text("Generator · 1 call")
    expect(page.locator("#gan-canvas .sx-says").first).to_contain_text(re.compile(r"D = [+-]\d"))
    expect(page.locator("#gan-guidance")).to_be_hidden()
    inside(page, "gan", "Seeds")
    page.click("#gan-seeds-interpolation")
    panel = page.locator("#gan-seeds-shown")
    expect(panel.get_by_role("button", name="Pause")).to_be_visible()
    expect(panel.locator(".sx-strip img")).to_have_count(9)
    first = panel.locator(".sx-film").get_attribute("src")
    expect(panel.locator(".sx-film")).not_to_have_attribute("src", str(first))
    panel.get_by_label("Place between the seeds").fill("32")
    expect(panel).to_contain_text(re.compile(r"32 of 32 · D = "))
    expect(panel.get_by_role("button", name="Play")).to_be_visible()
    page.click("#gan-seeds-mixing")
    expect(panel.locator(".sx-mixing img")).to_have_count(25)


@pytest.mark.long
def test_temperatures_and_truncations_are_compared(page: Page) -> None:
    tab(page, "Compare")
    for family, columns, cells in (("VQ-VAE", "0.5, 1", 6), ("GAN", "1, 4", 2)):
        page.locator("#compare-family input").click()
        page.get_by_role("option", name=family, exact=True).click()
        expect(page.locator("#compare-x input")).to_have_value("Temperature" if family == "VQ-VAE" else "Truncation")
        fill(page, "compare-prompt", "a red star")
        fill(page, "compare-x-values", columns)
        expect(page.locator("#compare-message")).to_contain_text(f"{cells} cells")
        choose(page, "compare-y", "nothing")                               # of the samplers, one is enough to be drawn
        expect(page.locator("#compare-message")).to_contain_text("2 cells")
        page.click("#compare-run")
        for k in range(2):
            expect(page.locator("#compare-grid .sx-column").nth(k)).to_contain_text(columns.split(", ")[k])
        expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(2)
