"""What sets of a number of pictures share."""
from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from PIL import Image

from pipelines.data.text import normalise


def number_of(count: int, seed: int, index: int) -> int:
    """Which of `count` pictures comes at an index from 0 on; every round shows all of them, in an order of its own."""
    epoch, place = divmod(index, count)
    return int(_order(count, seed, epoch)[place])


def at_side(picture: np.ndarray, side: int) -> np.ndarray:
    """A square picture (H, H) or (H, H, 3) uint8 with another side, averaged or interpolated."""
    if len(picture) == side:
        return picture
    how = Image.Resampling.BOX if side < len(picture) else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(picture).resize((side, side), how))


def class_in(names: Mapping[str, int]) -> Callable[[str], int | None]:
    """Finds the class whose name, normalised, stands first in a prompt; of names that begin alike the longest."""
    found_in = re.compile(rf"\b(?:{'|'.join(map(re.escape, sorted(names, key=len, reverse=True)))})\b")

    def found(prompt: str) -> int | None:
        match = found_in.search(normalise(prompt))
        return None if match is None else names[match[0]]
    return found


@lru_cache(8)
def _order(count: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(count)
