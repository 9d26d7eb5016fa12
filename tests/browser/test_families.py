"""Every family's tab, the 2-D laboratory and a picture of one's own, in real Chromium."""
from __future__ import annotations

import io
import re
from urllib.parse import urljoin

import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from pipelines import registry
from pipelines.data.shapes.scenes import Scene, Thing, render
from tests.browser.test_page import choose, fill, tab


def inside(page: Page, family: str, name: str) -> None:
    """Open one of the panels that look inside a family."""
    page.locator(f"#{family}-tab, [id='{family}']").get_by_role("tab", name=name, exact=True).locator("visible=true").click()


def picture(color: str) -> dict:
    buffer = io.BytesIO()
    Image.fromarray(render(Scene((Thing("circle", color, "large", 128, 128),), "white"), 64)).save(buffer, "PNG")
    return {"name": f"{color}.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


@pytest.mark.parametrize("family", ("sde", "flow"))
def test_generate_and_scrub(page: Page, family: str) -> None:
    face = registry.face(family)
    tab(page, face.title)
    expect(page.locator(f"#{family}-canvas .sx-example").first).to_be_visible()
    adaptive = [spec for spec in face.samplers.values() if spec.adaptive]
    choose(page, f"{family}-sampler", adaptive[0].title)
    expect(page.locator(f"#{family}-steps input")).to_have_value("60")
    first = next(iter(face.samplers.values()))
    choose(page, f"{family}-sampler", first.title)
    expect(page.locator(f"#{family}-steps input")).to_have_value(str(first.options().steps))
    fill(page, f"{family}-steps", 6)
    fill(page, f"{family}-count", 2)
    page.click(f"#{family}-generate")
    expect(page.locator(f"#{family}-canvas .sx-tools a").first).to_be_attached()
    expect(page.locator(f"#{family}-canvas .sx-status")).to_contain_text("24 NFE")
    page.locator(f"#{family}-canvas input[type=range]").fill("2")
    numbers = page.locator(f"#{family}-process dl")
    for text in ("2 of 6", "α(t)", "σ(t)"):
        expect(numbers).to_contain_text(text)
    expect(page.locator(f"#{family}-process polyline")).to_have_count(13)


def test_a_tolerance_that_is_not_met_marks_the_picture(page: Page) -> None:
    tab(page, "Flow")
    choose(page, "flow-sampler", "RK45")
    fill(page, "flow-steps", 2)
    fill(page, "flow-count", 1)
    page.click("#flow-generate")
    expect(page.locator("#flow-canvas .sx-status")).to_contain_text("short of the tolerance")


def laboratory(page: Page) -> Locator:
    """The flow's laboratory when it has learnt the two moons."""
    tab(page, "Flow")
    inside(page, "flow", "2-D")
    lab = page.locator("#flow-lab")
    lab.locator("[data-density=moons]").click()
    expect(lab.get_by_role("status")).to_contain_text(re.compile(r"NFE"))
    return lab


def test_the_laboratory_trains_and_compares_two_samplers(page: Page) -> None:
    lab = laboratory(page)
    expect(lab.get_by_role("status")).to_contain_text(re.compile(r"Midpoint · 60 NFE"))
    time = lab.get_by_label("Time of the laboratory")
    shown = []
    for moment in ("3", "20"):
        time.fill(moment)
        expect(lab.get_by_role("button", name="Play")).to_be_visible()                     # it stands still
        shown.append(lab.locator("canvas").evaluate("canvas => canvas.toDataURL()"))
    assert shown[0] != shown[1]
    lab.get_by_role("button", name="Play").click()
    expect(lab.get_by_role("button", name="Pause")).to_be_visible()
    lab.get_by_label("Sampler of the laboratory").select_option("euler")
    expect(lab.get_by_role("status")).to_contain_text("Euler · 30 NFE")
    expect(lab.get_by_role("status")).to_contain_text("dark: Midpoint")


@pytest.mark.long
def test_the_laboratory_shows_the_likelihood_and_learns_a_drawing(page: Page) -> None:
    lab = laboratory(page)
    with page.expect_response(lambda answer: answer.url.endswith("/contours")) as found:
        lab.get_by_text("likelihood").click()
    assert found.value.ok
    expect(lab.get_by_label("likelihood")).to_be_checked()

    lab.locator("[data-density=drawn]").click()
    lab.get_by_role("button", name="Train").click()
    expect(lab.get_by_role("status")).to_contain_text("Draw at least 5")
    box = lab.locator("canvas").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 200)
    page.mouse.down()
    for k in range(20):
        page.mouse.move(box["x"] + 60 + 10 * k, box["y"] + 200 - 4 * k)
    page.mouse.up()
    lab.get_by_role("button", name="Train").click()
    expect(lab.get_by_role("status")).to_contain_text("Training: step")
    expect(lab.get_by_role("status")).to_contain_text("Midpoint · 60 NFE")


def test_a_number_that_is_left_empty_is_said_or_again_what_it_was(page: Page) -> None:
    weight, message = page.locator("#diffusion-guidance input[type=number]"), page.locator("#diffusion-message")
    fill(page, "diffusion-steps", 2)
    page.get_by_label("keep").locator("visible=true").check()
    fill(page, "diffusion-seed", "")
    weight.fill("4.5")
    weight.press("Tab")
    weight.fill("")
    page.click("#diffusion-generate")                                      # which leaves the field
    expect(message).to_contain_text("Seed is empty; write a whole number")
    expect(weight).to_have_value("4.5")
    inside(page, "diffusion", "2-D")
    steps = page.locator("#diffusion-lab").get_by_label("Steps of the laboratory")
    steps.fill("")
    steps.press("Tab")
    expect(steps).to_have_value("30")


def test_a_model_brings_its_settings_here_and_to_compare(page: Page) -> None:
    tab(page, "Flow")
    choose(page, "flow-model", "shapes · rectified · 3.0 M")
    expect(page.locator("#flow-steps input")).to_have_value("4")
    expect(page.locator("#flow-guidance input[type=number]")).to_have_value("1")
    fill(page, "flow-count", 1)
    page.click("#flow-generate")
    expect(page.locator("#flow-canvas .sx-status")).to_contain_text("Euler · 4 steps · 4 NFE")
    page.locator("#flow-card button").click()
    expect(page.locator("#flow-card")).to_contain_text("Reflow (Liu et al. 2023)")
    page.locator("#flow-canvas").get_by_role("button", name="Compare").click()
    expect(page.locator("#compare-model input")).to_have_value("shapes · rectified · 3.0 M")
    expect(page.locator("#compare-guidance input[type=number]")).to_have_value("1")
    expect(page.locator("#compare-message")).to_contain_text("9 cells")
    page.wait_for_timeout(500)                                             # what one control changes must not undo another
    expect(page.locator("#compare-model input")).to_have_value("shapes · rectified · 3.0 M")


def test_formulas_lead_to_their_files(page: Page) -> None:
    tab(page, "Flow")
    inside(page, "flow", "How it works")
    link = page.get_by_role("link", name="pipelines/flow/reflow.py").locator("visible=true")
    address = link.get_attribute("href")
    assert address is not None
    answer = page.request.get(urljoin(page.url, address))
    assert answer.ok and "def draw_couples" in answer.text()


def test_a_process_is_played_kept_and_played_again_in_the_gallery(page: Page) -> None:
    tab(page, "SDE")
    fill(page, "sde-steps", 5)
    fill(page, "sde-count", 2)
    page.click("#sde-generate")
    canvas = page.locator("#sde-canvas")
    expect(canvas.locator(".sx-status")).to_contain_text("20 NFE")       # of this run, not of one before
    canvas.locator("input[type=range]").fill("1")
    canvas.get_by_role("button", name="Play").click()
    expect(page.locator("#sde-process dl")).to_contain_text("5 of 5")
    page.get_by_label("What the lines are").locator("visible=true").select_option("pictures")
    expect(page.locator("#sde-process polyline")).to_have_count(2)
    canvas.get_by_role("button", name="Keep").click()
    expect(canvas.get_by_role("button", name="Kept")).to_be_visible()
    tab(page, "Gallery")
    page.locator("#gallery-view .sx-thumb").first.click()
    kept = page.locator("#gallery-view .sx-kept")
    kept.get_by_label("Step of the kept process").fill("2")
    expect(kept).to_contain_text("step 2/5")


def test_likelihood_and_way_of_an_uploaded_picture(page: Page) -> None:
    tab(page, "Flow")
    choose(page, "flow-model", "tiny-flow")                                # each takes some hundred calls of four rows or more
    inside(page, "flow", "Picture")
    page.click("#flow-own-measure")
    expect(page.locator("#flow-own-shown")).to_contain_text("There is no picture yet")
    page.locator("#flow-own-0 input[type=file]").set_input_files(picture("red"))          # type: ignore[arg-type]
    expect(page.locator("#flow-own-0 img")).to_be_visible()
    page.click("#flow-own-measure")
    expect(page.locator("#flow-own-shown dl")).to_contain_text(re.compile(r"-?\d\.\d+ ± 0\.\d+ bits/dim, dequantised"), timeout=300_000)
    page.locator("#flow-own-1 input[type=file]").set_input_files(picture("blue"))         # type: ignore[arg-type]
    expect(page.locator("#flow-own-1 img")).to_be_visible()
    page.click("#flow-own-interpolation")
    expect(page.locator("#flow-own-shown .sx-interpolation img")).to_have_count(9, timeout=120_000)
