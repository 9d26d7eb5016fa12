from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage import NewImage, Storage


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[Storage]:
    opened = Storage(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def picture() -> Callable[..., NewImage]:
    def make(**values: Any) -> NewImage:
        plain: dict[str, Any] = {
            "pixels": np.full((32, 32, 3), values.get("seed", 0) % 256, np.uint8), "family": "diffusion",
            "model_sha256": "ab" * 32, "model_name": "shapes", "prompt": "a red star", "negative_prompt": "",
            "sampler": "ddim", "steps": 20, "guidance": 3.0, "seed": 1, "nfe": 40, "seconds": 0.5,
            "options": {"steps": 20, "eta": 0.0}, "environment": {"device": "cpu"}}
        return NewImage(**plain | values)
    return make
