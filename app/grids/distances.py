"""How far pictures are from their reference solution, where their sampler converges, and what stands for the distances of several.

Distances are positive and a few of them are many times larger than the rest, so they are compared by their ratios: what stands for several
is their geometric mean, and what is compared are logarithms.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

ROUNDING = 1 / (255 * 12**0.5)     # root mean square of what 8 bits leave out of a picture in 0..1; distances below it are rounding


def distances(pixels: np.ndarray, solution: np.ndarray) -> np.ndarray:
    """Root mean square difference of each picture (B, H, W, 3) uint8, in 0..1."""
    return np.sqrt(np.mean((pixels / 255.0 - solution / 255.0) ** 2, axis=(1, 2, 3)))


def logarithms(found: Sequence[float] | np.ndarray) -> np.ndarray:
    """log(d + ROUNDING) of distances d >= 0: also of 0, and what differs by no more than rounding has about the same one."""
    return np.log(np.asarray(found, float) + ROUNDING)


def from_logarithm(value: float) -> float:
    """The distance of which it is; 0 for less than that of 0."""
    return max(0.0, float(np.exp(value)) - ROUNDING)


def geometric_mean(found: Sequence[float] | np.ndarray) -> float:
    """Of one or more distances, with ROUNDING added and taken off again, so that of equal ones, zeros too, it is what they are."""
    return from_logarithm(float(logarithms(found).mean()))


def measured(pixels: np.ndarray, solution: np.ndarray) -> dict[str, Any]:
    """"errors", the distance of each picture, and "distance", their geometric mean."""
    errors = [round(float(e), 6) for e in distances(pixels, solution)]
    return {"distance": geometric_mean(errors), "errors": errors}
