"""The judge: reads a picture of the `shapes` data back into its scene, by rules alone (no network).

1. The background is the palette entry nearest to the median of the border pixels.
2. What differs from it falls into connected regions; tiny ones are specks.
3. A region's colour is the palette entry that, mixed with the background, explains its pixels best.
4. Its shape and size are those of the template (rendered by the data set's own renderer) nearest to its coverage.

A picture that no scene explains is not read: the answer is None, which counts as an error.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipelines.data.shapes import BACKGROUNDS, COLORS, GRID, SHAPES, SIZES, Scene, Thing, coverage

SPECK = 0.006          # regions below this share of the image are noise (a small star covers 0.016)
FOREGROUND = 60.0      # RGB distance from the background at which a pixel counts as covered
FAR_BACKGROUND = 45.0  # a border farther than this from every background is not one of ours
MISFIT = 0.30          # share of a template's energy that may remain unexplained

_PALETTE = np.array(list(COLORS.values()), float)
_GROUNDS = np.array(list(BACKGROUNDS.values()), float)


def read(image: np.ndarray) -> Scene | None:
    """Read an image, (H, H, 3) uint8 with H >= 32, into a scene; None if it is not a picture of one.

    Things come in reading order of their regions, so compare with `Claim.holds_for`, which knows both orders.
    """
    pixels = image.astype(float)
    size = len(pixels)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    distances = np.linalg.norm(_GROUNDS - np.median(border, axis=0), axis=1)
    if distances.min() > FAR_BACKGROUND:
        return None
    ground = _GROUNDS[distances.argmin()]
    regions, count = ndimage.label(np.linalg.norm(pixels - ground, axis=-1) > FOREGROUND, np.ones((3, 3)))
    things = []
    for k in range(1, count + 1):
        region = regions == k
        if region.sum() < SPECK * size * size:
            continue
        thing = _read_thing(pixels, ndimage.binary_dilation(region, np.ones((3, 3))), ground)
        if thing is None:
            return None
        things.append(thing)
    if len(things) not in (1, 2):
        return None
    return Scene(tuple(things), list(BACKGROUNDS)[int(distances.argmin())])


def _read_thing(pixels: np.ndarray, region: np.ndarray, ground: np.ndarray) -> Thing | None:
    size = len(pixels)
    inside = pixels[region] - ground                                             # (P, 3)
    axes = _PALETTE - ground                                                     # (8, 3)
    alpha = np.clip(inside @ axes.T / (axes**2).sum(1), 0, 1)                    # (P, 8)
    unexplained = ((inside[:, None] - alpha[..., None] * axes) ** 2).sum((0, 2))
    color = int(unexplained.argmin())

    mask = np.zeros((size, size))
    mask[region] = alpha[:, color]
    rows, columns = np.nonzero(mask > 0.5)
    if len(rows) == 0:
        return None
    box = np.array([columns.min(), columns.max() + 1, rows.min(), rows.max() + 1]) / size
    centre_of_mass = np.array(ndimage.center_of_mass(mask))[::-1] / size + 0.5 / size
    best = (np.inf, "", "", 0.0, 0.0)
    for shape in SHAPES:
        for name, radius in SIZES.items():
            if not 0.5 < (box[1] - box[0]) / (2 * radius) < 1.5:
                continue                                                         # far too wide or too narrow
            x, y = centre_of_mass - radius * _CENTROIDS[shape]
            template = coverage(shape, radius, x, y, size)
            misfit = ((template - mask) ** 2).sum() / (template**2).sum()
            best = min(best, (misfit, shape, name, x, y))
    misfit, shape, name, x, y = best
    if misfit > MISFIT:
        return None
    return Thing(shape, list(COLORS)[color], name, round(float(x) * GRID), round(float(y) * GRID))


def _centroid(shape: str) -> np.ndarray:
    """Centre of mass of a shape of radius 1, measured on a fine render."""
    fine = coverage(shape, 0.25, 0.5, 0.5, 128)
    return (np.array(ndimage.center_of_mass(fine))[::-1] + 0.5) / 128 / 0.25 - 2.0


_CENTROIDS = {shape: _centroid(shape) for shape in SHAPES}
