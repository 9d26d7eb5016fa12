"""kill -9 in the middle of saving, fifty times: nothing that was reported as saved is lost."""
from __future__ import annotations

import multiprocessing
import random
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np

from storage import Filters, NewImage, Storage

KILLS, AT_ONCE = 50, 5


def save_forever(folder: Path, saved: Connection) -> None:
    """In a process of its own: save pictures and report each, until killed."""
    storage, k = Storage(folder), 0
    saved.send("ready")
    while True:
        record = storage.save_image(NewImage(
            pixels=np.full((32, 32, 3), k % 256, np.uint8), family="diffusion", model_sha256="ab", model_name="m",
            prompt=f"picture {k}", negative_prompt="", sampler="ddim", steps=5, guidance=3.0, seed=k, nfe=10, seconds=0.1,
            options={"steps": 5}))
        saved.send(record.id)
        k += 1


def received(pipe: Connection) -> list[str]:
    """All that a killed process had reported."""
    found = []
    try:
        while True:
            found.append(pipe.recv())
    except EOFError:
        return found


def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    processes = multiprocessing.get_context("forkserver")                 # imports once for all of them
    processes.set_forkserver_preload([__name__])
    rng = random.Random(0)
    folders = [tmp_path / str(k) for k in range(AT_ONCE)]
    saved: dict[Path, list[str]] = {folder: [] for folder in folders}
    for _ in range(KILLS // AT_ONCE):
        children = []
        for folder in folders:
            pipe, end = processes.Pipe(duplex=False)
            child = processes.Process(target=save_forever, args=(folder, end))
            child.start()
            end.close()
            children.append((folder, child, pipe))
        for folder, child, pipe in children:
            assert pipe.recv() == "ready"
            time.sleep(rng.uniform(0.005, 0.06))             # the moment of the kill has to be anywhere in a save
            child.kill()
            child.join()
            saved[folder] += received(pipe)
    for folder in folders:
        storage = Storage(folder)
        assert saved[folder], "nothing was saved before the kills"
        for image_id in saved[folder]:
            assert not storage.image(image_id).missing and storage.path(image_id).exists()
        page = storage.page(Filters(), limit=10_000)
        assert not [record.id for record in page.items if record.missing or not storage.path(record.id).exists()]
        assert not list((folder / "images").rglob("*.part"))
        storage.close()
