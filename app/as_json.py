"""Results as JSON that every reader takes: what is no finite number is null."""
from __future__ import annotations

import json
import math
from typing import Any


def finite(value: Any) -> Any:
    """The same with None for NaN and infinities, also in lists and dictionaries."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: finite(item) for name, item in value.items()}
    return [finite(item) for item in value] if isinstance(value, list | tuple) else value


def as_json(value: Any, **layout: Any) -> str:
    """layout: as `json.dumps` takes it."""
    return json.dumps(finite(value), allow_nan=False, **layout)
