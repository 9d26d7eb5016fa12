"""The numbers behind the charts: orders that are known, intervals that cover, a front by brute force, sentences that claim no more."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.charts import Point, chart_of, interval, measured_order, order_text, paired_interval, pareto, share_interval
from app.verdict import separated, verdict

STEPS = (4, 8, 16, 32, 64, 128)


def named(values: Iterable[float]) -> dict[str, float]:
    return {str(k): float(value) for k, value in enumerate(values)}


def euler(h: float) -> float:
    return 1 - h


def heun(h: float) -> float:
    return 1 - h + h * h / 2


def decay_errors(step: Callable[[float], float], steps: tuple[int, ...] = STEPS) -> list[float]:
    """Errors at t = 1 of y' = -y, y(0) = 1, whose steps multiply y by step(h)."""
    return [abs(step(1 / n) ** n - np.exp(-1)) for n in steps]


@pytest.mark.parametrize(("step", "calls", "order"), [(euler, 1, 1), (heun, 2, 2)])
def test_measured_order_is_the_methods_order(step: Callable[[float], float], calls: int, order: int) -> None:
    found = measured_order([calls * n for n in STEPS], decay_errors(step))
    assert found is not None and found[0] == pytest.approx(order, abs=0.1) and found[1] < 0.1


@pytest.mark.parametrize("step", [euler, heun])
def test_a_floor_is_left_out(step: Callable[[float], float]) -> None:
    steps, order = (*STEPS, 256, 512), 1 if step is euler else 2
    errors = np.hypot(decay_errors(step, steps), decay_errors(step)[-1])                 # the floor is the error of 128 steps
    found = measured_order(steps, errors.tolist())
    assert found is not None and found[0] == pytest.approx(order, abs=0.1)
    assert -np.polyfit(np.log(steps), np.log(errors), 1)[0] < order - 0.15               # what all points would give


def test_no_order_without_three_points_above_the_floor() -> None:
    assert measured_order([5, 10], [0.2, 0.1]) is None
    assert measured_order([5, 10, 20, 40], [0.1, 0.1, 0.1, 0.1]) is None
    assert measured_order([5, 10, 20, 40], [0.1, 0.2, 0.5, 0.9]) is None                 # it does not fall
    assert measured_order([5, 10, 20], [0.1, 0.05, 0.0]) is None                         # equal to the converged run
    assert order_text(1.94, 0.12) == "order 1.9 ± 0.1" and order_text(1.996, 0.0) == "order 2.00 ± 0.01"


@pytest.mark.parametrize("seeds", [6, 12, 40])
def test_intervals_cover_the_truth(seeds: int) -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(400):
        ends = interval(rng.normal(3.0, 2.0, seeds))
        assert ends is not None
        covered += ends[0] <= 3.0 <= ends[1]
    assert 0.92 <= covered / 400 <= 0.98


def test_intervals_of_few_and_of_equal_pictures() -> None:
    assert interval([0.3]) is None
    assert interval([0.1, 0.2, 0.4]) == interval([0.1, 0.2, 0.4])                        # seeded
    assert share_interval([1, 1, 1, 1]) == pytest.approx((0.398, 1), abs=1e-3)           # four of four is no certainty
    assert share_interval([0] * 4) == pytest.approx((0, 0.602), abs=1e-3)
    low, high = share_interval([1, 1, 0, 1] * 10) or (0, 0)
    assert 0.55 < low < 0.75 < high < 0.92


def test_pairs_separate_where_seeds_differ_more_than_samplers() -> None:
    rng = np.random.default_rng(2)
    hard = rng.uniform(0.1, 0.9, 12)                                                     # how hard a seed is, for both
    a, b = hard + rng.normal(0, 0.01, 12), hard + 0.05 + rng.normal(0, 0.01, 12)
    own, other = interval(a), interval(b)
    assert own is not None and other is not None and own[1] > other[0]                   # unpaired intervals overlap
    ends = paired_interval(a, b)
    assert ends is not None and ends[0] < -0.05 < ends[1] < 0
    assert separated(named(a), named(b))


def test_too_few_differing_seeds_never_separate() -> None:
    assert not separated(named([0.1] * 5), named([0.2] * 5))
    assert separated(named([0.1] * 6), named([0.2] * 6))
    assert not separated(named([1.0] * 40), named([0.0] * 4 + [1.0] * 36))                             # 40 of 40 against 36 of 40
    other = {f"other {name}": value for name, value in named([0.2] * 9).items()}
    assert not separated(named([0.1] * 9), other)                                        # not the same seeds


def test_equal_samplers_are_seldom_separated() -> None:
    rng = np.random.default_rng(3)
    assert sum(separated(*map(named, rng.normal(0.3, 0.1, (2, 8)).tolist())) for _ in range(400)) <= 32


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_pareto_front(points: list[tuple[int, int]]) -> None:
    def beaten(p: tuple[int, int]) -> bool:
        return any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in points)
    front = pareto(points)
    assert sorted(front) == [i for i, p in enumerate(points) if not beaten(p)]
    assert [points[i][0] for i in front] == sorted(points[i][0] for i in front)


HARD = np.random.default_rng(4).uniform(0.5, 1.5, 12)
NOISE = np.random.default_rng(5).normal(0, 1, (2, 12))


def cell(series: str, nfe: float, mean: float, *, noise: int | None = None, seeds: int = 12) -> Point:
    """Seeds are hard or easy for all samplers alike; noise: which own noise is added."""
    own = 0 if noise is None else 0.1 * mean * NOISE[noise]
    return Point(series, nfe, nfe / 100, tuple((mean * HARD + own)[:seeds].tolist()))


def test_the_best_is_named_where_it_is_separated_and_nowhere_else() -> None:
    points = [cell("DPM++ 2M", 10, 0.1), cell("DPM++ 2M", 20, 0.05), cell("DPM++ 2M", 40, 0.01, noise=1),
              cell("UniPC", 10, 0.2), cell("UniPC", 20, 0.08), cell("UniPC", 40, 0.01, noise=0),
              cell("Heun", 9, 0.3), cell("Heun", 19, 0.2), cell("Heun", 39, 0.1)]
    assert verdict(points) == ("For this model, up to 20 calls DPM++ 2M comes closest to the converged run; "
                               "above, no difference was measured between DPM++ 2M and UniPC.",)


def test_one_budget_or_one_outcome() -> None:
    pair = [cell("DDIM", 20, 0.1), cell("Euler", 20, 0.2)]
    assert verdict(pair) == ("For this model, with 20 calls DDIM comes closest to the converged run.",)
    more = [*pair, cell("DDIM", 50, 0.01), cell("Euler", 50, 0.02)]
    assert verdict(more) == ("For this model, from 20 to 50 calls DDIM comes closest to the converged run.",)
    same = [cell("DDIM", 20, 0.1), cell("Euler", 20, 0.1), cell("Heun", 19, 0.1)]
    assert verdict(same) == ("For this model, with 20 calls no difference was measured between any two samplers.",)
    crossing = [*pair, cell("DDIM", 50, 0.02), cell("Euler", 50, 0.02), cell("DDIM", 100, 0.02), cell("Euler", 100, 0.01)]
    assert verdict(crossing) == ("For this model, up to 20 calls DDIM comes closest to the converged run; with 50 calls no difference was "
                                 "measured between DDIM and Euler; above, Euler comes closest to the converged run.",)


def test_of_three_only_what_was_measured_is_said() -> None:
    rng = np.random.default_rng(6)
    best, close, wild = np.full(12, 0.1), np.full(12, 0.1) + rng.normal(0.02, 0.005, 12), np.full(12, 0.11) + rng.normal(0, 0.2, 12)
    wild += 0.11 - wild.mean()
    points = [Point(name, 20, 1, tuple(errors.tolist())) for name, errors in (("DDIM", close), ("Euler", wild), ("UniPC", best))]
    assert verdict(points) == ("For this model, with 20 calls no difference was measured between Euler and UniPC.",)
    points[1] = Point("Euler", 20, 1, tuple((wild - 0.02).tolist()))                     # now the best on average
    assert verdict(points) == ("For this model, with 20 calls no difference was measured between Euler and DDIM or UniPC.",)


def test_samplers_that_were_not_measured_are_named() -> None:
    points = [cell("DDIM", 20, 0.1), cell("Euler", 20, 0.2), cell("Heun", 19, 0.3), cell("DDIM", 50, 0.01), cell("Euler", 50, 0.02)]
    assert verdict(points) == ("For this model, from 20 to 50 calls DDIM comes closest to the converged run.",
                               "Heun was not measured with 50 calls.")


def test_few_seeds_separate_nothing() -> None:
    one, four = ([cell("DDIM", 20, 0.1, seeds=n), cell("Euler", 20, 0.5, seeds=n)] for n in (1, 4))
    assert verdict(one) == ("One seed cannot separate samplers; add seeds.",)
    assert verdict(four) == ("4 seeds cannot separate samplers; take 6 or more.",)


def test_nothing_to_compare() -> None:
    assert verdict([]) == () and verdict([cell("DDIM", 20, 0.1)]) == ()
    assert verdict([cell("DDIM", 20, 0.1), cell("Heun", 99, 0.1)]) == (
        "No two samplers were measured at equal calls; compare them with equal budgets.",)


def test_accuracy() -> None:
    good, bad = (True,) * 38 + (False,) * 2, (True,) * 20 + (False,) * 20
    points = [Point("DDIM", 5, 0.1, right=good), Point("Euler", 5, 0.1, right=bad),
              Point("DDIM", 50, 1.0, right=good), Point("Euler", 50, 1.0, right=good[::-1])]
    assert verdict(points) == ("For this model, up to 5 calls DDIM draws most captions right; "
                               "above, no difference was measured between DDIM and Euler.",)
    chart = chart_of(points, "accuracy")
    assert [line.legend for line in chart.series] == ["DDIM", "Euler"] and not chart.y_log
    assert chart.series[0].ys == (0.95, 0.95) and chart.front == ()


def test_chart_of_errors() -> None:
    errors = decay_errors(euler)
    points = [cell("Greedy", 7, 0.1, seeds=0), *(cell("Euler", n, e) for n, e in zip(STEPS[::-1], errors[::-1], strict=True)),
              cell("DDIM", 4, 0.3, seeds=1)]
    chart = chart_of(points, "error")
    line, single = chart.series
    assert (line.name, line.colour, line.xs, line.counts) == ("Euler", 1, STEPS, (12,) * 6)      # Greedy keeps its colour for other charts
    assert line.legend.startswith("Euler · order 1.0") and single.legend == "DDIM"
    assert all(low is not None and high is not None and low < y < high for low, y, high in zip(line.low, line.ys, line.high, strict=True))
    assert single.low == single.high == (None,)
    assert json.loads(json.dumps(asdict(chart)))["series"][0]["xs"] == list(STEPS)


def test_chart_of_time_has_the_front() -> None:
    points = [Point("A", 5, 1.0, (0.3,)), Point("A", 10, 2.0, (0.1,)), Point("B", 5, 1.5, (0.4,)), Point("B", 10, 3.0, (0.1,))]
    chart = chart_of(points, "time")
    assert chart.front == ((1.0, 0.3), (2.0, 0.1)) and chart.quality == "error" and chart.series[1].xs == (1.5, 3.0)
    shares = [Point(p.series, p.nfe, p.seconds, right=(p.nfe > 5,)) for p in points]
    assert chart_of(shares, "time").front == ((1.0, 0.0), (2.0, 1.0))
    assert chart_of([], "time").series == ()


def test_points_at_equal_calls_are_one() -> None:
    points = [Point("DDIM", 10, 1.0, (0.1,)), Point("DDIM", 10, 2.0, (0.3, 0.2)), Point("DDIM", 5, 1.0, (0.5,))]
    line, = chart_of(points, "error").series
    assert line.xs == (5, 10) and line.ys == pytest.approx((0.5, 0.2)) and line.counts == (1, 3) and line.seconds == (1.0, 1.5)


def test_a_picture_drawn_twice_counts_once() -> None:
    rng = np.random.default_rng(0)
    seeds = ("1", "2", "3")
    points = [Point(name, 19, 1.0, tuple((mean + 0.01 * rng.random(3)).tolist()), pictures=seeds)
              for name, mean in (("A", 0.1), ("B", 0.3))]
    assert verdict(points) == verdict(points + points) == ("3 seeds cannot separate samplers; take 6 or more.",)
    (line,) = chart_of(points[:1] * 3, "error").series
    assert line.counts == (3,)
