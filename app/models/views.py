"""A model, as the page is told of it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SORTED = ("downloads", "likes", "updated")    # how models of the Hub are listed, the highest or the latest first


@dataclass(frozen=True)
class ModelView:
    name: str
    family: str
    title: str
    parameters: int
    sha256: str
    source: str                              # bundled, run
    bytes: int
    card: str                                # Markdown
    defaults: dict[str, Any]                 # sampler, guidance_scale and options, where they are not the family's defaults
    problem: str | None = None               # why it cannot be used
    adapter: str = ""                        # of a pretrained model
    samplers: tuple[str, ...] = ()           # that work with it
    reads: str = "caption"                   # what it is told: caption, text, label, nothing
    guided: bool = True
    size: int = 0                            # side of its own pictures
    idle: tuple[str, ...] = ()               # settings that do nothing with it
    prompts: tuple[str, ...] = ()            # captions to begin with
