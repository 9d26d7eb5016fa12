"""Whole comparisons as a person starts them, with previews, measurements and saving: how much of the time is not the networks'."""
from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from app.jobs import RUNNING
from app.paths import Paths
from app.service import Service
from app.views import Ask, GridAsk

ASK = Ask("diffusion", "a large red star above a small blue ring", seed=7, count=1)
GRIDS = {
    "12 x 6, mixed calls": GridAsk(ASK, "steps=5-60(+5)", "sampler=ddim,euler,heun,dpmpp_2m,unipc,lms", distance=False),
    "all six families x 12 seeds": GridAsk(ASK, "family=all", "seed=1-12(+1)", distance=False)}
ROUNDS = 3


def run() -> dict[str, Any]:
    """Shares of a grid's time outside the networks: of the engine's while it had work, and of all from the click to the last saved cell."""
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Paths(Path(folder)))
        for name, asked in GRIDS.items():
            draw(service, asked)                                           # warm-up: models, batch sizes
            rounds = [draw(service, asked) for _ in range(ROUNDS)]
            found[name] = {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
        service.close()
    worst = max(grid["outside_in_engine"] for grid in found.values())
    return {"ours": worst, "peer": 0.10, "ratio": 0.10 / worst, "unit": "share of the engine's time outside the networks; the aim is 0.10",
            "grids": found}


def draw(service: Service, asked: GridAsk) -> dict[str, float]:
    """One grid, watched as a page watches it."""
    stats = service.machine.engine.stats
    busy, network, begin = stats.busy, stats.network, time.perf_counter()
    grid, seen = service.grids.start(asked), -1
    while (view := service.grids.view(grid, seen, range(72)))["status"] in RUNNING:
        seen = view["version"]
        time.sleep(0.25)
    took = time.perf_counter() - begin
    assert view["status"] == "done"
    busy, network = stats.busy - busy, stats.network - network
    return {"seconds": took, "seconds_in_networks": network, "outside_in_engine": 1 - network / busy, "outside_in_all": 1 - network / took}
