"""Pictures that are nearly the same: found by how brightness changes from place to place, and confirmed by their colours."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from PIL import Image

SIDE = 8                           # SIDE * SIDE signs of differences from left to right are compared (a difference hash, Krawetz 2013)
FAR = 4                            # of them may differ: then one of FAR + 1 parts of the signs is equal, by which pairs are found
FLAT = 2                           # of 255: a smaller difference is none, since a compression's noise would decide its sign
COLOURS = 16                       # of 255: how far the colours of SIDE by SIDE blocks may differ on average


@dataclass(frozen=True)
class Look:
    """What of a picture is compared."""
    signs: np.ndarray              # (SIDE * SIDE,) bool
    blocks: np.ndarray             # (SIDE, SIDE, 3) uint8


def look_of(pixels: np.ndarray) -> Look:
    """Of a picture (H, H, 3) uint8."""
    picture = Image.fromarray(pixels)
    gray = np.asarray(picture.convert("L").resize((SIDE + 1, SIDE), Image.Resampling.LANCZOS)).astype(np.int16)
    return Look((np.diff(gray, axis=1) > FLAT).ravel(), np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BOX)))


def alike(looks: Mapping[str, Look]) -> list[list[str]]:
    """Groups of names whose pictures are nearly the same, each with one of its group at least."""
    if not looks:
        return []
    names = list(looks)
    signs = np.array([look.signs for look in looks.values()])
    blocks = np.array([look.blocks for look in looks.values()])
    leader = list(range(len(names)))

    def first(k: int) -> int:
        while leader[k] != k:
            leader[k] = leader[leader[k]]
            k = leader[k]
        return k
    for part in np.array_split(signs, FAR + 1, axis=1):
        _, number = np.unique(part, axis=0, return_inverse=True)
        order = np.argsort(number.ravel(), kind="stable")
        for bucket in np.split(order, np.flatnonzero(np.diff(number.ravel()[order])) + 1):
            for place, k in enumerate(bucket[:-1]):
                rest = bucket[place + 1:]
                near = rest[(signs[rest] != signs[k]).sum(1) <= FAR]
                for other in near[np.abs(blocks[near].astype(np.int16) - blocks[k]).mean((1, 2, 3)) <= COLOURS]:
                    leader[max(first(k), first(other))] = min(first(k), first(other))
    groups: dict[int, list[str]] = {}
    for k, name in enumerate(names):
        groups.setdefault(first(k), []).append(name)
    return [group for group in groups.values() if len(group) > 1]
