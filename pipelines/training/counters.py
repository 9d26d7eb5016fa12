"""How far a run has come, as its checkpoint says."""
from __future__ import annotations

import json
import math
from typing import Any

BEGIN: dict[str, Any] = {"step": 0, "images": 0, "seconds": 0.0, "loss": None, "best": None}


def counters(text: str) -> dict[str, Any]:
    """step, images, seconds, loss (a running mean, None before the first step), best (step and loss of the best checkpoint, or None).

    Raises ValueError for a text that does not say them.
    """
    try:
        found = BEGIN | json.loads(text)
        counted = all(type(found[name]) is int and found[name] >= 0 for name in ("step", "images"))
        measured = [found["seconds"], *([] if found["loss"] is None else [found["loss"]]),
                    *([] if found["best"] is None else [found["best"]["step"], found["best"]["loss"]])]
        if counted and all(type(value) in (int, float) and math.isfinite(value) for value in measured):
            return found
    except (TypeError, KeyError, OverflowError, RecursionError):
        pass
    raise ValueError("its counters are damaged")
