"""Model cards, which strangers write: text and links, and nothing that loads by itself."""
from __future__ import annotations

import re
from html import escape, unescape

TAG = r"\b(?:[^<>\"']|\"[^\"]*\"|'[^']*')*>"
IMAGE = re.compile(r"<(?:img|image)" + TAG, re.IGNORECASE)
LOADING = r"img|image|picture|source|video|audio|track|svg|object|embed|iframe|frame|style|link|script|base|meta|input|portal"
LOADED = re.compile(rf"</?(?:{LOADING})" + TAG, re.IGNORECASE)
LEFT = re.compile(rf"<(?=/?(?:{LOADING})\b)", re.IGNORECASE)
ANY = re.compile("<[a-z]" + TAG.removeprefix(r"\b"), re.IGNORECASE)
STYLED = re.compile(r"(?<![\w-])(?:style|background|poster)\s*=", re.IGNORECASE)


def without_pictures(card: str) -> str:
    """A card in Markdown whose pictures are links to them, so that who reads it asks no other host for anything."""
    card = LOADED.sub("", IMAGE.sub(_link, card.replace("![", "[")))
    return ANY.sub(lambda tag: STYLED.sub("title=", tag.group()), LEFT.sub("&lt;", card))


def _link(tag: re.Match[str]) -> str:
    """A link in place of an image."""
    where, alt = (_attribute(name, tag.group()) for name in ("src", "alt"))
    return f'<a href="{escape(where)}">{escape(alt or "picture")}</a>' if where else escape(alt)


def _attribute(name: str, tag: str) -> str:
    found = re.search(rf"[\s/\"']{name}\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+))", tag, re.IGNORECASE)
    return unescape(next((value for value in found.groups() if value is not None), "")) if found else ""
