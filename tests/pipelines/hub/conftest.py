"""Networks so small that threads would only wait for one another."""
from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session")
def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", 1))
