"""A record of the gallery, as the page is told of it."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Picture:
    """A record of the gallery."""
    id: str
    url: str
    created: str                             # ISO 8601, UTC
    family: str
    model: str
    sampler: str
    steps: int
    seed: int
    prompt: str
    settings: dict[str, Any]                 # all of them, as `Ask.options` and fields
    facts: dict[str, str]                    # label -> value, for people
    deleted: bool
    missing: bool
    process: bool = False                    # a recorded process was kept with it
    grid: str | None = None                  # the comparison that it belongs to
    amount: str = ""                         # "50 steps", "64 tokens"
