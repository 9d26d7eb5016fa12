"""Distances between two sets of features in a data set's feature space, and what perfect pictures score.

The Fréchet distance (Heusel et al. 2017, eq. 6) of few pictures is biased upwards, by more the fewer they are: beside a value belongs what
as many rendered pictures score (`perfect`), and values of different counts do not compare. The kernel distance (Bińkowski et al. 2018,
"KID") has no bias: its mean over sets of pictures is the same whatever their size, 0 for perfect ones, so that a value may be negative.
"""
from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from pipelines.data.contract import FeatureSpace
from pipelines.metrics.manifold import precision_recall

SETS = 3                           # of rendered pictures over which a perfect score is averaged


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|mu_a - mu_b|^2 + tr(C_a + C_b - 2 (C_a C_b)^(1/2)) of features (N, D) and (M, D); N, M >= 2.

    The trace of the root is the sum of the roots of the eigenvalues of C_a^(1/2) C_b C_a^(1/2), which are real and
    not negative, also where there are fewer samples than dimensions.
    """
    if len(a) < 2 or len(b) < 2:
        raise ValueError(f"A Fréchet distance needs at least 2 samples on each side; got {len(a)} and {len(b)}.")
    mean = ((a.mean(0) - b.mean(0)) ** 2).sum()
    cov_a, cov_b = np.atleast_2d(np.cov(a.T)), np.atleast_2d(np.cov(b.T))
    values, vectors = np.linalg.eigh(cov_a)
    root_a = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    cross = np.sqrt(np.linalg.eigvalsh(root_a @ cov_b @ root_a).clip(min=0)).sum()
    return float(max(0.0, mean + np.trace(cov_a) + np.trace(cov_b) - 2 * cross))


def kernel_distance(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """Squared maximum mean discrepancy of features (N, D) and (M, D) under the kernel (x y / D + 1)^3, and its standard error; N, M >= 3.

    Features are taken in units of their spread in `a`, the real ones, about their mean there, so that no large one drowns the others.

    The estimate is the unbiased one (Gretton et al. 2012, eq. 3); the error is the jackknife's, over both sets.
    """
    if min(len(a), len(b)) < 3:
        raise ValueError(f"A kernel distance needs at least 3 samples on each side; got {len(a)} and {len(b)}.")
    n, m = len(a), len(b)
    mean, spread = a.mean(0), a.std(0)
    spread[spread == 0] = 1.0
    a, b = (a - mean) / spread, (b - mean) / spread
    within_a, within_b = _sums(a), _sums(b)                    # (N,) and (M,)
    across = (a @ b.T / a.shape[1] + 1) ** 3                   # (N, M)
    mean_a, mean_b, mean_across = within_a.sum() / (n * (n - 1)), within_b.sum() / (m * (m - 1)), across.mean()
    value = mean_a + mean_b - 2 * mean_across
    without = ((within_a.sum() - 2 * within_a) / ((n - 1) * (n - 2)) - 2 * (across.sum() - across.sum(1)) / ((n - 1) * m),
               (within_b.sum() - 2 * within_b) / ((m - 1) * (m - 2)) - 2 * (across.sum() - across.sum(0)) / (n * (m - 1)))
    return float(value), float(np.sqrt(sum((len(u) - 1) * u.var() for u in without)))


def _sums(z: np.ndarray) -> np.ndarray:
    """(N,) the kernel of each with all others, added up."""
    kernel = (z @ z.T / z.shape[1] + 1) ** 3
    return kernel.sum(1) - kernel.diagonal()


@dataclass(frozen=True)
class Perfect:
    """What rendered pictures score, on average: the floor of the Fréchet distance, the ceilings of precision and recall."""
    frechet: float
    precision: float
    recall: float


@lru_cache(16)
def perfect(space: FeatureSpace, split: str, count: int) -> Perfect:
    """Scores of `count` true pictures of a split against `reference_features`; SETS other sets of them."""
    real = reference_features(space, split)
    scores = [precision_recall(real, fresh) for fresh in _sets(space, split, count)]
    return Perfect(floor(space, split, count), *(float(v) for v in np.mean(scores, axis=0)))


def floor(space: FeatureSpace, split: str, count: int) -> float:
    """The Fréchet distance of `perfect` alone, of which the others take longer."""
    real = reference_features(space, split)
    return float(np.mean([frechet_distance(real, fresh) for fresh in _sets(space, split, count)]))


def _sets(space: FeatureSpace, split: str, count: int) -> list[np.ndarray]:
    return np.split(space.true(split, 8, SETS * count), SETS)


def reference_features(space: FeatureSpace, split: str, count: int = 2000) -> np.ndarray:
    """Features (count, D) of the true pictures that others are compared with."""
    return space.true(split, 7, count)
