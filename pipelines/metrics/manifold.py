"""Improved precision and recall (Kynkäänniemi et al. 2019, Algorithm 1), in our own feature space."""
from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist


def precision_recall(real: np.ndarray, drawn: np.ndarray, k: int = 3) -> tuple[float, float]:
    """(share of drawn inside the manifold of real, share of real inside that of drawn); features (N, D), N > k.

    A set's manifold is the union of balls around its points, each as large as the distance to its k-th neighbour.
    """
    if min(len(real), len(drawn)) <= k:
        raise ValueError(f"Precision and recall with k = {k} need more than {k} samples on each side.")
    return _covered(drawn, real, k), _covered(real, drawn, k)


def _covered(points: np.ndarray, manifold: np.ndarray, k: int) -> float:
    radii = np.partition(cdist(manifold, manifold), k, axis=1)[:, k]      # the 0-th neighbour is the point itself
    return float((cdist(points, manifold) <= radii).any(axis=1).mean())
