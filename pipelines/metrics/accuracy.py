"""Accuracy: the share of pictures in which a data set's judge confirms what is claimed of them."""
from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Accuracy:
    """share = correct / count with its 95 % interval (Wilson 1927); reasons: what was wrong, by how often."""
    count: int
    correct: int
    share: float
    interval: tuple[float, float]
    reasons: dict[str, int]


def accuracy(faults: Sequence[str | None]) -> Accuracy:
    """Of what a judge found wrong with each picture, None: nothing."""
    reasons = Counter(reason for reason in faults if reason is not None)
    wrong, n = sum(reasons.values()), len(faults)
    return Accuracy(n, n - wrong, (n - wrong) / n, wilson(n - wrong, n), dict(reasons.most_common()))


def wilson(correct: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % score interval of a share."""
    p, spread = correct / count, z * z / count
    middle, half = p + spread / 2, z * np.sqrt(p * (1 - p) / count + spread / (4 * count))
    return max(0.0, float((middle - half) / (1 + spread))), min(1.0, float((middle + half) / (1 + spread)))
