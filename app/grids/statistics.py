"""The numbers behind the charts of a grid: a line for each sampler, with intervals, measured order and Pareto front.

Pure functions of what was measured; the page draws a `Chart` as it is, and `verdict` says it in words."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from app.grids.distances import from_logarithm, geometric_mean, logarithms

What = Literal["error", "accuracy", "time"]
Quality = Literal["error", "accuracy"]
LEVEL = 0.95                       # of all intervals
FLOOR = 3.0                        # times the least error of a line; points nearer to it are bent by the floor


@dataclass(frozen=True)
class Point:
    """What was measured of a cell. Cells share their seeds, so that pictures of the same name can be compared one by one."""
    series: str                    # label of the line: sampler, family ...
    nfe: float                     # network evaluations for a picture
    seconds: float                 # for a picture
    errors: tuple[float, ...] = () # distance of each picture to the solution of its sampler's equation from its seed; empty: not measured
    right: tuple[bool, ...] = ()   # whether each picture shows what its caption says; empty: not measured
    pictures: tuple[str, ...] = () # name of each picture, its seed and caption; empty: they are numbered
    limit: str = "ODE"             # the equation from whose solution errors are; those of different ones are not ranked with one another


@dataclass(frozen=True)
class Series:
    """A line of a chart; its tuples have an entry for each point, in order of NFE."""
    name: str
    colour: int                    # the place of the line among all lines of the grid
    legend: str                    # name, the equation where a chart has several, the measured order where there is one
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
    front: tuple[tuple[float, float], ...]     # Pareto front (x, y) from left to right; empty but for time, and for several equations
    verdict: tuple[str, ...] = ()              # sentences, see `verdict`
    note: str = ""                             # how far what is shown can be trusted


def chart_of(points: Sequence[Point], what: What) -> Chart:
    """error: geometric mean of the distances against NFE; accuracy: share right against NFE; time: quality (see `measured`) against
    seconds."""
    quality = measured(points) if what == "time" else what
    lines = [(colour, name, line) for colour, (name, line) in enumerate(joined(points, quality).items()) if line]
    limits = {line[0].limit for _, _, line in lines} if quality == "error" else set()
    series = [_series(name, colour, line, what, quality, len(limits) > 1) for colour, name, line in lines]
    front: tuple[tuple[float, float], ...] = ()
    if what == "time" and len(limits) < 2:
        spots = [spot for line in series for spot in zip(line.xs, line.ys, strict=True)]
        sign = 1 if quality == "accuracy" else -1
        front = tuple(dict.fromkeys(spots[i] for i in pareto([(x, sign * y) for x, y in spots])))
    limit = solution(*limits) if len(limits) == 1 else "solution of the sampler's equation"
    y_title = f"distance to the {limit} (geometric mean)" if quality == "error" else "pictures that show what their caption says"
    return Chart(what, quality, "seconds a picture" if what == "time" else "NFE: network evaluations for a picture", y_title, True,
                 quality == "error", tuple(series), front)


def solution(limit: str) -> str:
    """From what the distances of a sampler are."""
    return f"solution of the {limit}"


def _series(name: str, colour: int, line: list[Point], what: What, quality: Quality, several: bool) -> Series:
    own = [values(p, quality) for p in line]
    ys = tuple(mean(v, quality) for v in own)
    ends = [share_interval(v) if quality == "accuracy" else interval(v) or (None, None) for v in own]
    nfe, seconds = tuple(p.nfe for p in line), tuple(p.seconds for p in line)
    order = measured_order(nfe, ys) if what == "error" else None
    legend = " · ".join([name, *([line[0].limit] if several else []), *([order_text(*order)] if order else [])])
    return Series(name, colour, legend, seconds if what == "time" else nfe, ys,
                  tuple(low for low, _ in ends), tuple(high for _, high in ends), nfe, seconds, tuple(len(v) for v in own))


def measured(points: Sequence[Point]) -> Quality:
    """What tells the quality of points: the distance where it was measured, otherwise the share right."""
    return "error" if any(p.errors for p in points) else "accuracy"


def values(point: Point, quality: Quality) -> tuple[float, ...]:
    """The quality of each picture of a point."""
    return point.errors if quality == "error" else tuple(map(float, point.right))


def mean(sample: Sequence[float], quality: Quality) -> float:
    """What stands for the pictures of a point: of distances the geometric mean, of right and wrong ones the share."""
    return geometric_mean(sample) if quality == "error" else float(np.mean(sample))


def joined(points: Sequence[Point], quality: Quality) -> dict[str, list[Point]]:
    """Lines by name, as they come, each in order of NFE; points of a line at the same NFE become one with all their pictures.

    Points of which the quality was not measured are left out; a line may have no others.
    """
    lines: dict[str, dict[float, list[Point]]] = {}
    for p in points:
        line = lines.setdefault(p.series, {})
        if values(p, quality):
            line.setdefault(p.nfe, []).append(p)
    return {name: [_one(same, quality) for _, same in sorted(line.items())] for name, line in lines.items()}


def _one(same: list[Point], quality: Quality) -> Point:
    """Points as one; a picture that was drawn twice with the same seed and NFE says no more than once."""
    found: dict[str, float] = {}
    for p in same:
        own = values(p, quality)
        for name, value in zip(p.pictures or map(str, range(len(found), len(found) + len(own))), own, strict=True):
            found.setdefault(name, value)
    plain = tuple(found.values())
    return Point(same[0].series, same[0].nfe, float(np.mean([p.seconds for p in same])), plain if quality == "error" else (),
                 tuple(map(bool, plain)) if quality == "accuracy" else (), tuple(found), same[0].limit)


def interval(sample: Sequence[float]) -> tuple[float, float] | None:
    """95 % interval of a geometric mean of distances, by Student's t of their logarithms; None for fewer than two.

    Of 20,000 samples each, n = 6 to 64, it covers 95 % of log-normal means (s = 0.5 and 1), 94.5 to 95 % of gamma distributed ones
    (k = 2), and 93.5 to 95 % of normal ones (a spread of 0.3 of the mean); where one seed of eight is ten times as far, 84 to 94 %.
    """
    from scipy.special import stdtrit
    if len(sample) < 2:
        return None
    logs = logarithms(sample)
    far = stdtrit(len(logs) - 1, (1 + LEVEL) / 2) * logs.std(ddof=1) / len(logs)**0.5
    return from_logarithm(logs.mean() - far), from_logarithm(logs.mean() + far)


def share_interval(right: Sequence[float]) -> tuple[float, float]:
    """95 % interval of a share; a share of few pictures takes few values, so that it covers 95 % on average over all shares only."""
    from pipelines.metrics.accuracy import wilson
    return wilson(int(sum(right)), len(right))


def measured_order(nfe: Sequence[float], error: Sequence[float]) -> tuple[float, float] | None:
    """Order of convergence ± half of its 95 % interval: least squares of log error against log NFE, over the points above the floor.

    nfe: rising. None with fewer than three usable points, and where the line does not fall. An interval that reaches zero is told too:
    to leave it out would keep those that are narrow by luck, and they cover less than they say.
    """
    n, e = np.asarray(nfe, float), np.asarray(error, float)
    n, e = n[e > 0], e[e > 0]
    if len(n) >= 3:
        usable = above_floor(n, e)
        n, e = n[usable], e[usable]
    if len(n) < 3:
        return None
    from scipy.special import stdtrit
    x, y = np.log(n) - np.log(n).mean(), np.log(e) - np.log(e).mean()
    slope = x @ y / (x @ x)
    rest = y - slope * x
    spread = np.sqrt(rest @ rest / (len(x) - 2) / (x @ x))
    return (-float(slope), float(stdtrit(len(x) - 2, (1 + LEVEL) / 2) * spread)) if slope < 0 else None


def above_floor(nfe: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Which points of a line lie above its floor, where the error stops to fall.

    A line has a floor if over its last doubling of NFE the error falls at less than two thirds of the rate of its steepest doubling.
    The floor is then its least error, and the points before it that are more than three times as large count.
    """
    x, y = np.log(nfe), np.log(error)
    halves = [max(np.flatnonzero(nfe[:i] <= nfe[i] / 2), default=0) for i in range(1, len(x))]
    rates = [(y[j] - y[i]) / (x[i] - x[j]) for i, j in enumerate(halves, start=1)]
    if rates[-1] >= 2 / 3 * max(rates) > 0:
        return np.ones(len(x), bool)
    return (error > FLOOR * error.min()) & (np.arange(len(x)) < error.argmin())


def order_text(order: float, error: float) -> str:
    """"order 1.9 ± 0.1 (95 %)", with no more digits than the interval allows."""
    return f"order {order:.1f} ± {error:.1f} (95 %)" if error >= 0.05 else f"order {order:.2f} ± {max(error, 0.01):.2f} (95 %)"


def pareto(points: Sequence[tuple[float, float]]) -> list[int]:
    """Which of (seconds, quality) make the front: no other is as good in both and better in one. Few seconds, much quality are good."""
    front: list[int] = []
    for i in sorted(range(len(points)), key=lambda i: (points[i][0], -points[i][1])):
        if not front or points[i][1] > points[front[-1]][1] or points[i] == points[front[-1]]:
            front.append(i)
    return front
