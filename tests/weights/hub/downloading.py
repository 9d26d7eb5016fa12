"""A small model for downloads, and how its downloads are watched."""
from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Callable
from pathlib import Path

from weights.hub.download import Downloads, DownloadView, installed

ROOT = Path(__file__).parents[3]
SIZE = 400_000
FILES = {"config.json": json.dumps({"sextant": {"family": "gan", "title": "Small GAN", "config": {}}}).encode(),
         "model.safetensors": random.Random(0).randbytes(SIZE), "README.md": b"# A GAN\n", "LICENSE": b"free",
         "pytorch_model.bin": b"pickle", "samples.png": b"picture"}
KEPT = {"config.json", "model.safetensors", "README.md", "LICENSE"}
LIMIT, SHORT = 20.0, 0.3           # seconds that the Hub may be silent: where it is not, and where it is on purpose

Begin = Callable[..., Downloads]


def view(downloads: Downloads, id: str) -> DownloadView:
    return next(view for view in downloads.views() if view.id == id)


def until(downloads: Downloads, id: str, *wanted: str, seconds: float = 120) -> DownloadView:
    """The view as soon as it has one of these states; the time is a guard against hanging."""
    end = time.monotonic() + seconds
    while (now := view(downloads, id)).status not in wanted:
        assert time.monotonic() < end, f"it is {now.status} ({now.error})"
        time.sleep(0.005)
    return now


def ended(downloads: Downloads, id: str) -> DownloadView:
    return until(downloads, id, "done", "failed")


def here(root: Path) -> dict[str, bytes]:
    """The files of the one model under a folder."""
    (model,) = installed(root)
    return {str(path.relative_to(model.folder)): path.read_bytes() for path in model.folder.rglob("*") if path.is_file()}


def whole(root: Path) -> bool:
    """Whether the model is there, right to the byte, with nothing else."""
    files = here(root)
    origin = json.loads(files.pop(".origin.json"))
    assert origin["files"] == {path: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()} for path, data in files.items()}
    return files == {path: FILES[path] for path in KEPT} and [path.suffix for path in root.glob("*/*")] == [""]
