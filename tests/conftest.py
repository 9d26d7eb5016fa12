"""Before torch is imported: the same waiting policy as the program's own. Every test begins alike, whatever ran before it."""
from __future__ import annotations

import os
import signal
import sys
import threading

import pytest

import app  # noqa: F401

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]                                       # the tests' servers stand on this machine

# Beside other processes of the suite each has its share of the cores: threads beyond them wait for one another, at a third more of
# the processor's time.
if beside := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(beside))))

# Started in the background or by nohup, we ignore these, and so would every process that a test starts: a handler is not inherited.
for number in [getattr(signal, name) for name in ("SIGINT", "SIGHUP") if hasattr(signal, name)]:
    if threading.current_thread() is threading.main_thread() and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda number, frame: None)


@pytest.fixture(scope="session")
def threads() -> int:
    """How many threads torch uses in a test: as many as it began with, which OMP_NUM_THREADS decides."""
    import torch
    return torch.get_num_threads()


@pytest.fixture(autouse=True)
def alike(request: pytest.FixtureRequest) -> None:
    """The same threads, and the same random numbers where a test names no seed, in whatever order tests run."""
    if (torch := sys.modules.get("torch")) is not None:
        torch.set_num_threads(request.getfixturevalue("threads"))
        torch.manual_seed(0)
