"""The page never shows what is not so: its controls, its address and its runs over reload, Back, a lost connection and a new server."""
from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from pipelines import registry
from tests.app.test_data_folder import fill as filled
from tests.browser.conftest import PATIENCE, started
from tests.browser.test_page import choose, fill, tab
from tests.waiting import until


def box(page: Page, control: str):
    return page.locator(f"#{control} input, #{control} textarea").first


def show(page: Page, place: str) -> None:
    """Open a tab by its fragment, as a link or the address line would."""
    page.evaluate("name => { location.hash = name; }", place)
    page.locator(f"#{place}-tab").wait_for()


def settled(notice: Locator) -> None:
    """How the data folder was found stands on the page, with what may be done about it, which a person does."""
    expect(notice).to_contain_text(re.compile("22 of 2[78] pictures are missing"))
    notice.get_by_role("button", name="Look again").click()
    expect(notice.get_by_role("button", name="They are gone")).to_be_visible()
    notice.get_by_role("button", name="They are gone").click()
    expect(notice).to_contain_text("22 pictures are marked as missing")
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_have_count(0)


def test_what_is_written_and_shown_outlives_reload_and_back(page: Page) -> None:
    families = [name for name in registry.NAMES if name != "flow"]
    for name in families:
        show(page, name)
        fill(page, f"{name}-prompt", f"a {name} star")
    show(page, "flow")
    choose(page, "flow-sampler", "RK45")
    page.locator("#flow-more > button").click()
    fill(page, "flow-negative", "a ring")
    written = {"flow-prompt": "a green star on black", "flow-steps": "9", "flow-count": "2", "flow-sampler": "RK45", "flow-rtol": "0.01",
               "flow-negative": "a ring"}
    for control in ("prompt", "steps", "count", "rtol"):
        fill(page, f"flow-{control}", written[f"flow-{control}"])
    page.click("#flow-generate")
    expect(page.locator("#flow-canvas .sx-tools a")).to_have_count(2)
    written["flow-seed"] = box(page, "flow-seed").input_value()
    made = f"“a green star on black”shapes-flow · guidance 3 · seed {written['flow-seed']}"
    show(page, "families")
    fill(page, "families-prompt", "a pink ring")
    show(page, "compare")
    choose(page, "compare-x", "Seed")
    fill(page, "compare-x-values", "1-9(+2)")
    fill(page, "compare-fixed", "steps=7")
    page.get_by_label("Exactly repeatable").check()
    written |= {"families-prompt": "a pink ring", "compare-x": "Seed", "compare-x-values": "1-9(+2)", "compare-fixed": "steps=7"}
    show(page, "gallery")
    page.fill("#gallery-text", "green")
    show(page, "models")
    page.fill("#models-path", "/some/where")
    page.fill("#models-text", "diffusion")
    page.select_option("#models-sort", index=1)
    sort = page.locator("#models-sort").input_value()

    def stands(tab: str) -> None:
        show(page, tab)
        if tab == "flow":
            page.locator("#flow-more > button").click()
        for control, value in written.items():
            if control.startswith(tab):
                expect(box(page, control)).to_have_value(value)

    def made_is_shown() -> None:
        expect(page.locator("#flow-canvas .sx-made")).to_contain_text(made)
        expect(page.locator("#flow-canvas .sx-tools a")).to_have_count(2)

    page.reload()
    expect(page.locator("#models-path")).to_have_value("/some/where")
    expect(page.locator("#models-text")).to_have_value("diffusion")
    expect(page.locator("#models-sort")).to_have_value(sort)
    show(page, "gallery")
    expect(page.locator("#gallery-text")).to_have_value("green")
    for name in families:
        show(page, name)
        expect(box(page, f"{name}-prompt")).to_have_value(f"a {name} star")
    for name in ("families", "compare", "flow"):
        stands(name)
    expect(page.get_by_label("Exactly repeatable")).to_be_checked()
    made_is_shown()
    page.goto("about:blank")
    page.go_back()                                                         # to where it was left, and what was drawn there
    expect(page.locator("#flow-generate")).to_be_visible()
    stands("flow")
    made_is_shown()

    fill(page, "flow-prompt", "something else")                            # what is shown says what it was made with, and gives it back
    expect(page.locator("#flow-canvas .sx-made")).to_contain_text(made)
    page.locator("#flow-canvas").get_by_role("button", name="Use these settings").click()
    expect(box(page, "flow-prompt")).to_have_value(written["flow-prompt"])
    fill(page, "flow-steps", 2000)
    page.click("#flow-generate")
    expect(page.locator("#flow-message")).to_contain_text("must be between")
    expect(page.locator("#flow-canvas .sx-made")).to_contain_text(made)


def test_what_is_chosen_and_what_the_program_answers_is_kept_without_a_key(page: Page) -> None:
    show(page, "sde")
    choose(page, "sde-sampler", "Euler–Maruyama")
    page.click("#sde-dice")

    def kept(control: str) -> object:
        return page.evaluate("id => JSON.parse(sessionStorage.getItem('sx-drafts'))[id]", control)
    until(lambda: kept("sde-sampler") == "euler_maruyama" and kept("sde-seed") != 7)
    expect(box(page, "sde-seed")).to_have_value(str(kept("sde-seed")))


def test_the_tab_is_in_the_address(page: Page) -> None:
    address = page.url.partition("#")[0]
    tab(page, "GAN")
    expect(page).to_have_url(address + "#gan")
    tab(page, "Gallery")
    expect(page).to_have_url(address + "#gallery")
    for step, place in ((page.go_back, "gan"), (page.go_back, "diffusion"), (page.go_forward, "gan"), (page.go_forward, "gallery")):
        step()
        expect(page.locator(f"#{place}-tab")).to_be_visible()
    page.goto(address + "#no-such-place")
    expect(page.locator("#diffusion-generate")).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 844})                  # where most tabs have no button in sight
    page.goto("about:blank")
    page.goto(address + "#compare")
    expect(page.locator("#compare-run")).to_be_visible()
    page.goto(address + "#vqvae")
    expect(page.locator("#vqvae-generate")).to_be_visible()
    page.go_back()
    expect(page.locator("#compare-run")).to_be_visible()


def test_a_lost_connection_is_said_and_costs_nothing_that_was_written(browser: Browser, address: str) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(address + "/#diffusion")
    page.wait_for_selector("#diffusion-generate")
    fill(page, "diffusion-prompt", "a yellow cross on black")
    context.set_offline(True)
    bar = page.locator(".sx-linkbar")
    expect(bar).to_contain_text("No connection to the program; trying again")
    context.set_offline(False)
    expect(bar).to_be_hidden()                                 # nothing was asked meanwhile, so nothing has changed
    expect(box(page, "diffusion-prompt")).to_have_value("a yellow cross on black")
    context.set_offline(True)
    fill(page, "diffusion-steps", 33)
    page.click("#diffusion-generate")                                      # from here on Gradio hears nothing any more
    expect(bar).to_contain_text("No connection to the program")
    fill(page, "diffusion-prompt", "a yellow ring on black")
    page.get_by_label("keep", exact=True).locator("visible=true").check()
    context.set_offline(False)
    expect(bar).to_contain_text("The connection was lost, so the page was loaded anew.")
    expect(box(page, "diffusion-prompt")).to_have_value("a yellow ring on black")
    expect(box(page, "diffusion-steps")).to_have_value("33")
    expect(page.locator("#diffusion-lock input")).to_be_checked()
    context.close()


@pytest.mark.long
def test_a_server_that_was_started_again_is_noticed_and_its_lost_runs_and_pictures_are_told(browser: Browser, tmp_path: Path) -> None:
    """Between the two somebody takes most pictures out of its folder."""
    ids, _ = filled(tmp_path, 25)
    server, address = started(tmp_path, 7961)
    context = browser.new_context()
    try:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: dialog.accept())                  # "Mark these pictures as missing?"
        page.goto(address + "/#compare")
        choose(page, "compare-y", "nothing")
        page.get_by_label("Distance to a reference solution").uncheck()
        fill(page, "compare-x-values", "2, 900")
        expect(page.locator("#compare-message")).to_contain_text("2 cells")
        page.click("#compare-run")
        expect(page.locator("#compare-grid .sx-cell.sx-done").first).to_be_visible()
        show(page, "flow")
        fill(page, "flow-prompt", "a blue ring")
        fill(page, "flow-steps", 900)
        page.click("#flow-generate")
        expect(page.locator("#flow-canvas .sx-status")).to_contain_text(re.compile(r"step \d+/900"))
        server.kill()
        server.wait()
        expect(page.locator(".sx-linkbar")).to_contain_text("No connection to the program")
        fill(page, "flow-prompt", "a blue ring on white")
        for image_id in ids[:22]:
            (tmp_path / "images" / image_id[:2] / f"{image_id}.png").unlink()
        server, _ = started(tmp_path, 7961)
        expect(page.locator(".sx-linkbar")).to_contain_text("The program was started again")
        line = page.locator("#flow-canvas .sx-status")
        expect(line).to_contain_text("That run is gone")
        expect(page.locator("#flow-canvas .sx-stop")).to_be_disabled()
        expect(box(page, "flow-prompt")).to_have_value("a blue ring on white")
        expect(box(page, "flow-steps")).to_have_value("900")
        settled(page.locator(".sx-notice"))
        fill(page, "flow-steps", 2)
        page.click("#flow-generate")
        expect(page.locator("#flow-canvas .sx-tools a").first).to_be_attached()
        page.reload()
        show(page, "compare")
        expect(box(page, "compare-x-values")).to_have_value("2, 900")
        grid = page.locator("#compare-grid")
        expect(grid.get_by_role("button", name="Resume")).to_be_visible()
        expect(grid).to_contain_text("shapes-diffusion · “a large red star above a small blue ring” · DDIM · guidance 3 · seed 7")
        expect(grid.locator(".sx-stop")).to_be_hidden()
        expect(grid.locator(".sx-cell.sx-running")).to_have_count(0)
        expect(page.locator(".sx-notice")).to_have_count(0)                # what was dismissed stays so
    finally:
        context.close()
        server.kill()
        server.wait()
