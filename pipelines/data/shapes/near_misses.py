"""Pictures that show almost, but not, what the captions of `shapes` can say: how many of them does the judge take for it?"""
from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw

from pipelines.data.shapes.captions import item
from pipelines.data.shapes.judge import read
from pipelines.data.shapes.scenes import BACKGROUNDS, COLORS, GRID, OTHERS, SHAPES, SIZES, Scene, Thing, render

FALSE_ACCEPTS = 3 / 84                        # what `rates` finds; a page that says it does not measure it anew
FINE = 16                                     # pixels of a fine drawing for each of the picture's
COLOURS = {"lime": (132, 204, 22), "pure lime": (0, 255, 0), "navy": (0, 0, 128), "maroon": (128, 0, 0), "teal": (0, 128, 128),
           "brown": (139, 69, 19), "magenta": (255, 0, 255), "olive": (128, 128, 0)}
_TILT = np.array([[np.cos(0.35), np.sin(0.35)], [-np.sin(0.35), np.cos(0.35)]])
_SQUARE = 0.84 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
POLYGONS = {                                  # corners in the unit box; those of OTHERS the judge knows, the rest it does not
    **OTHERS,
    "trapezoid": np.array([[-0.5, -0.8], [0.5, -0.8], [1, 0.8], [-1, 0.8]]),
    "parallelogram": np.array([[-0.9, -0.7], [0.5, -0.7], [0.9, 0.7], [-0.5, 0.7]]),
    "rectangle": _SQUARE * np.array([1.0, 0.7]), "tilted square": _SQUARE @ _TILT,
    "triangle left": np.array([[-1, 0], [0.8, -1], [0.8, 1]]),
    "six-pointed star": np.array([(r * np.sin(a), -r * np.cos(a)) for k in range(12) for r, a in [((1.05, 0.55)[k % 2], k * np.pi / 6)]]),
    "octagon": np.array([(np.cos(a), np.sin(a)) for a in np.pi / 8 + np.arange(8) * np.pi / 4]),
}


@dataclass(frozen=True)
class Rates:
    """Shares of near misses that were taken for a scene, and of rendered scenes that were read as what they are, with the counts."""
    false_accepts: float
    near_misses: int
    true_accepts: float
    renders: int


def near_misses() -> list[tuple[str, np.ndarray]]:
    """(what it shows, picture (32, 32, 3) uint8), always the same: other polygons, things cut in half, other colours."""
    rng, found = np.random.default_rng(13), []
    for name, corners in POLYGONS.items():
        for radius in SIZES.values():
            found.append((name, _polygon(corners, radius, *_chance(rng))))
    for shape in SHAPES:
        for size in SIZES:
            thing, ground = Thing(shape, _one(rng, COLORS), size, *map(int, rng.integers(96, 160, 2))), _one(rng, BACKGROUNDS)
            picture = render(Scene((thing,), ground))
            picture[:, round(32 * thing.x / GRID):] = BACKGROUNDS[ground]
            found.append((f"half a {shape}", picture))
    for name, color in COLOURS.items():
        for shape in ("circle", "square", "star"):
            scene = Scene((Thing(shape, "red", _one(rng, SIZES), *map(int, rng.integers(96, 160, 2))),), _one(rng, BACKGROUNDS))
            found.append((name, _recoloured(scene, color)))
    return found


def _one(rng: np.random.Generator, names: Iterable[str]) -> str:
    known = list(names)
    return known[int(rng.integers(len(known)))]


def _chance(rng: np.random.Generator) -> tuple[float, float, str, str]:
    """Where something is, its colour and the background."""
    x, y = rng.uniform(0.35, 0.65, 2)
    return float(x), float(y), _one(rng, COLORS), _one(rng, BACKGROUNDS)


def _polygon(corners: np.ndarray, radius: float, x: float, y: float, color: str, ground: str) -> np.ndarray:
    fine = Image.new("L", (32 * FINE, 32 * FINE))
    ImageDraw.Draw(fine).polygon([tuple(corner) for corner in (corners * radius + (x, y)) * 32 * FINE], fill=255)
    alpha = np.asarray(fine.resize((32, 32), Image.Resampling.BOX))[..., None] / 255
    behind = np.array(BACKGROUNDS[ground], float)
    return (behind + alpha * (np.array(COLORS[color]) - behind)).round().astype(np.uint8)


def _recoloured(scene: Scene, color: tuple[int, int, int]) -> np.ndarray:
    """The scene of one red thing with that thing in another colour."""
    behind = np.array(BACKGROUNDS[scene.background], float)
    axis = np.array(COLORS["red"]) - behind
    alpha = ((render(scene) - behind) @ axis / (axis @ axis)).clip(0, 1)[..., None]
    return (behind + alpha * (np.array(color) - behind)).round().astype(np.uint8)


@cache
def rates(renders: int = 100) -> Rates:
    """How often the judge is wrong on near misses, and right on the first test scenes as they are rendered."""
    missed = [read(picture) is not None for _, picture in near_misses()]
    right = [found is not None and _told(found) == _told(scene)
             for scene in (item("test", 21, k)[0] for k in range(renders)) for found in [read(render(scene))]]
    return Rates(sum(missed) / len(missed), len(missed), sum(right) / renders, renders)


def _told(scene: Scene) -> tuple[str, list[tuple[str, str, str]]]:
    return scene.background, sorted((t.shape, t.color, t.size) for t in scene.things)
