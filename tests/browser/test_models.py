"""Models as a person gets and uses them: found on a Hub, looked at, downloaded, drawn with, compared, checked, removed."""
from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import serving
from tests.browser.test_page import choose, fill, tab
from tests.hub import HubServer
from tests.weights import tiny_models
from weights.catalog import entries

DDPM, SD, PICKLES, GATED = "tiny/ddpm", "tiny/stable-diffusion", "old/pickles", "closed/tiny-gated"
CARD = b"---\nlicense: mit\n---\n# A model <b>of ours</b><img src=x onerror='document.title = 1'>\n\nIt draws what it draws.\n"
SLOW = 0.5                         # seconds between two blocks, so that there is time to press a button


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two small models."""
    folder = tmp_path_factory.mktemp("made")
    tiny_models.ddpm(folder / "ddpm")
    tiny_models.sd(folder / "sd")
    return folder


@pytest.fixture(scope="module")
def hub(made: Path) -> Iterator[HubServer]:
    with HubServer() as server:
        ddpm = files(made / "ddpm") | {"README.md": CARD}
        server.add(DDPM, ddpm, tags=["diffusers", "diffusers:DDPMPipeline"], likes=7, downloads=12_345, licence="mit")
        server.add(SD, files(made / "sd"), tags=["diffusers", "diffusers:StableDiffusionPipeline"], licence="openrail")
        server.add(GATED, ddpm, tags=["diffusers", "diffusers:DDPMPipeline"], gated="auto")
        server.add(PICKLES, {name.replace(".safetensors", ".bin"): data for name, data in ddpm.items()})
        server.add(PICKLES, ddpm, branch="refs/pr/3")
        yield server


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, hub: HubServer) -> Iterator[str]:
    """A playground that knows the Hub of these tests alone."""
    folder = tmp_path_factory.mktemp("models")
    with serving(folder / "data", 7980, HF_ENDPOINT=hub.endpoint, HF_HOME=str(folder / "hf"), HF_TOKEN="") as found:
        yield found


@pytest.fixture(autouse=True)
def mended(hub: HubServer) -> Iterator[None]:
    yield
    hub.mend()
    hub.pace = 0.0


def here(page: Page, name: str) -> Locator:
    """A model's row among those on this machine."""
    return page.locator(f"#models-here [data-name='{name}']")


def found(page: Page, name: str) -> Locator:
    """A model's row among what the Hub has."""
    return page.locator(f"#models-found [data-name='{name}']")


def search(page: Page, text: str) -> None:
    page.fill("#models-text", text)
    page.press("#models-text", "Enter")


def look(page: Page, name: str) -> Locator:
    """The close look at a repository that a search has found."""
    found(page, name).locator("button").first.click()
    return found(page, name).locator(".sx-model-info")


def download(page: Page, name: str) -> Locator:
    """The line of a download that has just begun."""
    search(page, name.split("/")[1])
    look(page, name).get_by_role("button", name="Download").click()
    line = page.locator("#models-downloads .sx-download", has_text=name)
    expect(line).to_be_visible()
    return line


def fetch(page: Page, name: str) -> None:
    """Have a model in the list, whatever was done before."""
    expect(here(page, "shapes-diffusion")).to_be_visible()
    if not here(page, name).count():
        download(page, name)
    expect(here(page, name)).to_be_visible()


def unfolded(page: Page, name: str) -> Locator:
    """A model's row here, open."""
    button = here(page, name).locator("button").first
    if button.get_attribute("aria-expanded") == "false":
        button.click()
    return here(page, name)


def remove(page: Page, name: str) -> None:
    unfolded(page, name).get_by_role("button", name="Remove").click()
    here(page, name).get_by_role("button", name=re.compile("^Remove it")).click()
    expect(here(page, name)).to_have_count(0)


def test_search_and_look_before_anything_is_downloaded(page: Page, hub: HubServer) -> None:
    hub.forget()
    tab(page, "Models")
    expect(page.locator("#models-here .sx-model")).to_have_count(len(entries()))
    expect(page.locator("#models-hub")).to_contain_text("Stable Diffusion XL")      # the kinds, which ask nobody
    assert not hub.log
    search(page, "tiny")
    expect(page.locator("#models-found .sx-model")).to_have_count(3)
    page.select_option("#models-least-downloads", "10000")
    expect(page.locator("#models-found .sx-model")).to_have_count(1)
    page.select_option("#models-least-downloads", "0")
    expect(page.locator("#models-found .sx-model")).to_have_count(3)
    page.select_option("#models-licence", "mit")
    expect(page.locator("#models-found .sx-model")).to_have_count(1)
    expect(found(page, DDPM)).to_contain_text("Diffusion · DDPM in pixels · mit")
    expect(found(page, DDPM)).to_contain_text("12.3 k")
    shown = look(page, DDPM)
    expect(shown).to_contain_text("It will load as DDPM in pixels and appear in the Diffusion tab.")
    expect(shown).to_contain_text(re.compile(r"\d+ of \d+ files, [\d.]+ kB; [\d.]+ [GT]B are free on the disk"))
    expect(shown).to_contain_text(re.compile(r"[\d.]+ MB for the weights; [\d.]+ GB may be used"))
    expect(shown).to_contain_text("# A model <b>of ours</b><img src=x")             # the card is text
    assert shown.locator(".sx-model-card *").count() == 0
    expect(shown.get_by_role("link", name="The model on the Hub")).to_have_attribute("href", f"{hub.endpoint}/{DDPM}")
    assert not hub.sent("big")
    found(page, DDPM).locator("button").first.press("Enter")
    expect(shown).to_have_count(0)
    page.select_option("#models-licence", "")
    expect(look(page, GATED)).to_contain_text(f"gated; accept its conditions at {hub.endpoint}/{GATED} and sign in with `hf auth login`")
    search(page, f"{hub.endpoint}/{PICKLES}")                                       # in full, as one would paste it
    shown = look(page, PICKLES)
    expect(shown).to_contain_text("pickles")
    expect(shown).to_contain_text("There is a conversion: refs/pr/3.")
    expect(shown.get_by_role("button", name="Download")).to_have_count(0)
    shown.get_by_role("button", name="Look at refs/pr/3").click()
    expect(shown).to_contain_text("It will load as DDPM in pixels")
    expect(shown.get_by_role("button", name="Download")).to_be_enabled()


@pytest.mark.long
def test_a_download_is_watched_paused_found_again_after_a_reload_and_cancelled(page: Page, hub: HubServer) -> None:
    tab(page, "Models")
    hub.pace = SLOW
    line = download(page, DDPM)
    expect(line).to_contain_text(re.compile(r"kB of 7\d\d kB · [\d.]+ kB/s · [\d.]+ s left"))
    line.locator("summary").click()
    expect(line.locator(".sx-file", has_text="unet/diffusion_pytorch_model.safetensors")).to_contain_text(" of ")
    line.get_by_role("button", name=f"Pause {DDPM}").click()
    expect(line).to_contain_text("paused")
    done = int(line.get_by_role("progressbar").first.get_attribute("aria-valuenow") or 0)
    assert 0 < done < 100
    page.reload()
    tab(page, "Models")
    expect(line).to_contain_text("paused")
    hub.forget()
    line.get_by_role("button", name=f"Go on {DDPM}").click()
    expect(line.get_by_role("button", name="Pause")).to_be_visible()
    page.reload()                                                                   # in the middle of it
    tab(page, "Models")
    expect(line).to_contain_text("kB/s")
    hub.pace = 0.0
    expect(here(page, DDPM)).to_contain_text("726 kB")
    expect(line).to_contain_text("checked; it is in the list now")
    assert [seen for seen in hub.log if seen.phase == "big" and (seen.range or "").startswith("bytes=") and seen.range != "bytes=0-"]
    page.reload()
    tab(page, "Models")
    expect(here(page, DDPM)).to_be_visible()
    expect(page.locator("#models-downloads")).to_be_hidden()                        # what is done needs no line
    hub.pace = SLOW
    line = download(page, SD)
    expect(line).to_contain_text("kB/s")
    line.get_by_role("button", name=f"Cancel {SD}").click()
    expect(line).to_have_count(0)
    assert here(page, SD).count() == 0
    page.locator("#models-found").get_by_role("button", name="Download").click()    # and once more, to its end
    hub.pace = 0.0
    expect(here(page, SD)).to_be_visible()
    expect(page.locator("#models-found .sx-model-info").get_by_role("button", name=f"Draw with {SD}")).to_be_visible()


def test_models_are_drawn_with_compared_checked_and_removed(page: Page, hub: HubServer) -> None:
    tab(page, "Models")
    for name in (DDPM, SD):
        fetch(page, name)
    hub.forget()
    here(page, DDPM).get_by_role("button", name=f"Draw with {DDPM}").click()
    expect(page.get_by_role("tab", name="Diffusion", exact=True)).to_have_attribute("aria-selected", "true")
    expect(page.locator("#diffusion-model input")).to_have_value(f"{DDPM} · DDPM in pixels")
    expect(page.locator("#diffusion-sampler input")).to_have_value("DDPM ancestral")
    fill(page, "diffusion-steps", 3)
    fill(page, "diffusion-count", 1)
    page.click("#diffusion-generate")
    picture = page.locator("#diffusion-canvas .sx-tile img")
    expect(picture).to_have_attribute("src", re.compile(r"^image/[0-9a-f]{32}\.png$"))
    assert picture.evaluate("image => image.naturalWidth") == 16

    tab(page, "Compare")
    choose(page, "compare-x", "Model")
    page.locator("#compare-x-names .remove-all").click()
    for title in (f"{DDPM} · DDPM in pixels", f"{SD} · Stable Diffusion 1.x and 2.x"):
        choose(page, "compare-x-names", title)
    page.keyboard.press("Escape")
    choose(page, "compare-y", "nothing")
    fill(page, "compare-fixed", "steps=3")
    page.locator("#compare-guidance input[type=number]").fill("1")
    page.locator("#compare-guidance input[type=number]").press("Enter")
    page.get_by_label("Distance to a reference solution").uncheck()
    expect(page.locator("#compare-message")).to_contain_text("2 cells")
    page.click("#compare-run")
    expect(page.locator("#compare-grid .sx-cell.sx-done")).to_have_count(2)

    tab(page, "Models")
    row = unfolded(page, DDPM)
    row.get_by_role("button", name="Check").click()
    expect(row).to_contain_text("Headers and checksums are as they should be.")
    assert not hub.log                                                              # all of it without the Hub
    row.get_by_role("button", name="Unload").click()
    expect(row).to_contain_text("Taken out of memory; 7")
    expect(row.get_by_role("button", name="Unload")).to_have_count(0)
    row.get_by_role("button", name="Look for an update").click()
    expect(row).to_contain_text("This is the latest commit.")
    row.get_by_role("button", name="Remove").press("Enter")
    row.get_by_role("button", name="Remove it and free 726 kB").press("Escape")
    expect(row.get_by_role("button", name="Remove", exact=True)).to_be_focused()
    remove(page, DDPM)
    expect(page.locator("#models-here")).to_contain_text(f"{DDPM} was removed; 7")
    tab(page, "Diffusion")
    expect(page.locator("#diffusion-model input")).to_have_value(entries()[0].metadata["title"])
    page.locator("#diffusion-model input").click()
    expect(page.get_by_role("option", name=f"{SD} · Stable Diffusion 1.x and 2.x")).to_be_visible()
    expect(page.get_by_role("option", name=DDPM)).to_have_count(0)


def test_a_newer_commit_is_found_and_stands_beside_the_older(page: Page, hub: HubServer, made: Path) -> None:
    tab(page, "Models")
    fetch(page, DDPM)
    new = hub.add(DDPM, files(made / "ddpm") | {"README.md": CARD + b"\nAnd better.\n"})
    row = unfolded(page, DDPM)
    row.get_by_role("button", name="Look for an update").click()
    expect(row).to_contain_text(f"The Hub has a newer commit, {new[:8]}.")
    row.get_by_role("button", name="Download it").click()
    newer = here(page, f"{DDPM}@{new[:8]}")
    expect(newer).to_contain_text(new)
    expect(here(page, DDPM)).to_contain_text("newer commit")
    newer.get_by_role("button", name="Draw with").click()
    expect(page.locator("#diffusion-model input")).to_have_value(f"{DDPM}@{new[:8]} · DDPM in pixels")
    tab(page, "Models")
    unfolded(page, DDPM).get_by_role("button", name="Remove").click()
    here(page, DDPM).get_by_role("button", name=re.compile("^Remove it")).click()           # and its name goes to the other
    expect(here(page, f"{DDPM}@{new[:8]}")).to_have_count(0)
    expect(here(page, DDPM)).to_contain_text(new)
    expect(here(page, DDPM)).not_to_contain_text("newer commit")


def test_own_folder_is_added_where_it_lies_and_nothing_else_needs_the_hub(page: Page, hub: HubServer, made: Path) -> None:
    hub.fault("search", "500")
    hub.fault("info", "401")
    page.set_viewport_size({"width": 800, "height": 900})
    tab(page, "Models")
    search(page, "tiny")
    expect(page.locator("#models-hub .sx-error")).to_contain_text("The Hub has an error of its own (500)")
    page.fill("#models-path", str(made / "nothing"))
    page.press("#models-path", "Enter")
    expect(page.locator("#models-here .sx-error")).to_contain_text("check that")
    page.fill("#models-path", str(made / "ddpm"))
    page.click("#models-add")
    expect(page.locator("#models-here")).to_contain_text("ddpm is here now, among your files.")
    expect(here(page, "ddpm")).to_contain_text(str(made / "ddpm"))
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    remove(page, "ddpm")
    expect(page.locator("#models-here")).to_contain_text("its files are where they were")
    assert (made / "ddpm" / "model_index.json").exists()
