"""Whoever reads a model's card asks no other host for anything."""
from __future__ import annotations

from html.parser import HTMLParser

import pytest

from app.models.cards import without_pictures

URL = "https://other.example/x.png"
PICTURES = [
    f"![alt]({URL})", f"[![alt]({URL})](https://other.example)", f"![alt][ref]\n\n[ref]: {URL}", "![ref]\n\n[ref]: " + URL,
    f"<img src={URL}>", f'<img src="{URL}" alt="a > b">', f"<IMG\nSRC='{URL}'/>", f"<img/src={URL}>", f"<image src={URL}>",
    f'<picture><source srcset="{URL}"><img src="{URL}"></picture>', f'<video poster="{URL}" src="{URL}"></video>',
    f'<svg><image href="{URL}"/></svg>', f'<iframe src="{URL}"></iframe>', f'<object data="{URL}"></object>', f'<embed src="{URL}">',
    f'<style>body {{ background: url({URL}) }}</style>', f'<link rel="stylesheet" href="{URL}">',
    f'<p style="background:url({URL})">x</p>', f'<table background="{URL}"><tr><td>x</td></tr></table>',
    f'<input type="image" src="{URL}">', f"<img alt='a\" src={URL}>\n\ntext", f"<im<img>g src={URL}>", f"!<b>[alt]({URL})",
    f'<img alt="<img src={URL}>" src="{URL}">', f"<script src={URL}></script>",
]


class Loaded(HTMLParser):
    """What would be loaded by itself."""
    found: list[str]

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attributes if (tag, name) != ("a", "href") and name not in ("alt", "title", "class")]


@pytest.mark.parametrize("picture", PICTURES)
def test_pictures_become_links(picture: str) -> None:
    card = without_pictures(f"# A model\n\nbefore {picture} after")
    reader = Loaded()
    reader.found = []
    reader.feed(card)
    assert not reader.found and "![" not in card
    assert card.startswith("# A model\n\nbefore ")


def test_the_rest_of_a_card_stays() -> None:
    card = "# A model\n\nIt *draws* `a < b`, 1 < 2 and $x_t$; see [its page](https://huggingface.co/a/b), <https://x.example>."
    card += "\n\n| a | b |\n|---|---|\n\nstyle = flat, background=black\n"
    assert without_pictures(card) == card
    assert without_pictures(f'<img src="{URL}?a=1&amp;b=2" alt="A &quot;star&quot;">') == (
        f'<a href="{URL}?a=1&amp;b=2">A &quot;star&quot;</a>')
    assert without_pictures(f"![A star]({URL})") == f"[A star]({URL})"
