"""What a person does on the page, in real Chromium against the real server."""
from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import Opener


def fill(page: Page, control: str, value: object) -> None:
    box = page.locator(f"#{control} input, #{control} textarea").first
    box.fill(str(value))
    box.press("Tab")


def choose(page: Page, control: str, name: str) -> None:
    page.locator(f"#{control} input").click()
    page.get_by_role("option", name=name, exact=True).click()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def prepare(page: Page, steps: int, count: int = 2, prompt: str = "a red star") -> None:
    fill(page, "diffusion-prompt", prompt)
    fill(page, "diffusion-steps", steps)
    fill(page, "diffusion-count", count)


def status(page: Page):
    return page.locator("#diffusion-canvas .sx-status")


def finished(page: Page, calls: int) -> None:
    expect(status(page)).to_contain_text(f"{calls} calls")
    expect(page.locator("#diffusion-canvas .sx-tools a").first).to_be_attached()


def test_first_visit_shows_examples_and_first_generate_draws(open_page: Opener) -> None:
    page = open_page()
    expect(page.locator(".sx-example").first).to_be_visible()
    prepare(page, 4)
    page.click("#diffusion-generate")
    finished(page, 8)
    pictures = page.locator("#diffusion-canvas .sx-tile img")
    expect(pictures).to_have_count(2)
    expect(pictures.first).to_have_attribute("src", re.compile(r"^image/[0-9a-f]{32}\.png$"))
    expect(pictures.first).to_have_js_property("naturalWidth", 32)


def test_live_preview_changes_then_the_scrubber_shows_every_step(open_page: Opener) -> None:
    page = open_page()
    prepare(page, 60)
    page.click("#diffusion-generate")
    preview = page.locator("#diffusion-canvas .sx-tile img").first
    expect(preview).to_have_attribute("src", re.compile("^data:image/png"))
    first = preview.get_attribute("src")
    expect(preview).not_to_have_attribute("src", first or "")
    expect(status(page)).to_contain_text("ms/call")
    finished(page, 120)
    scrubber = page.locator("#diffusion-canvas input[type=range]")
    scrubber.fill("1")
    expect(page.locator("#diffusion-process dl")).to_contain_text("1 of 60")
    early = page.locator("#diffusion-process img").first.get_attribute("src")
    scrubber.fill("50")
    expect(page.locator("#diffusion-process dl")).to_contain_text("50 of 60")
    assert page.locator("#diffusion-process img").first.get_attribute("src") != early


def test_stop_by_escape_and_by_button(open_page: Opener) -> None:
    page = open_page()
    prepare(page, 900)
    page.click("#diffusion-generate")
    expect(status(page)).to_contain_text("step")
    page.keyboard.press("Escape")
    expect(status(page)).to_contain_text("Stopped at step")
    page.click("#diffusion-generate")
    expect(status(page)).to_contain_text(re.compile(r"step \d+/900"))
    page.click("#diffusion-canvas .sx-stop")
    expect(status(page)).to_contain_text("Stopped at step")


def test_ctrl_enter_and_a_sentence_for_bad_steps(open_page: Opener) -> None:
    page = open_page()
    prepare(page, 0)
    page.locator("#diffusion-prompt textarea").press("Control+Enter")
    message = page.locator("#diffusion-message")
    expect(message).to_contain_text("Steps must be between 1 and 1000; you asked for 0.")
    expect(page.locator("#diffusion-prompt textarea")).to_have_value("a red star")
    fill(page, "diffusion-steps", 3)
    fill(page, "diffusion-prompt", "a red elephant")
    page.locator("#diffusion-prompt textarea").press("Control+Enter")
    finished(page, 6)
    expect(status(page)).to_contain_text("“elephant”")
    expect(message).to_have_text("")


def test_compare_two_by_three_then_look_closer_and_export(open_page: Opener) -> None:
    page = open_page()
    tab(page, "Compare")
    for name in ("DDIM", "DPM++ 2M", "Heun"):
        expect(page.locator("#compare-y-names")).to_contain_text(name)
    page.locator("#compare-y-names input").click()
    page.keyboard.press("Backspace")
    page.keyboard.press("Escape")
    fill(page, "compare-x-values", "2, 3, x")
    expect(page.locator("#compare-message")).to_contain_text("could not be read")
    fill(page, "compare-x-values", "2,3,4")
    expect(page.locator("#compare-message")).to_contain_text("6 cells · 6 images")
    page.click("#compare-run")
    cells = page.locator("#compare-grid .sx-cell")
    expect(cells).to_have_count(6)
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(6)
    expect(cells.first).to_contain_text("4 calls")
    expect(cells.first.locator(".sx-distance b")).to_have_text(re.compile(r"0\.\d{3} ODE"))
    cells.first.click()
    expect(page.locator("#compare-grid .sx-panel")).to_have_count(2)
    for kind in ("PNG", "CSV"):
        with page.expect_download() as download:
            page.get_by_text(f"Export {kind}").click()
        assert download.value.suggested_filename.endswith(kind.lower())


def test_gallery_search_restore_settings_delete_and_undo(open_page: Opener) -> None:
    page = open_page()
    choose(page, "diffusion-sampler", "Euler")
    prepare(page, 3, 1, "a tiny purple square on black")
    page.locator("#diffusion-more button").first.click()
    page.locator("#diffusion-karras input").check()                           # first, so that what was just opened is all there
    fill(page, "diffusion-negative", "a ring")
    page.click("#diffusion-generate")
    finished(page, 6)
    seed = page.locator("#diffusion-seed input").input_value()

    other = open_page()
    tab(other, "Gallery")
    other.fill("#gallery-text", "purple tiny")
    expect(other.locator("#gallery-total")).to_have_text("1 picture")
    other.locator(".sx-thumb").click()
    detail = other.locator("#gallery-detail")
    for text in ("a tiny purple square on black", "Euler", seed, "6 per image", "a ring"):
        expect(detail).to_contain_text(text)
    other.get_by_role("button", name="Send to tab").click()
    expect(other.locator("#diffusion-prompt textarea")).to_have_value("a tiny purple square on black")
    expect(other.locator("#diffusion-steps input")).to_have_value("3")
    expect(other.locator("#diffusion-seed input")).to_have_value(seed)
    expect(other.locator("#diffusion-sampler input")).to_have_value("Euler")
    other.locator("#diffusion-more button").first.click()
    expect(other.locator("#diffusion-negative input, #diffusion-negative textarea").first).to_have_value("a ring")
    expect(other.locator("#diffusion-karras input")).to_be_checked()

    tab(other, "Gallery")
    other.locator(".sx-thumb").click()
    other.get_by_role("button", name="Delete").click()
    expect(other.locator("#gallery-total")).to_have_text("0 pictures")
    other.get_by_role("button", name="Undo").click()
    expect(other.locator("#gallery-total")).to_have_text("1 picture")


def test_a_reload_attaches_to_the_running_job(open_page: Opener) -> None:
    page = open_page()
    prepare(page, 300, 1)
    page.click("#diffusion-generate")
    expect(status(page)).to_contain_text(re.compile(r"step \d+/300"))
    page.reload()
    expect(status(page)).to_contain_text(re.compile(r"step \d+/300"))
    page.click("#diffusion-canvas .sx-stop")
    expect(status(page)).to_contain_text("Stopped")


def test_two_browsers_share_the_engine(open_page: Opener) -> None:
    one, two = open_page(), open_page()
    for page in (one, two):
        prepare(page, 25, 1)
    one.click("#diffusion-generate")
    two.click("#diffusion-generate")
    finished(one, 50)
    finished(two, 50)
    source = [page.locator("#diffusion-canvas .sx-tile img").first.get_attribute("src") for page in (one, two)]
    assert source[0] != source[1]


def test_narrow_windows_and_the_dark_theme(open_page: Opener) -> None:
    page = open_page(width=800)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate("document.body.classList.contains('dark')")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("#queue-chip").click()
    expect(page.locator(".sx-drawer")).to_be_visible()
