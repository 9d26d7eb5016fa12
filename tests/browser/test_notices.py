"""How a data folder was found stands on the page, with what may be done about it."""
from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.app.test_data_folder import fill
from tests.browser.conftest import PATIENCE, serving


def test_missing_pictures_are_told_and_settled(browser: Browser, tmp_path: Path) -> None:
    ids, _ = fill(tmp_path, 25)
    for image_id in ids[:22]:
        (tmp_path / "images" / image_id[:2] / f"{image_id}.png").unlink()
    with serving(tmp_path, 7980) as address:
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE)
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(address)
        notice = page.locator(".sx-notice")
        expect(notice).to_contain_text("22 of 27 pictures are missing")
        notice.get_by_role("button", name="Look again").click()
        expect(notice.get_by_role("button", name="They are gone")).to_be_visible()
        notice.get_by_role("button", name="They are gone").click()
        expect(notice).to_contain_text("22 pictures are marked as missing")
        notice.get_by_role("button", name="Dismiss").click()
        expect(notice).to_have_count(0)
        page.reload()
        page.wait_for_selector("#diffusion-generate")
        expect(notice).to_have_count(0)
        page.close()
