"""A comparison that a person asked for."""
from __future__ import annotations

from dataclasses import dataclass

from app.drawing.ask import Ask

AXES = ("x", "y", "z")                        # of a grid
ENDINGS = ("png", "csv", "json", "html")      # of the files that a grid is exported as


@dataclass(frozen=True)
class GridAsk:
    """A comparison that a person asked for, unchecked; axes as name=values (see app/grids/axes.py), "" for none."""
    ask: Ask
    x: str
    y: str = ""
    z: str = ""
    distance: bool = True                    # to the reference solution: where each sampler converges from the same seeds
    batch_invariant: bool = False            # exactly repeatable: bit-identical whenever it is drawn again, in batches of one size
    snapshots: bool = False                  # what the longest run of a line looked like after as many steps
    name: str = ""
