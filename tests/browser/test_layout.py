"""Every tab at every width: nothing is cut off, no text is squeezed, and what is hidden is hidden."""
from __future__ import annotations

from playwright.sync_api import Page

from pipelines import registry
from tests.browser.test_page import tab

WIDTHS = (390, 800, 901, 1024, 1147, 1200, 1440)
SQUEEZED = 3.5                     # letters a line, over three lines or more: words of a language are never set like that
FAULTS = """squeezed => {
    const width = document.documentElement.clientWidth, found = new Set();
    const said = (node) => `${node.tagName} ${node.id} ${node.className}`.slice(0, 80);
    const within = (node) => {                 // something that scrolls, or ends in dots, and is itself in sight
        for (let one = node.parentElement; one && one !== document.body; one = one.parentElement) {
            const {overflowX, textOverflow} = getComputedStyle(one), box = one.getBoundingClientRect();
            const takes = ["auto", "scroll"].includes(overflowX) || (overflowX !== "visible" && textOverflow === "ellipsis");
            if (takes && box.left >= -1 && box.right <= width + 1) return true;
        }
        return false;
    };
    if (document.documentElement.scrollWidth > width) found.add("the page scrolls sideways");
    for (const node of document.querySelectorAll("[hidden]")) if (node.checkVisibility()) found.add(`shown though hidden: ${said(node)}`);
    const seen = (node) => node.checkVisibility() ? NodeFilter.FILTER_ACCEPT : NodeFilter.FILTER_REJECT;         // and nothing below it
    const nodes = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT, seen);
    while (nodes.nextNode()) {
        const node = nodes.currentNode;
        const box = node.getBoundingClientRect();
        const beyond = box.width > 1 && box.height > 1 && (box.left < -1 || box.right > width + 1);
        if (beyond && !within(node)) found.add(`cut off: ${said(node)}`);
    }
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT | NodeFilter.SHOW_TEXT,
                                            (node) => node.nodeType === Node.TEXT_NODE ? NodeFilter.FILTER_ACCEPT : seen(node));
    while (texts.nextNode()) {
        const text = texts.currentNode, holder = text.parentElement, letters = text.textContent.trim().length;
        if (text.nodeType !== Node.TEXT_NODE || letters < 4 || holder.closest("svg, math, .katex, .sx-unseen, .visually-hidden")) continue;
        const range = document.createRange();
        range.selectNodeContents(text);
        const lines = new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top))).size;
        if (lines > 2 && letters / lines < squeezed) found.add(`squeezed: ${text.textContent.trim().slice(0, 40)}`);
        for (let one = holder; one !== document.body; one = one.parentElement) {
            const style = getComputedStyle(one);
            if (style.overflowX !== "visible" && style.display !== "inline" && one.clientWidth < 24)
                found.add(`squeezed: ${text.textContent.trim().slice(0, 40)}`);
        }
    }
    return [...found];
}"""


def faults(page: Page, width: int) -> list[str]:
    page.set_viewport_size({"width": width, "height": 900})
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 60)))")
    return page.evaluate(FAULTS, SQUEEZED)


def test_every_tab_at_every_width(page: Page) -> None:
    families = {registry.face(name).title: name for name in ("diffusion", "gan", "dalle")}         # each has panels of its own
    found = {}
    for title in (*families, "Families", "Compare", "Gallery", "Models"):
        page.set_viewport_size({"width": 1440, "height": 900})
        tab(page, title)
        if name := families.get(title):
            for part in ("card", "more"):
                page.locator(f"#{name}-{part} > button").click()
            page.locator(f"#{name}-tab").get_by_role("tab", name="How it works", exact=True).click()
            page.locator(f"#{name}-card table").first.wait_for()
        if title == "Models":
            page.locator("#models-here .sx-model-open").first.click()
        found |= {(title, width): wrong for width in WIDTHS if (wrong := faults(page, width))}
    assert not found
