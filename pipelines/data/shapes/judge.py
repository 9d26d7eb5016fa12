"""The judge: reads a picture of the `shapes` data back into its scene, by rules alone (no network).

1. The background is the median of the border pixels; it must be close to one of the palette.
2. What differs from it falls into connected regions; tiny ones are specks.
3. A region's colour is the palette entry that, mixed with the background, explains its pixels best.
4. Its shape and size are those of the template (rendered by the data set's own renderer, blurred a little) nearest to its coverage.
5. What is left unexplained, of coverage and of colour, must be no more than blur and noise leave of a rendered picture.

A picture that no scene explains is not read: the answer is None, which counts as an error.
"""
from __future__ import annotations

import numpy as np
from scipy import ndimage

from pipelines.data.shapes.scenes import BACKGROUNDS, COLORS, GRID, OTHERS, SHAPES, SIZES, Scene, Thing, coverage

SPECK = 0.006          # regions below this share of the image are noise (a small star covers 0.016)
FOREGROUND = 40.0      # RGB distance from the background at which a pixel counts as covered: half of the least contrast, pink on sand
APART = (40.0, 80.0, 120.0)                # the same where things that touch are told apart: each level in turn, until a scene is read
FAR_BACKGROUND = 45.0  # a border farther than this from every background is not one of ours
BLURS = (0.0, 0.3, 0.4, 0.5, 0.6, 0.7)     # standard deviation of a template's blur, as shares of 1/32 of the side
LIKELIEST = 4          # templates that are tried with blur, which changes the order of the nearest only
# The bounds. Of rendered things, blurred by up to 0.7 pixels of 32 and with noise of up to 8 of 255 (pictures that models drew have 1 to
# 5), 99 % leave at most 0.03 of their energy and 7 of colour: `test_bounds_leave_room_for_blur_and_noise_and_little_more`. Models draw
# sizes in between, so a radius may be anything up to half of the way to the next size; and a caption only names a colour, so that one may
# be as far as leaves it clearly nearest: the two nearest of the palette are 78 apart.
RULES = 2              # rises with every change of what is read, so that shares judged by other rules are measured again
MISFIT = 0.05          # share of a template's energy that may remain unexplained
HUE = 30.0             # RGB distance of a thing from its colour
BETWEEN = 1.2          # factor by which a radius may be off its size

_PALETTE = np.array(list(COLORS.values()), float)
_GROUNDS = np.array(list(BACKGROUNDS.values()), float)


def read(image: np.ndarray) -> Scene | None:
    """Read an image, (H, H, 3) uint8 with H >= 32, into a scene; None if it is not a picture of one.

    Things come in reading order of their regions, so compare with `Claim.holds_for`, which knows both orders.
    """
    pixels = image.astype(float)
    ground = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    distances = np.linalg.norm(_GROUNDS - ground, axis=1)
    if distances.min() > FAR_BACKGROUND:
        return None
    height = np.linalg.norm(pixels - ground, axis=-1)
    whole = _regions(height, FOREGROUND)
    covered = ndimage.binary_dilation(whole > 0, np.ones((3, 3)))
    for level in APART:
        regions = _regions(height, level)
        count = int(regions.max())
        if count not in (1, 2) or len(np.unique(whole[regions > 0])) < whole.max():
            continue                                                             # too many things, or one too faint for the level
        nearest = ndimage.distance_transform_edt(regions == 0, return_distances=False, return_indices=True)
        owner = np.where(covered, regions[tuple(nearest)], 0)
        things = [_read_thing(pixels, owner == k, ground) for k in range(1, count + 1)]
        if None not in things:
            return Scene(tuple(thing for thing in things if thing), list(BACKGROUNDS)[int(distances.argmin())])
    return None


def _regions(height: np.ndarray, level: float) -> np.ndarray:
    """Connected regions above a level, numbered from 1, without specks."""
    regions, count = ndimage.label(height > level, np.ones((3, 3)))
    kept = [k for k in range(1, count + 1) if (regions == k).sum() >= SPECK * regions.size]
    return np.where(np.isin(regions, kept), np.searchsorted([0, *kept], regions), 0)


def _read_thing(pixels: np.ndarray, region: np.ndarray, ground: np.ndarray) -> Thing | None:
    size = len(pixels)
    inside = pixels[region] - ground                                             # (P, 3)
    axes = _PALETTE - ground                                                     # (8, 3)
    alpha = np.clip(inside @ axes.T / (axes**2).sum(1), 0, 1)                    # (P, 8)
    unexplained = ((inside[:, None] - alpha[..., None] * axes) ** 2).sum((0, 2))
    color = int(unexplained.argmin())

    mask = np.zeros((size, size))
    mask[region] = alpha[:, color]
    mass = mask.sum() / size**2
    if mass == 0:
        return None
    centre_of_mass = (np.array(ndimage.center_of_mass(mask))[::-1] + 0.5) / size
    fits = []                                                                    # (misfit, shape, radius, x, y, template)
    for shape, (area, centroid) in _MOMENTS.items():
        radius = float(np.sqrt(mass / area))
        x, y = centre_of_mass - radius * centroid
        template = coverage(shape, radius, x, y, size)
        fits.append((_misfit(template, mask), shape, radius, x, y, template))
    soft = [(_misfit(blurred, mask), *fit, blurred) for _, *fit, template in sorted(fits, key=lambda fit: fit[0])[:LIKELIEST]
            for blurred in (ndimage.gaussian_filter(template, blur * size / 32) for blur in BLURS)]
    misfit, shape, radius, x, y, template = min(soft, key=lambda fit: fit[0])
    name = min(SIZES, key=lambda name: abs(np.log(radius / SIZES[name])))
    weight = template[region]
    hue = weight @ inside / (weight @ weight) - axes[color]                      # (3,) of the thing, by least squares
    if shape in OTHERS or misfit > MISFIT or abs(np.log(radius / SIZES[name])) > np.log(BETWEEN) or np.linalg.norm(hue) > HUE:
        return None
    return Thing(shape, list(COLORS)[color], name, round(float(x) * GRID), round(float(y) * GRID))


def _misfit(template: np.ndarray, mask: np.ndarray) -> float:
    return float(((template - mask) ** 2).sum() / (template**2).sum())


def _moments(shape: str) -> tuple[float, np.ndarray]:
    """Area and centre of mass (2,) of a shape of radius 1, measured on a fine render."""
    fine = coverage(shape, 0.25, 0.5, 0.5, 128)
    return float(fine.mean()) / 0.25**2, (np.array(ndimage.center_of_mass(fine))[::-1] + 0.5) / 128 / 0.25 - 2.0


_MOMENTS = {shape: _moments(shape) for shape in (*SHAPES, *OTHERS)}
