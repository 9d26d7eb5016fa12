"""Whole comparisons as a person starts them, with previews, measurements and saving: how much of the time is not the networks'.

Two answers. "outside": of the cores' time while the engine had work, the share in which no batch was on its way through a network
(two batches on two cores fill the time, three on two cores fill it no more than that). "cpu": of the processor's time that the
program used, the share outside networks; a thread that has a batch but waits for Python's lock or for a core uses none.
"""
from __future__ import annotations

import statistics
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.drawing.ask import Ask
from app.drawing.jobs import RUNNING
from app.grids.ask import GridAsk
from app.paths import Paths
from app.service import Service
from pipelines.engine.workers import Batch

ASK = Ask("diffusion", "a large red star above a small blue ring", seed=7, count=1)
GRIDS = {
    "12 x 6, mixed calls": GridAsk(ASK, "steps=5-60(+5)", "sampler=ddim,euler,heun,dpmpp_2m,unipc,lms", distance=False),
    "all six families x 12 seeds": GridAsk(ASK, "family=all", "seed=1-12(+1)", distance=False)}
ROUNDS = 3


class Watch:
    """What all batches took, from the moment they were joined until their answers were checked."""

    def __init__(self) -> None:
        self.spans: list[tuple[float, float, int]] = []                    # begin, end, cores
        self.cpu = 0.0                                                     # seconds of processor

    def watched(self, evaluate: Any) -> Any:
        def inner(batch: Batch) -> None:
            begin, cpu = time.perf_counter(), time.thread_time()
            evaluate(batch)
            self.cpu += (time.thread_time() - cpu) * batch.threads
            self.spans.append((begin, time.perf_counter(), batch.threads))
        return inner

    def occupied(self, cores: int) -> float:
        """Seconds of all cores in which a batch was there for them."""
        changes = sorted([(begin, threads) for begin, _, threads in self.spans] + [(end, -threads) for _, end, threads in self.spans])
        total, running = 0.0, 0
        for (at, change), (after, _) in pairwise(changes):
            running += change
            total += min(running, cores) * (after - at)
        return total


def run() -> dict[str, Any]:
    """Shares of each grid's time outside the networks; the headline is the worst of "outside"."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Paths(Path(folder)))
        for name, asked in GRIDS.items():
            draw(service, asked)                                           # warm-up: models, batch sizes
            rounds = [draw(service, asked) for _ in range(ROUNDS)]
            found[name] = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        service.close()
    worst = max(grid["outside"] for grid in found.values())
    return {"ours": worst, "peer": 0.10, "ratio": 0.10 / worst, "unit": "share of the cores' time outside the networks; the aim is 0.10",
            "grids": found}


def draw(service: Service, asked: GridAsk) -> dict[str, float]:
    """One grid, watched as a page watches it."""
    engine, watch = service.machine.engine, Watch()
    with patch.object(Batch, "evaluate", watch.watched(Batch.evaluate)):
        busy, cpu, begin = engine.stats.busy, time.process_time(), time.perf_counter()
        grid, seen = service.grids.start(asked), -1
        while (view := service.grids.view(grid, seen, range(72)))["status"] in RUNNING:
            seen = view["version"]
            time.sleep(0.25)
        took, cpu = time.perf_counter() - begin, time.process_time() - cpu
        assert view["status"] == "done"
    return {"seconds": took, "outside": 1 - watch.occupied(engine.cores) / (engine.cores * (engine.stats.busy - busy)),
            "cpu": 1 - watch.cpu / cpu}
