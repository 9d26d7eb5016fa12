"""`shapes`: a procedural data set in which every image has a known scene, so that a model's pictures can be judged.

A scene holds one or two of 6 shapes x 8 colours x 3 sizes on one of 4 backgrounds. Everything is a pure function of
(split, seed, index). Each scene belongs to exactly one split, decided by its content (`split_of`):

- "holdout": it contains a shape-colour pair or a relation that training never shows (compositional generalisation);
- "test": 1 of 16 of the other scenes, chosen by a hash of the scene;
- "train": the rest.
"""
from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

SHAPES = ("circle", "square", "triangle", "star", "ring", "cross")
COLORS = {
    "red": (220, 38, 38), "orange": (245, 135, 20), "yellow": (248, 216, 40), "green": (28, 155, 70),
    "blue": (40, 84, 222), "purple": (142, 60, 190), "pink": (252, 130, 190), "cyan": (48, 200, 222),
}
SIZES = {"small": 0.115, "medium": 0.16, "large": 0.215}  # radius, as a share of the image's side
BACKGROUNDS = {"white": (245, 245, 245), "gray": (128, 128, 128), "black": (18, 18, 18), "sand": (226, 208, 176)}
RELATIONS = ("above", "below", "left of", "right of")
OPPOSITE = {"above": "below", "below": "above", "left of": "right of", "right of": "left of"}

HELD_OUT_PAIRS = frozenset({("star", "blue"), ("ring", "red"), ("triangle", "purple"), ("cross", "green")})
# One direction of each; "square below circle" is the same scene as "circle above square".
HELD_OUT_RELATIONS = frozenset({("circle", "above", "square"), ("star", "left of", "ring"), ("cross", "above", "triangle")})
SPLITS = ("train", "test", "holdout")

GRID = 256     # centres lie on a grid of 1/256 of the side, so that a scene is a finite, hashable thing
MARGIN = 0.02  # least distance of an object from the border, as a share of the side
GAP = 0.06     # least distance between two objects along their relation's axis


@dataclass(frozen=True)
class Thing:
    """One object; its centre is (x, y) / GRID from the upper left corner."""
    shape: str
    color: str
    size: str
    x: int
    y: int


@dataclass(frozen=True)
class Scene:
    """One or two things on a background; the first thing is the main one and gives the class label."""
    things: tuple[Thing, ...]
    background: str

    @property
    def relation(self) -> str | None:
        """Where the first thing is, seen from the second ("above", ...); None for a single thing."""
        if len(self.things) < 2:
            return None
        dx = self.things[1].x - self.things[0].x
        dy = self.things[1].y - self.things[0].y
        if abs(dy) >= abs(dx):
            return "above" if dy > 0 else "below"
        return "left of" if dx > 0 else "right of"

    @property
    def label(self) -> int:
        """Class label in 0..47: shape x colour of the main object."""
        main = self.things[0]
        return SHAPES.index(main.shape) * len(COLORS) + list(COLORS).index(main.color)


def split_of(scene: Scene) -> str:
    """The one split that a scene belongs to."""
    if any((thing.shape, thing.color) in HELD_OUT_PAIRS for thing in scene.things):
        return "holdout"
    if scene.relation is not None:
        a, b = (thing.shape for thing in scene.things)
        if {(a, scene.relation, b), (b, OPPOSITE[scene.relation], a)} & HELD_OUT_RELATIONS:
            return "holdout"
    return "test" if zlib.crc32(repr(scene).encode()) % 16 == 0 else "train"


def generator(split: str, seed: int, index: int) -> np.random.Generator:
    """The random stream of one item; `describe` goes on with it after `scene_at`."""
    return np.random.default_rng([SPLITS.index(split), seed, index])


def scene_at(rng: np.random.Generator, split: str, count: int | None = None) -> Scene:
    """Draw a scene of a split, with `count` objects (1 or 2; None: either, evenly)."""
    while True:
        scene = _draw(rng, count or int(rng.integers(1, 3)))
        if split_of(scene) == split:
            return scene


def _draw(rng: np.random.Generator, count: int) -> Scene:
    shapes = [SHAPES[i] for i in rng.integers(len(SHAPES), size=count)]
    colors = [list(COLORS)[i] for i in rng.integers(len(COLORS), size=count)]
    sizes = [list(SIZES)[i] for i in rng.integers(len(SIZES), size=count)]
    radii = [SIZES[size] for size in sizes]
    if count == 1:
        centres = [rng.uniform(radii[0] + MARGIN, 1 - radii[0] - MARGIN, size=2)]
    else:
        centres = _place_two(rng, radii)
    things = tuple(Thing(shape, color, size, round(float(x) * GRID), round(float(y) * GRID))
                   for shape, color, size, (x, y) in zip(shapes, colors, sizes, centres, strict=True))
    return Scene(things, list(BACKGROUNDS)[int(rng.integers(len(BACKGROUNDS)))])


def _place_two(rng: np.random.Generator, radii: list[float]) -> list[np.ndarray]:
    """Centres of two things that clearly stand in one relation: apart along one axis, nearer to each other along the other."""
    axis, flip = rng.integers(2, size=2)
    first, second = radii[::-1] if flip else radii
    while True:
        near = rng.uniform(first + MARGIN, 1 - MARGIN - 2 * second - GAP - first)
        far = rng.uniform(near + first + second + GAP, 1 - MARGIN - second)
        across = [rng.uniform(r + MARGIN, 1 - MARGIN - r) for r in (first, second)]
        if abs(across[0] - across[1]) <= 0.6 * (far - near):
            centres = [np.array([across[0], near]), np.array([across[1], far])]
            if axis:
                centres = [c[::-1] for c in centres]
            return centres[::-1] if flip else centres


def _regular(points: int, radius: float, start: float = -90.0) -> np.ndarray:
    angles = np.radians(start + 360.0 * np.arange(points) / points)
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def _star(points: int, outer: float, inner: float) -> np.ndarray:
    corners = np.empty((2 * points, 2))
    corners[0::2] = _regular(points, outer)
    corners[1::2] = _regular(points, inner, -90.0 + 180.0 / points)
    return corners


REACH = 1.05                       # how far a shape of radius 1 reaches along an axis: the star's tip
_ARM = 0.34
POLYGONS = {  # corners in the unit box, in drawing order
    "square": 0.84 * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]),
    "triangle": np.array([[0, -1], [1, 0.8], [-1, 0.8]]),
    "star": _star(5, REACH, 0.5),
    "cross": np.array([[-_ARM, -1], [_ARM, -1], [_ARM, -_ARM], [1, -_ARM], [1, _ARM], [_ARM, _ARM],
                       [_ARM, 1], [-_ARM, 1], [-_ARM, _ARM], [-1, _ARM], [-1, -_ARM], [-_ARM, -_ARM]]),
}
_ELLIPSE = _regular(24, 1.0) * np.array([1.0, 0.6])
_HALF = np.sqrt(0.5)
OTHERS = {  # what is none of the six but could be taken for one; never in the data, known to the judge
    "hexagon": _regular(6, 1.0), "pentagon": _regular(5, 1.0), "diamond": _regular(4, 1.0), "triangle down": -POLYGONS["triangle"],
    "x": POLYGONS["cross"] @ np.array([[_HALF, _HALF], [-_HALF, _HALF]]), "ellipse": _ELLIPSE, "tall ellipse": _ELLIPSE[:, ::-1],
}


def signed_distance(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distance to a shape of radius 1 around the origin, negative inside; x, y of shapes that go together."""
    if shape == "circle":
        return np.hypot(x, y) - 1.0
    if shape == "ring":
        return np.abs(np.hypot(x, y) - 0.72) - 0.28
    a = POLYGONS[shape] if shape in POLYGONS else OTHERS[shape]
    b = np.roll(a, -1, axis=0)
    edge = b - a
    px, py = x[..., None] - a[:, 0], y[..., None] - a[:, 1]                     # (..., E)
    along = np.clip((px * edge[:, 0] + py * edge[:, 1]) / (edge**2).sum(1), 0, 1)
    distance = np.hypot(px - along * edge[:, 0], py - along * edge[:, 1]).min(-1)
    crosses = (a[:, 1] > y[..., None]) != (b[:, 1] > y[..., None])
    slope = np.where(edge[:, 1] == 0, 1.0, edge[:, 1])                          # horizontal edges never cross
    inside = (crosses & (px < py * edge[:, 0] / slope)).sum(-1) % 2 == 1
    return np.where(inside, -distance, distance)


def coverage(shape: str, radius: float, x: float, y: float, size: int) -> np.ndarray:
    """Antialiased mask (size, size) in [0, 1] of a shape; radius and centre as shares of the side."""
    pixels, mask = (np.arange(size) + 0.5) / size, np.zeros((size, size))
    columns, rows = (np.flatnonzero(np.abs(pixels - centre) <= REACH * radius + 1 / size) for centre in (x, y))
    u, v = (pixels[columns] - x) / radius, (pixels[rows, None] - y) / radius
    mask[np.ix_(rows, columns)] = np.clip(0.5 - signed_distance(shape, u, v) * radius * size, 0.0, 1.0)
    return mask


def render(scene: Scene, size: int = 32) -> np.ndarray:
    """The image of a scene: (size, size, 3) uint8."""
    image = np.empty((size, size, 3))
    image[:] = BACKGROUNDS[scene.background]
    for thing in scene.things:
        alpha = coverage(thing.shape, SIZES[thing.size], thing.x / GRID, thing.y / GRID, size)[..., None]
        image += alpha * (np.array(COLORS[thing.color]) - image)
    return np.round(image).astype(np.uint8)
