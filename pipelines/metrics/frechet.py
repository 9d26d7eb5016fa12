"""Fréchet distance between two sets of features (Heusel et al. 2017, eq. 6), in our own feature space."""
from __future__ import annotations

from functools import lru_cache

import numpy as np

from pipelines.data.captions import item
from pipelines.data.shapes import render
from pipelines.metrics.features import FeatureNet, features


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


@lru_cache(4)
def reference_features(net: FeatureNet, split: str, count: int = 2000) -> np.ndarray:
    """Features (count, D) of rendered images of a split, one and two objects evenly; seed 7, items 0..count-1."""
    return features(net, np.stack([render(item(split, 7, k, 1 + k % 2)[0]) for k in range(count)]))
