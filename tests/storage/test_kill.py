"""kill -9 in the middle of saving, many times: nothing that was reported as saved is lost."""
from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from storage import Filters, Storage

AT_ONCE = 5


def save_forever(folder: Path, saved: Connection) -> None:
    """In a process of its own: save pictures and report each, until killed."""
    storage, k = Storage(folder), 0
    saved.send("ready")
    while True:
        record = storage.save_image(np.full((32, 32, 3), k % 256, np.uint8), {
            "version": 3, "family": "diffusion", "model": "m", "prompt": f"picture {k}", "negative_prompt": "", "sampler": "ddim",
            "options": {"steps": 5}, "guidance_scale": 3.0, "seed": k, "model_sha256": "ab", "steps": 5, "nfe": 10, "seconds": 0.1})
        saved.send(record.id)
        k += 1


def killed(child: Any, pipe: Connection, rng: random.Random) -> list[str]:
    """Kill at any moment of the first, second or third save, however long they take here; all that was reported before."""
    assert pipe.recv() == "ready"
    saved, before = [], time.monotonic()
    for _ in range(rng.randrange(1, 4)):
        saved.append(pipe.recv())
        before, took = time.monotonic(), time.monotonic() - before
    time.sleep(rng.uniform(0, took))
    child.kill()
    child.join()
    try:
        while True:
            saved.append(pipe.recv())
    except EOFError:
        return saved


@pytest.mark.slow
@pytest.mark.parametrize("kills", [20, pytest.param(300, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_kills_lose_nothing(tmp_path: Path, kills: int) -> None:
    processes = multiprocessing.get_context("forkserver")                 # imports once for all of them
    processes.set_forkserver_preload([__name__])
    rng = random.Random(0)
    folders = [tmp_path / str(k) for k in range(AT_ONCE)]
    saved: dict[Path, list[str]] = {folder: [] for folder in folders}
    for _ in range(kills // AT_ONCE):
        children = []
        for folder in folders:
            pipe, end = processes.Pipe(duplex=False)
            child = processes.Process(target=save_forever, args=(folder, end))
            child.start()
            end.close()
            children.append((folder, child, pipe))
        for folder, child, pipe in children:
            saved[folder] += killed(child, pipe, rng)
    for folder in folders:
        storage = Storage(folder)
        assert saved[folder] and not storage.report.flagged and not storage.report.altered
        for image_id in saved[folder]:
            assert not storage.image(image_id).missing and storage.path(image_id).exists()
        page = storage.page(Filters(), limit=10_000)
        assert not [record.id for record in page.items if record.missing or not storage.path(record.id).exists()]
        assert not list((folder / "images").rglob("*.part")) and storage.check().complete
        storage.close()
