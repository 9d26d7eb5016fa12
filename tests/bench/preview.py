"""What watching costs: the page's snapshots at 10 Hz against nobody looking."""
from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from app.drawing.ask import Ask
from app.paths import Paths
from app.service import Service

ROUNDS = 5


def run() -> dict[str, Any]:
    """Seconds of a 4-image, 50-step run, watched and unwatched in turn."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Paths(Path(folder)))
        ask = Ask("diffusion", "a large red star above a small blue ring", options={"steps": 50}, seed=1)

        def once(watched: bool) -> float:
            begin = time.perf_counter()
            job = service.generate(ask)
            while service.wait(job, 0.1 if watched else None).status in ("waiting", "loading", "running"):
                pass
            return time.perf_counter() - begin

        once(True)
        pairs = [(once(True), once(False)) for _ in range(ROUNDS)]
        service.close()
    return {"ours": statistics.median(a for a, _ in pairs), "peer": statistics.median(b for _, b in pairs),
            "ratio": statistics.median(a / b for a, b in pairs), "unit": "s per run, watched against unwatched"}
