"""The numbers behind the charts of a grid: a line for each sampler, with intervals, measured order and Pareto front.

Pure functions of what was measured; the page draws a `Chart` as it is, and `verdict` says it in words."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.special import ndtr, stdtrit

What = Literal["error", "accuracy", "time"]
Quality = Literal["error", "accuracy"]
LEVEL = 0.95                       # of all intervals
RESAMPLES = 1000
MANY = 500                         # values of which the mean is normal, as resampling would find out
FLOOR = 3.0                        # times the least error of a line; points nearer to it are bent by the floor
Y_TITLES = {"error": "distance to the converged run", "accuracy": "pictures that show what their caption says"}


@dataclass(frozen=True)
class Point:
    """What was measured of a cell. Cells share their seeds, so that pictures of the same name can be compared one by one."""
    series: str                    # label of the line: sampler, family ...
    nfe: float                     # network calls for a picture
    seconds: float                 # for a picture
    errors: tuple[float, ...] = () # distance of each picture to the converged run of its seed; empty: not measured
    right: tuple[bool, ...] = ()   # whether each picture shows what its caption says; empty: not measured
    pictures: tuple[str, ...] = () # name of each picture, its seed and caption; empty: they are numbered


@dataclass(frozen=True)
class Series:
    """A line of a chart; its tuples have an entry for each point, in order of calls."""
    name: str
    colour: int                    # the place of the line among all lines of the grid
    legend: str                    # name, and the measured order where there is one
    xs: tuple[float, ...]
    ys: tuple[float, ...]
    low: tuple[float | None, ...]  # ends of the 95 % intervals; None for the distance of a single picture
    high: tuple[float | None, ...]
    nfe: tuple[float, ...]
    seconds: tuple[float, ...]
    counts: tuple[int, ...]        # of pictures


@dataclass(frozen=True)
class Chart:
    """All that the page draws."""
    what: What
    quality: Quality               # what the y axis shows; accuracy is a share in 0..1
    x_title: str
    y_title: str
    x_log: bool
    y_log: bool
    series: tuple[Series, ...]
    front: tuple[tuple[float, float], ...]     # Pareto front (x, y) from left to right; empty but for time
    verdict: tuple[str, ...] = ()              # sentences, see `verdict`


def chart_of(points: Sequence[Point], what: What) -> Chart:
    """error: distance against calls; accuracy: share right against calls; time: quality (see `measured`) against seconds."""
    quality = measured(points) if what == "time" else what
    series = []
    for colour, (name, line) in enumerate(joined(points, quality).items()):
        if shown := [p for p in line if values(p, quality)]:
            series.append(_series(name, colour, shown, what, quality))
    front: tuple[tuple[float, float], ...] = ()
    if what == "time":
        spots = [spot for line in series for spot in zip(line.xs, line.ys, strict=True)]
        sign = 1 if quality == "accuracy" else -1
        front = tuple(dict.fromkeys(spots[i] for i in pareto([(x, sign * y) for x, y in spots])))
    return Chart(what, quality, "seconds a picture" if what == "time" else "calls a picture", Y_TITLES[quality], True,
                 quality == "error", tuple(series), front)


def _series(name: str, colour: int, line: list[Point], what: What, quality: Quality) -> Series:
    own = [values(p, quality) for p in line]
    ys = tuple(float(np.mean(v)) for v in own)
    ends = [(share_interval(v) if quality == "accuracy" else interval(v)) or (None, None) for v in own]
    nfe, seconds = tuple(p.nfe for p in line), tuple(p.seconds for p in line)
    order = measured_order(nfe, ys) if what == "error" else None
    return Series(name, colour, name if order is None else f"{name} · {order_text(*order)}", seconds if what == "time" else nfe, ys,
                  tuple(low for low, _ in ends), tuple(high for _, high in ends), nfe, seconds, tuple(len(v) for v in own))


def measured(points: Sequence[Point]) -> Quality:
    """What tells the quality of points: the distance where it was measured, otherwise the share right."""
    return "error" if any(p.errors for p in points) else "accuracy"


def values(point: Point, quality: Quality) -> tuple[float, ...]:
    """The quality of each picture of a point."""
    return point.errors if quality == "error" else tuple(map(float, point.right))


def joined(points: Sequence[Point], quality: Quality) -> dict[str, list[Point]]:
    """Lines by name, as they come, each in order of calls; points of a line at the same calls become one with all their pictures."""
    lines: dict[str, dict[float, list[Point]]] = {}
    for p in points:
        lines.setdefault(p.series, {}).setdefault(p.nfe, []).append(p)
    return {name: [_one(same, quality) for _, same in sorted(line.items())] for name, line in lines.items()}


def _one(same: list[Point], quality: Quality) -> Point:
    """Points as one; a picture that was drawn twice with the same seed and calls says no more than once."""
    found: dict[str, float] = {}
    for p in same:
        own = values(p, quality)
        for name, value in zip(p.pictures or map(str, range(len(found), len(found) + len(own))), own, strict=bool(own)):
            found.setdefault(name, value)
    plain = tuple(found.values())
    return Point(same[0].series, same[0].nfe, float(np.mean([p.seconds for p in same])), plain if quality == "error" else (),
                 tuple(map(bool, plain)) if quality == "accuracy" else (), tuple(found))


def interval(sample: Sequence[float] | np.ndarray) -> tuple[float, float] | None:
    """95 % interval of a mean by the bootstrap over seeds: percentiles of the means of 1000 resamples; None for fewer than two values.

    Plain percentiles are too narrow for few seeds; the tails are cut as Student's t asks (Hesterberg 2015, expanded percentiles).
    """
    n = len(sample)
    if n < 2:
        return None
    if n > MANY:
        middle, far = float(np.mean(sample)), float(stdtrit(n - 1, (1 + LEVEL) / 2) * np.std(sample, ddof=1) / np.sqrt(n))
        return middle - far, middle + far
    tail = ndtr(-np.sqrt(n / (n - 1)) * stdtrit(n - 1, (1 + LEVEL) / 2))
    low, high = np.quantile(_weights(n) @ np.asarray(sample, float), [tail, 1 - tail])
    return float(low), float(high)


def share_interval(right: Sequence[float]) -> tuple[float, float] | None:
    """The same of a share. Where all pictures agree resampling sees no spread, so the exact ends stand there (Clopper and Pearson 1934)."""
    far = ((1 - LEVEL) / 2) ** (1 / len(right))
    if all(right):
        return far, 1.0
    return interval(right) if any(right) else (0.0, 1 - far)


def paired_interval(a: Sequence[float], b: Sequence[float]) -> tuple[float, float] | None:
    """The same of the mean of a - b, value by value: what the seeds have in common cancels."""
    return interval(np.subtract(a, b))


@lru_cache(maxsize=8)
def _weights(n: int) -> np.ndarray:
    """(1000, n): how much each of n seeds counts in each resample; the same for all cells."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=RESAMPLES) / n


def measured_order(nfe: Sequence[float], error: Sequence[float]) -> tuple[float, float] | None:
    """Order of convergence and its standard error: least squares of log error against log calls, over the points above the floor.

    nfe: rising. None with fewer than three usable points, and where the line does not fall by more than twice the error.
    """
    n, e = np.asarray(nfe, float), np.asarray(error, float)
    n, e = n[e > 0], e[e > 0]
    if len(n) >= 3:
        usable = above_floor(n, e)
        n, e = n[usable], e[usable]
    if len(n) < 3:
        return None
    x, y = np.log(n) - np.log(n).mean(), np.log(e) - np.log(e).mean()
    slope = x @ y / (x @ x)
    rest = y - slope * x
    order, spread = -float(slope), float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x)))
    return (order, spread) if order > 2 * spread else None


def above_floor(nfe: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Which points of a line lie above its floor, where the error stops to fall.

    A line has a floor if over its last doubling of calls the error falls at less than two thirds of the rate of its steepest doubling.
    The floor is then its least error, and the points before it that are more than three times as large count.
    """
    x, y = np.log(nfe), np.log(error)
    halves = [max(np.flatnonzero(nfe[:i] <= nfe[i] / 2), default=0) for i in range(1, len(x))]
    rates = [(y[j] - y[i]) / (x[i] - x[j]) for i, j in enumerate(halves, start=1)]
    if rates[-1] >= 2 / 3 * max(rates) > 0:
        return np.ones(len(x), bool)
    return (error > FLOOR * error.min()) & (np.arange(len(x)) < error.argmin())


def order_text(order: float, error: float) -> str:
    """"order 1.9 ± 0.1", with no more digits than the error allows."""
    return f"order {order:.1f} ± {error:.1f}" if error >= 0.05 else f"order {order:.2f} ± {max(error, 0.01):.2f}"


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of (seconds, quality) make the front: no other is as good in both and better in one. Few seconds, much quality are good."""
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not front or points[i][1] > points[front[-1]][1] or points[i] == points[front[-1]]:
            front.append(i)
    return front
