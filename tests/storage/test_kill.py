"""kill -9 in the middle of saving, fifty times: nothing that was reported as saved is lost."""
from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from storage import Filters, Storage

CHILD = """
import sys
from pathlib import Path
import numpy as np
from storage import NewImage, Storage
storage = Storage(Path(sys.argv[1]))
print("ready", flush=True)
k = 0
while True:
    record = storage.save_image(NewImage(
        pixels=np.full((32, 32, 3), k % 256, np.uint8), family="diffusion", model_sha256="ab", model_name="m",
        prompt=f"picture {k}", negative_prompt="", sampler="ddim", steps=5, guidance=3.0, seed=k, nfe=10, seconds=0.1,
        options={"steps": 5}))
    print(record.id, flush=True)
    k += 1
"""
KILLS, AT_ONCE = 50, 5


def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    rng = random.Random(0)
    folders = [tmp_path / str(k) for k in range(AT_ONCE)]
    saved: dict[Path, list[str]] = {folder: [] for folder in folders}
    for _ in range(KILLS // AT_ONCE):
        children = [(folder, subprocess.Popen([sys.executable, "-c", CHILD, str(folder)], cwd=root, stdout=subprocess.PIPE,
                                              text=True)) for folder in folders]
        for folder, child in children:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(rng.uniform(0.005, 0.06))             # the moment of the kill has to be anywhere in a save
            child.kill()
            saved[folder] += [line.strip() for line in child.stdout if line.endswith("\n")]
            child.wait()
    for folder in folders:
        storage = Storage(folder)
        assert saved[folder], "nothing was saved before the kills"
        for image_id in saved[folder]:
            assert not storage.image(image_id).missing and storage.path(image_id).exists()
        page = storage.page(Filters(), limit=10_000)
        assert not [record.id for record in page.items if record.missing or not storage.path(record.id).exists()]
        assert not list((folder / "images").rglob("*.part"))
        storage.close()
