"""Numbers with their errors: how many digits are shown, and what the error of a mean is."""
from __future__ import annotations

import math
from statistics import stdev

import pytest

from app.cli.terminal import show
from app.uncertain import mean_and_error, with_error


@pytest.mark.parametrize(("value", "error", "text"), [
    (1.6402, 0.0712, "1.64 ± 0.07"), (1.6402, 0.0123, "1.640 ± 0.012"), (1.6, 0.0999, "1.60 ± 0.10"), (12.0, 0.5, "12.0 ± 0.5"),
    (-13456.7, 43.2, "-13,460 ± 40"), (-13456.7, 1432.0, "-13,500 ± 1,400"), (3.0, 9.96, "3 ± 10"), (0.02646, 0.00043, "0.0265 ± 0.0004"),
    (1.6111, None, "1.61 ± ?"), (0.0264613, 0.0, "0.02646")])
def test_digits_end_where_the_error_begins(value: float, error: float | None, text: str) -> None:
    assert with_error(value, error) == text


def test_the_error_of_a_mean() -> None:
    one, two = [1.0, 2.0, 4.0], [5.0, 7.0, 9.0, 11.0]
    assert mean_and_error(one) == pytest.approx((7 / 3, stdev(one) / math.sqrt(3)))
    # A fixed share of each kind: the kinds' difference is in every such sample, and adds no error.
    expected = math.hypot(3 / 7 * stdev(one) / math.sqrt(3), 4 / 7 * stdev(two) / 2)
    assert mean_and_error(one, two) == pytest.approx((39 / 7, expected)) and expected < mean_and_error(one + two)[1]
    assert mean_and_error([2.0]) == (2.0, None) == mean_and_error([1.0], [3.0])


def test_people_are_shown_number_and_error_as_one(capsys: pytest.CaptureFixture[str]) -> None:
    show({"bits_per_dim": 1.6402, "bits_per_dim_se": 0.0712, "calls": 12, "rows": [{"bits_per_dim": 2.0, "bits_per_dim_se": 0.05, "n": 1}],
          "none": None, "none_se": None})
    assert capsys.readouterr().out == "bits_per_dim: 1.64 ± 0.07\ncalls: 12\nbits_per_dim 2.00 ± 0.05  n 1\n"
