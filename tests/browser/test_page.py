"""What a person does on the page, in real Chromium against the real server."""
from __future__ import annotations

import re

import pytest
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


def finished(page: Page, nfe: int) -> None:
    expect(status(page)).to_contain_text(f"{nfe} NFE")
    expect(page.locator("#diffusion-canvas .sx-tools a").first).to_be_attached()


def test_first_visit_shows_examples_and_first_generate_draws(page: Page) -> None:
    """The first of its file's tests, so that nobody was on the page before."""
    expect(page.locator(".sx-example").first).to_be_visible()
    prepare(page, 4)
    page.click("#diffusion-generate")
    finished(page, 8)
    pictures = page.locator("#diffusion-canvas .sx-tile img")
    expect(pictures).to_have_count(2)
    expect(pictures.first).to_have_attribute("src", re.compile(r"^image/[0-9a-f]{32}\.png$"))
    expect(pictures.first).to_have_js_property("naturalWidth", 32)


def test_live_preview_changes_then_the_scrubber_shows_every_step(page: Page) -> None:
    prepare(page, 60, 1)
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


def test_stop_by_escape_and_by_button(page: Page) -> None:
    prepare(page, 900)
    page.click("#diffusion-generate")
    expect(status(page)).to_contain_text(re.compile(r"step \d+/900"))
    page.keyboard.press("Escape")
    expect(status(page)).to_contain_text("Stopped at step")
    page.click("#diffusion-generate")
    expect(status(page)).to_contain_text(re.compile(r"step \d+/900"))
    page.click("#diffusion-canvas .sx-stop")
    expect(status(page)).to_contain_text("Stopped at step")


def test_ctrl_enter_and_a_sentence_for_bad_steps(page: Page) -> None:
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


def test_compare_two_by_three_then_look_closer_and_export(page: Page) -> None:
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
    expect(cells.first).to_contain_text("4 NFE")
    expect(cells.first.locator(".sx-distance b")).to_have_text(re.compile(r"0\.\d{3} ODE"))
    cells.first.click()
    expect(page.locator("#compare-grid .sx-panel")).to_have_count(2)
    for kind in ("PNG", "CSV"):
        with page.expect_download() as download:
            page.get_by_text(f"Export {kind}").click()
        assert download.value.suggested_filename.endswith(kind.lower())


def test_gallery_search_restore_settings_delete_and_undo(page: Page) -> None:
    kept, negative = "a tiny purple square on black", page.locator("#diffusion-negative input, #diffusion-negative textarea").first
    choose(page, "diffusion-sampler", "Euler")
    prepare(page, 5, 1, kept)
    page.locator("#diffusion-more button").first.click()
    page.locator("#diffusion-karras input").check()                           # first, so that what was just opened is all there
    fill(page, "diffusion-negative", "a ring")
    page.click("#diffusion-generate")
    finished(page, 10)
    seed = page.locator("#diffusion-seed input").input_value()
    page.locator("#diffusion-karras input").uncheck()                         # and now everything else, which is not to stay
    fill(page, "diffusion-negative", "")
    fill(page, "diffusion-seed", "1")
    prepare(page, 4, 2, "a red star")
    choose(page, "diffusion-sampler", "DDIM")
    expect(page.locator("#diffusion-karras")).to_be_hidden()

    tab(page, "Gallery")
    page.fill("#gallery-text", "purple tiny")
    expect(page.locator("#gallery-total")).to_have_text("1 picture")
    expect(page.locator(".sx-thumb")).to_have_count(1)
    page.locator(".sx-thumb").click()
    detail = page.locator("#gallery-detail")
    for text in (kept, "Euler", seed, "10 per image", "a ring"):
        expect(detail).to_contain_text(text)
    page.get_by_role("button", name="Send to tab").click()
    for control, value in (("prompt textarea", kept), ("steps input", "5"), ("seed input", seed), ("sampler input", "Euler")):
        expect(page.locator(f"#diffusion-{control}")).to_have_value(value)
    expect(negative).to_have_value("a ring")
    expect(page.locator("#diffusion-karras input")).to_be_checked()

    tab(page, "Gallery")
    page.locator(".sx-thumb").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.locator("#gallery-total")).to_have_text("0 pictures")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#gallery-total")).to_have_text("1 picture")


def test_a_reload_attaches_to_the_running_job(page: Page) -> None:
    prepare(page, 1000, 16)                                                # which take far longer than a page to load
    page.click("#diffusion-generate")
    expect(status(page)).to_contain_text(re.compile(r"step \d+/1000"))
    page.reload()
    expect(status(page)).to_contain_text(re.compile(r"step \d+/1000"))
    page.click("#diffusion-canvas .sx-stop")
    expect(status(page)).to_contain_text("Stopped")


@pytest.mark.long
def test_two_browsers_share_the_engine_and_the_queue(page: Page, open_page: Opener) -> None:
    other = open_page()
    for one, prompt in ((page, "a purple ring on white"), (other, "a red star")):
        choose(one, "diffusion-sampler", "DDIM")
        prepare(one, 25, 1, prompt)
    page.click("#diffusion-generate")
    other.click("#diffusion-generate")
    finished(page, 50)
    finished(other, 50)
    source = [one.locator("#diffusion-canvas .sx-tile img").first.get_attribute("src") for one in (page, other)]
    assert source[0] != source[1]

    other.locator("#queue-chip").click()                                   # and opens the run of the first, with its settings
    other.locator(".sx-job", has_text="a purple ring on white").get_by_role("button", name="Open").click()
    seed, made = page.locator("#diffusion-seed input").input_value(), other.locator("#diffusion-canvas .sx-made")
    for control, value in (("prompt textarea", "a purple ring on white"), ("steps input", "25"), ("seed input", seed)):
        expect(other.locator(f"#diffusion-{control}")).to_have_value(value)
    expect(made).to_contain_text(f"“a purple ring on white”shapes-diffusion · guidance 3 · seed {seed}")


def test_narrow_windows_and_the_dark_theme(page: Page) -> None:
    page.set_viewport_size({"width": 800, "height": 900})
    themes = page.get_by_role("button", name="Light or dark")
    themes.click()
    assert page.evaluate("document.body.classList.contains('dark')")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    page.locator("#queue-chip").click()
    expect(page.locator(".sx-drawer")).to_be_visible()
    themes.click()
    assert not page.evaluate("document.body.classList.contains('dark')")
