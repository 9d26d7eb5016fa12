from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage import Storage

Make = Callable[..., tuple[np.ndarray, dict[str, Any]]]


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = Storage(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def picture() -> Make:
    """Makes pixels and what stands in their file; of the seed, and with other values."""
    def make(**values: Any) -> tuple[np.ndarray, dict[str, Any]]:
        seed = values.get("seed", 0)
        return np.full((32, 32, 3), seed % 256 if isinstance(seed, int) else 0, np.uint8), {
            "version": 3, "family": "diffusion", "model": "shapes", "prompt": "a red star", "negative_prompt": "", "sampler": "ddim",
            "options": {"steps": 20, "eta": 0.0}, "guidance_scale": 3.0, "seed": 1, "model_sha256": "ab" * 32, "steps": 20, "nfe": 40,
            "seconds": 0.5, "environment": {"device": "cpu"}, **values}
    return make
