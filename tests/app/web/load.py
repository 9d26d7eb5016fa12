"""A process that draws one picture after another for many clients, and says what it holds on the way.

`python -m tests.app.web.load DATA MODEL CLIENTS COUNT...` prints a line of JSON after each count of requests.
"""
from __future__ import annotations

import gc
import json
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psutil
import torch

from app.drawing.ask import Ask
from app.drawing.jobs import JobState
from app.errors import UserError
from app.paths import Paths
from app.service import Service
from pipelines.engine import Job

COUNTED = (JobState, Job, torch.Tensor)


def draw(service: Service, model: str, seed: int) -> None:
    """One client: asks again while there are too many others."""
    while True:
        try:
            job = service.generate(Ask("diffusion", "a red star", model=model, options={"steps": 2}, count=1, seed=seed))
            break
        except UserError as error:
            assert "unfinished" in str(error), error
            time.sleep(0.02)
    view = service.wait(job)
    assert view.status == "done", view.error


def held(service: Service) -> dict[str, int]:
    """What the process holds after a collection, while nobody asks for anything: bytes, and objects of a few kinds."""
    for thread in service.artist._threads:
        thread.join()
    gc.collect()
    process = psutil.Process()
    found = Counter(kind.__name__ for thing in gc.get_objects() for kind in COUNTED if issubclass(type(thing), kind))
    files = process.num_handles() if sys.platform == "win32" else process.num_fds()
    return {**{kind.__name__: found[kind.__name__] for kind in COUNTED}, "files": files, "threads": threading.active_count(),
            "bytes": process.memory_info().rss}


def main() -> None:
    folder, model, clients, *counts = sys.argv[1:]
    service, asked = Service(Paths(Path(folder))), 0
    for count in map(int, counts):
        with ThreadPoolExecutor(int(clients)) as pool:
            list(pool.map(partial(draw, service, model), range(asked, count)))
        asked = count
        print(json.dumps(held(service)), flush=True)
    service.close()


if __name__ == "__main__":
    main()
