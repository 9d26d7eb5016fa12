"""The numbers behind the charts: orders that are known, intervals that cover, a front by brute force, sentences that claim no more."""
from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, ttest_rel

from app.grids.distances import ROUNDING, distances, geometric_mean, measured
from app.grids.statistics import Point, chart_of, interval, measured_order, order_text, pareto, share_interval
from app.grids.verdict import chance, separated, verdict

STEPS = (4, 8, 16, 32, 64, 128)
SPREAD = 0.55          # standard deviation of the logarithms of a diffusion sampler's distances at 40 NFE over seeds: ratios of two
RATIOS = (0.018, 0.097, *np.geomspace(0.02, 0.2, 11))          # have 0.78, the median of all pairs of 9 samplers and 8 seeds


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
    assert measured_order([5, 10, 20], [0.1, 0.05, 0.0]) is None                         # equal to the reference solution
    assert order_text(1.94, 0.12) == "order 1.9 ± 0.1 (95 %)" and order_text(1.996, 0.0) == "order 2.00 ± 0.01 (95 %)"


@pytest.mark.parametrize("points", [3, 4, 6])
def test_intervals_of_orders_cover_the_order(points: int) -> None:
    rng, calls = np.random.default_rng(3), 5.0 * 2 ** np.arange(points)
    found = [measured_order(calls.tolist(), (calls**-1.5 * np.exp(rng.normal(0, 0.1, points))).tolist()) for _ in range(2000)]
    orders = np.array([order for order in found if order is not None])
    assert len(orders) > 1600 and 0.93 <= np.mean(np.abs(orders[:, 0] - 1.5) <= orders[:, 1]) <= 0.97


DRAWS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]] = {
    "log-normal(0.5)": lambda rng, size: rng.lognormal(-3, 0.5, size), "log-normal(1)": lambda rng, size: rng.lognormal(-3, 1, size),
    "gamma(2)": lambda rng, size: 0.02 * rng.gamma(2, 1, size), "normal": lambda rng, size: np.abs(rng.normal(0.05, 0.015, size))}


@pytest.mark.parametrize("seeds", [6, 8, 16, 64])
@pytest.mark.parametrize("kind", DRAWS)
def test_intervals_of_distances_cover_their_geometric_mean(kind: str, seeds: int) -> None:
    truth = geometric_mean(DRAWS[kind](np.random.default_rng(2), (400_000,)))
    ends = np.array([interval(own) for own in DRAWS[kind](np.random.default_rng(1), (4000, seeds)).tolist()], float)
    covered = np.mean((ends[:, 0] <= truth) & (ends[:, 1] >= truth))               # known to 0.35 %
    assert 0.925 <= covered <= 0.96


@pytest.mark.parametrize("seeds", [6, 7, 10, 16, 32, 64])
def test_intervals_of_shares_cover_them_on_average(seeds: int) -> None:
    """Exactly, since a share has few outcomes; which is also why no interval covers every single share by 95 %."""
    share = np.linspace(0.005, 0.995, 199)
    ends = [share_interval([1.0] * k + [0.0] * (seeds - k)) for k in range(seeds + 1)]
    covered = sum(binom.pmf(k, seeds, share) * ((low <= share) & (share <= high)) for k, (low, high) in enumerate(ends))
    middle = (share > 0.1) & (share < 0.9)
    assert 0.94 <= np.mean(covered) <= 0.96 and 0.94 <= np.mean(covered[middle]) <= 0.965 and covered[middle].min() > 0.89


def test_intervals_of_few_and_of_equal_pictures() -> None:
    assert interval([0.3]) is None and interval([0.3, 0.3, 0.3]) == (pytest.approx(0.3), pytest.approx(0.3))
    low, high = interval([0.1, 0.3]) or (0, 0)
    assert low < 0.1 and high > 0.3                                                       # two values say little
    low, high = interval([0.1] * 9 + [0.9]) or (0, 0)
    assert low < geometric_mean([0.1] * 9 + [0.9]) < high < 0.3
    assert share_interval([1, 1, 1, 1]) == pytest.approx((0.51, 1), abs=1e-2)            # four of four is no certainty
    assert share_interval([0] * 4) == pytest.approx((0, 0.49), abs=1e-2)
    low, high = share_interval([1, 1, 0, 1] * 10)
    assert 0.55 < low < 0.75 < high < 0.92


def test_the_mean_of_distances_is_the_geometric_one_also_where_some_are_zero() -> None:
    assert geometric_mean([0.01, 0.1, 1.0]) == pytest.approx(0.1, rel=0.05)              # but for the rounding, whose mean is not 0.33
    assert geometric_mean([0.04]) == pytest.approx(0.04) == geometric_mean([0.04] * 3)
    assert geometric_mean([0.0, 0.0]) == 0 and 0 < geometric_mean([0.0, 0.1]) < 0.1
    same = np.full((2, 4, 4, 3), 7, np.uint8)
    assert measured(same, same) == {"distance": 0, "errors": [0, 0]}                     # its own limit
    assert interval([0.0] * 3) == (0, 0)
    rng = np.random.default_rng(1)                                                       # what 8 bits leave out of two like pictures
    plain = rng.uniform(0, 255, (2, 32, 32, 3))
    shaken = distances((plain + rng.uniform(-0.01, 0.01, plain.shape)).round(), plain.round())
    assert all(shaken > 0) and all(shaken < 2 * ROUNDING)


def test_pairs_separate_where_seeds_differ_more_than_samplers() -> None:
    rng = np.random.default_rng(2)
    hard = rng.uniform(0.1, 0.9, 12)                                                     # how hard a seed is, for both
    a, b = hard + rng.normal(0, 0.01, 12), hard + 0.05 + rng.normal(0, 0.01, 12)
    own, other = interval(a), interval(b)
    assert own is not None and other is not None and own[1] > other[0]                   # intervals overlap
    assert chance(named(a), named(b), "error") < 0.001


def test_too_few_differing_seeds_never_separate() -> None:
    assert chance(named([0.1] * 5), named([0.2] * 5), "error") == 1
    assert chance(named([0.1] * 6), named([0.2] * 6), "error") < 0.001
    assert chance(named([0.0] * 9), named([0.0] * 9), "error") == 1 and chance(named([0.0] * 9), named([0.1] * 9), "error") < 0.001
    assert chance(named([1.0] * 40), named([0.0] * 4 + [1.0] * 36), "accuracy") == 1                   # 40 of 40 against 36 of 40
    assert chance(named([1.0] * 40), named([0.0] * 6 + [1.0] * 34), "accuracy") == pytest.approx(2 / 2**6)
    other = {f"other {name}": value for name, value in named([0.2] * 9).items()}
    assert chance(named([0.1] * 9), other, "error") == 1                                 # not the same seeds


@pytest.mark.parametrize(("samplers", "budgets", "seeds"), [(2, 1, 6), (2, 10, 12), (5, 3, 6), (5, 3, 8)])
def test_identical_samplers_are_seldom_separated_whatever_the_number_of_budgets(samplers: int, budgets: int, seeds: int) -> None:
    rng, claims, runs = np.random.default_rng(3), 0, 150
    for _ in range(runs):
        errors = rng.lognormal(-3, 0.3, seeds) * rng.lognormal(0, SPREAD, (budgets, samplers, seeds))    # seeds are hard or easy for all
        apart = separated([{f"{k}": named(own) for k, own in enumerate(field)} for field in errors], "error")
        points = [Point(f"{k}", 2.0**i, 1, tuple(own.tolist())) for i, field in enumerate(errors) for k, own in enumerate(field)]
        assert any(apart) or "comes closest" not in verdict(points)[0]
        claims += any(apart)
    assert claims / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def skewed(rng: np.random.Generator, seeds: int) -> dict[str, dict[str, float]]:
    return {f"{k}": named(ratio * rng.lognormal(0, SPREAD, seeds)) for k, ratio in enumerate(RATIOS)}


@pytest.mark.slow
def test_a_sampler_that_is_five_times_as_far_is_separated_among_thirteen() -> None:
    rng, runs, found, plain = np.random.default_rng(8), 100, {8: 0, 12: 0}, 0
    for _ in range(runs):
        for seeds in found:
            found[seeds] += frozenset("01") in separated([field := skewed(rng, seeds)], "error")[0]
            pvalues = ttest_rel(*(list(field[name].values()) for name in "01")).pvalue if seeds == 8 else 1
            plain += bool(pvalues < 0.05 / 78)
    assert found[12] >= 0.9 * runs and found[8] >= 0.45 * runs > 2 * plain         # 98 %, 60 %; differences instead of ratios 15 %


def test_the_verdict_names_what_the_chart_shows_lowest() -> None:
    close, far = [0.01] * 11 + [0.9], [0.05] * 12                        # on the plain average the first is farther
    points = [Point("DPM++ 2M", 20, 1, tuple(close)), Point("DDIM", 20, 1, tuple(far))]
    lower, higher = chart_of(points, "error").series
    assert verdict(points) == ("For this model, at 20 NFE DPM++ 2M comes closest to the solution of the ODE.",)
    assert lower.ys[0] < higher.ys[0] == pytest.approx(0.05) and np.mean(close) > np.mean(far)
    rng = np.random.default_rng(9)
    for _ in range(20):
        field = skewed(rng, 40)
        points = [Point(name, 20, 1, tuple(own.values())) for name, own in field.items()]
        ys = {line.name: line.ys[0] for line in chart_of(points, "error").series}
        best = min(ys, key=lambda name: ys[name])
        assert "comes closest" not in (told := verdict(points)[0]) or f"at 20 NFE {best} comes closest" in told
    assert chart_of(points, "error").y_title == "distance to the solution of the ODE (geometric mean)"


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
    assert verdict(points) == ("For this model, at 10 and 20 NFE DPM++ 2M comes closest to the solution of the ODE; "
                               "at 40 NFE no difference was measured between DPM++ 2M and UniPC.",)


def test_one_budget_or_one_outcome() -> None:
    pair = [cell("DDIM", 20, 0.1), cell("Euler", 20, 0.2)]
    assert verdict(pair) == ("For this model, at 20 NFE DDIM comes closest to the solution of the ODE.",)
    more = [*pair, cell("DDIM", 50, 0.01), cell("Euler", 50, 0.02)]
    assert verdict(more) == ("For this model, at 20 and 50 NFE DDIM comes closest to the solution of the ODE.",)
    same = [cell("DDIM", 20, 0.1), cell("Euler", 20, 0.1), cell("Heun", 19, 0.1)]
    assert verdict(same) == ("For this model, at 20 NFE no difference was measured between any two samplers.",)
    crossing = [*pair, cell("DDIM", 50, 0.02), cell("Euler", 50, 0.02), cell("DDIM", 100, 0.02), cell("Euler", 100, 0.01)]
    assert verdict(crossing) == ("For this model, at 20 NFE DDIM comes closest to the solution of the ODE; at 50 NFE no difference "
                                 "was measured between DDIM and Euler; at 100 NFE Euler comes closest to the solution of the ODE.",)


def test_what_stands_alone_at_its_calls_is_said_to() -> None:
    """A sampler that is best at 24 NFE is not called best "above" while another does better with 30 and 46, and alone."""
    points = [cell("DPM++ 2M", 10, 0.2), cell("DDIM", 10, 0.3), cell("Heun", 9, 0.1), cell("DPM++ 2M", 24, 0.06), cell("DDIM", 24, 0.1),
              cell("Heun", 30, 0.02), cell("Heun", 46, 0.01)]
    assert verdict(points) == ("For this model, at 10 NFE Heun comes closest to the solution of the ODE; "
                               "at 24 NFE DPM++ 2M comes closest to the solution of the ODE.",
                               "Heun was not measured at 24 NFE.", "At 30 and 46 NFE only Heun was measured.")
    many = [*points[:2], *(cell("RK45", 100 * 2**k, 0.01) for k in range(8))]
    assert verdict(many)[-1] == "At 8 budgets from 100 to 12800 NFE only RK45 was measured."


def test_distances_to_different_limits_are_not_ranked() -> None:
    to_sde = [replace(cell(name, 20, mean), limit="SDE") for name, mean in (("Ancestral", 0.05), ("Euler–Maruyama", 0.01))]
    points = [cell("Heun", 20, 0.1), cell("Euler", 20, 0.2), *to_sde, Point("Corrector", 20, 1.0)]
    assert verdict(points) == ("For this model, at 20 NFE Heun comes closest to the solution of the ODE.",
                               "For this model, at 20 NFE Euler–Maruyama comes closest to the solution of the SDE.",
                               "No distance was measured for Corrector.")
    assert verdict(points[:3]) == ("For this model, at 20 NFE Heun comes closest to the solution of the ODE.",
                                   "Ancestral is measured from the solution of the SDE alone, and so is not ranked with the others.")
    chart = chart_of(points, "time")
    assert chart.front == () and [line.legend for line in chart.series] == ["Heun · ODE", "Euler · ODE", "Ancestral · SDE",
                                                                          "Euler–Maruyama · SDE"]
    assert chart.y_title == "distance to the solution of the sampler's equation (geometric mean)"
    one = chart_of(points[:2], "time")
    assert one.y_title == "distance to the solution of the ODE (geometric mean)" and one.front


def test_of_three_only_what_was_measured_is_said() -> None:
    rng = np.random.default_rng(6)
    best, close, wild = np.full(12, 0.1), 0.1 * rng.lognormal(0.2, 0.05, 12), rng.lognormal(0, 1, 12)
    wild *= 0.11 / geometric_mean(wild)
    points = [Point(name, 20, 1, tuple(errors.tolist())) for name, errors in (("DDIM", close), ("Euler", wild), ("UniPC", best))]
    assert verdict(points) == ("For this model, at 20 NFE no difference was measured between Euler and UniPC.",)
    points[1] = Point("Euler", 20, 1, tuple((0.8 * wild).tolist()))                      # now the best on average
    assert verdict(points) == ("For this model, at 20 NFE no difference was measured between Euler and DDIM or UniPC.",)


def test_samplers_that_were_not_measured_are_named() -> None:
    points = [cell("DDIM", 20, 0.1), cell("Euler", 20, 0.2), cell("Heun", 19, 0.3), cell("DDIM", 50, 0.01), cell("Euler", 50, 0.02)]
    assert verdict(points) == ("For this model, at 20 and 50 NFE DDIM comes closest to the solution of the ODE.",
                               "Heun was not measured at 50 NFE.")


def test_few_seeds_separate_nothing() -> None:
    one, four = ([cell("DDIM", 20, 0.1, seeds=n), cell("Euler", 20, 0.5, seeds=n)] for n in (1, 4))
    assert verdict(one) == ("One seed cannot separate samplers; add seeds.",)
    assert verdict(four) == ("4 seeds cannot separate samplers; take 6 or more.",)


def test_nothing_to_compare() -> None:
    assert verdict([]) == () and verdict([cell("DDIM", 20, 0.1)]) == ()
    assert verdict([cell("DDIM", 20, 0.1), cell("Heun", 99, 0.1)]) == (
        "No two samplers were measured at equal NFE; compare them with equal budgets.",)


def test_accuracy() -> None:
    good, bad = (True,) * 38 + (False,) * 2, (True,) * 20 + (False,) * 20
    points = [Point("DDIM", 5, 0.1, right=good), Point("Euler", 5, 0.1, right=bad),
              Point("DDIM", 50, 1.0, right=good), Point("Euler", 50, 1.0, right=good[::-1])]
    assert verdict(points) == ("For this model, at 5 NFE DDIM draws most captions right; "
                               "at 50 NFE no difference was measured between DDIM and Euler.",)
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
    assert chart.front == (pytest.approx((1.0, 0.3)), pytest.approx((2.0, 0.1)))
    assert chart.quality == "error" and chart.series[1].xs == (1.5, 3.0)
    shares = [Point(p.series, p.nfe, p.seconds, right=(p.nfe > 5,)) for p in points]
    assert chart_of(shares, "time").front == ((1.0, 0.0), (2.0, 1.0))
    assert chart_of([], "time").series == ()


def test_points_at_equal_calls_are_one() -> None:
    points = [Point("DDIM", 10, 1.0, (0.1,)), Point("DDIM", 10, 2.0, (0.3, 0.2)), Point("DDIM", 5, 1.0, (0.5,))]
    line, = chart_of(points, "error").series
    assert line.xs == (5, 10) and line.ys == pytest.approx((0.5, 0.18), abs=0.002) and line.counts == (1, 3) and line.seconds == (1.0, 1.5)


def test_a_picture_drawn_twice_counts_once() -> None:
    rng = np.random.default_rng(0)
    seeds = ("1", "2", "3")
    points = [Point(name, 19, 1.0, tuple((mean + 0.01 * rng.random(3)).tolist()), pictures=seeds)
              for name, mean in (("A", 0.1), ("B", 0.3))]
    assert verdict(points) == verdict(points + points) == ("3 seeds cannot separate samplers; take 6 or more.",)
    (line,) = chart_of(points[:1] * 3, "error").series
    assert line.counts == (3,)
