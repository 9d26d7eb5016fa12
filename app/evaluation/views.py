"""What the page is told of all families side by side."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Drawing:
    """A family's part in drawing one caption with all families."""
    family: str
    job: str | None
    error: str | None                        # why it does not draw


@dataclass(frozen=True)
class FamilyTable:
    """All families measured side by side."""
    note: str                                # how it was measured
    columns: tuple[dict[str, str], ...]      # title, help
    rows: tuple[dict[str, Any], ...]         # family, title, problem, and if there is none: how, cells of text and best
    points: tuple[dict[str, Any], ...]       # of the chart: family, title, sampler, main, seconds, accuracy, nfe, count, curve
    words: tuple[dict[str, str], ...]        # family, text
