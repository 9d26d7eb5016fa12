"""Features of rendered pictures, which perfect models would score: kept beside the network's weights, since to render them takes seconds.

Made by `python -m pipelines.data.shapes.rendered`.
"""
from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from pipelines.data.shapes import features
from pipelines.data.shapes.captions import item
from pipelines.data.shapes.features import WIDTH, FeatureNet, load_features
from pipelines.data.shapes.scenes import render

FILE = features.FILE.with_name("features-rendered.safetensors")
KEPT = {7: 2000, 8: 3 * 480}       # pictures of a split, by seed: those that others are compared with, and three sets like those of a table
SPLITS = ("test", "holdout")


@lru_cache(8)
def rendered(net: FeatureNet, split: str, seed: int, count: int) -> np.ndarray:
    """Features (count, D) of the rendered pictures 0..count-1 of a split and seed, which show one and two objects in turn."""
    kept = _kept(_digest()).get(_name(split, seed)) if net is load_features() else None
    there = np.empty((0, WIDTH)) if kept is None else kept[:count]
    return np.concatenate([there, drawn(net, split, seed, range(len(there), count))]) if len(there) < count else there


def drawn(net: FeatureNet, split: str, seed: int, places: range) -> np.ndarray:
    """The same (len(places), D) of some of them, rendered anew."""
    return features.features(net, np.stack([render(item(split, seed, k, 1 + k % 2)[0]) for k in places]))


def _name(split: str, seed: int) -> str:
    return f"{split} {seed}"


@cache
def _digest() -> str:
    """Of the network's weights."""
    return hashlib.sha256(features.FILE.read_bytes()).hexdigest()


@cache
def _kept(digest: str, path: Path = FILE) -> dict[str, np.ndarray]:
    """What is kept, by split and seed, float64; nothing where it is not there, damaged, or of another network."""
    try:
        with safe_open(path, "numpy") as file:
            same = (file.metadata() or {}).get("network") == digest
            return {name: file.get_tensor(name).astype(float) for name in file.keys()} if same else {}        # noqa: SIM118
    except (OSError, SafetensorError):
        return {}


def main() -> None:
    net = load_features()
    save_file({_name(split, seed): drawn(net, split, seed, range(count)).astype(np.float32) for split in SPLITS
               for seed, count in KEPT.items()}, FILE, metadata={"network": _digest()})


if __name__ == "__main__":
    main()
