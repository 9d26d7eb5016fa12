"""From a grid's cells to the points of its charts, and the distances of its lines to rendered pictures."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from statistics import NormalDist
from typing import Any, cast

import numpy as np

from app.errors import BadInput, UserError
from app.grids.measures import of_judge
from app.grids.state import LiveGrid, equation
from app.grids.statistics import LEVEL, Point, What, chart_of
from app.grids.verdict import verdict
from pipelines import data, registry
from pipelines.data import DEFAULT, dataset

POOLED = ("seed", "prompt")                  # axes whose cells are pictures of one point
SPENT = ("steps", "nfe", "seconds")          # axes along which a line runs
KINDS = ("error", "accuracy", "time")
FEWEST = 192                                 # pictures of a line, three times the features' dimensions: with fewer its spread is unknown


def lines_of(live: LiveGrid) -> list[tuple[int, str]]:
    """(cell, name of its line) of the finished cells: what is left of its labels when budgets, seeds and prompts are taken away."""
    found = []
    for i, cell in enumerate(live.cells):
        if cell.status == "done" and cell.settings:
            parts = [live.axes[axis]["labels"][k] for axis, k in zip(("z", "y", "x"), live.place(i), strict=True)
                     if live.axes[axis]["name"] not in ("", *POOLED, *SPENT)]
            found.append((i, ", ".join(parts) or _sampler(cell.settings)))
    return found


def _sampler(settings: dict[str, Any]) -> str:
    family, sampler = settings.get("family"), settings.get("sampler", "unknown")
    spec = registry.face(family).every.get(sampler) if family in registry.NAMES else None
    return spec.title if spec else sampler


def points_of(live: LiveGrid) -> list[Point]:
    """A point for each finished cell. Limits are a model's own, so families and models are not compared by distance to them."""
    apart = any(live.axes[axis]["name"] in ("family", "model") for axis in live.axes)
    points = []
    for i, name in lines_of(live):
        cell = live.cells[i]
        errors = () if apart else tuple(cell.metrics.get("errors", ()))
        points.append(Point(name, float(cell.nfe or 0), float(cell.seconds or 0) / live.count, errors, tuple(cell.metrics.get("right", ())),
                            tuple(pictures_of(cell.settings)), equation(cell)))
    return points


def pictures_of(settings: dict[str, Any]) -> list[str]:
    """What tells each picture of a cell from others of its line: seed and caption; for what draws without chance the caption alone."""
    seeds = range(settings["seed"], settings["seed"] + settings["count"])
    return [settings["prompt"] + ("" if settings["sampler"] == "greedy" else f" {seed}") for seed in seeds]


def chart(live: LiveGrid, what: str) -> dict[str, Any]:
    """What the page draws; the verdict speaks of samplers, so there is none where something else varies, and neither is there a front
    of distances, whose limits may then differ. Raises BadInput."""
    if what not in KINDS:
        raise BadInput(f"A chart shows {', '.join(KINDS)}; you asked for {what[:20]!r}.")
    points = points_of(live)
    made = chart_of(points, cast(What, what))
    if made.quality == "accuracy":
        made = replace(made, note=" ".join(of_judge(live)))
    others = {axis["name"] for axis in live.axes.values()} - {"", "sampler", *POOLED, *SPENT}
    if others:
        return asdict(replace(made, front=() if made.quality == "error" else made.front))
    return asdict(replace(made, verdict=verdict(points, made.quality)))


def frechet(live: LiveGrid, pixels: Callable[[str], np.ndarray]) -> list[dict[str, Any]]:
    """Distances of each line at each NFE to rendered pictures, over all of the line's pictures.

    value, low, high: the kernel distance, which has no bias, with its 95 % interval. frechet: the Fréchet distance, which has one and
    therefore no interval, but `floor` beside it, what as many perfect pictures score.

    Raises UserError with the count that there is where it does not allow a distance.
    """
    from pipelines.metrics.frechet import floor, frechet_distance, kernel_distance, reference_features
    groups: dict[tuple[str, int, str], dict[str, str]] = {}
    for i, name in lines_of(live):
        cell = live.cells[i]
        group = groups.setdefault((name, cell.nfe or 0, cell.settings.get("data_set") or DEFAULT), {})
        group.update(zip(pictures_of(cell.settings), cell.images, strict=False))
    there = set(filter(data.there, (key[2] for key in groups)))                # a set may be gone since
    spaces = {name: make() for name in there if (make := dataset(name).features)}
    enough = {key: images for key, images in groups.items()
              if len(images) >= FEWEST and key[2] in spaces and live.size == spaces[key[2]].size}
    if groups and not spaces:
        raise UserError("These pictures have no Fréchet distance, since their data set has no network of features; choose another chart.")
    if not enough:
        most, size = max(map(len, groups.values()), default=0), next((space.size for space in spaces.values()), 32)
        raise UserError(f"A Fréchet distance needs {FEWEST} pictures of {size} pixels at a point of a line; this grid has {most} at most, "
                        "so let seeds or prompts vary too, or draw more images a cell.")
    far, found = NormalDist().inv_cdf((1 + LEVEL) / 2), []
    for (name, nfe, learnt), images in enough.items():
        space = spaces[learnt]
        real, fake = reference_features(space, "test"), space.of(np.stack([pixels(image) for image in images.values()]))
        value, error = kernel_distance(real, fake)
        found.append({"series": name, "nfe": nfe, "value": value, "low": value - far * error, "high": value + far * error,
                      "frechet": frechet_distance(real, fake), "floor": floor(space, "test", len(images)), "count": len(images)})
    return found
