"""Numbers with their standard errors: how they follow from a sample, and in words."""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any


def mean_and_error(*strata: Sequence[float]) -> tuple[float, float | None]:
    """The mean and its standard error, of a sample or of one with a fixed share of each kind, whose difference is no chance then.

    None where a kind has a single value.
    """
    n = sum(map(len, strata))
    means = [math.fsum(values) / len(values) for values in strata]
    mean = sum(len(values) / n * own for values, own in zip(strata, means, strict=True))
    if min(map(len, strata)) < 2:
        return mean, None
    variance = sum(len(values) / (len(values) - 1) * math.fsum((value - own) ** 2 for value in values)
                   for values, own in zip(strata, means, strict=True))
    return mean, math.sqrt(variance) / n


def with_error(value: float, error: float | None) -> str:
    """"1.64 ± 0.07": the error with one digit that counts, two if the first is a 1, and the value to the same place.

    Two decimals where the error is not known; an exact number, whose error is 0, has four digits that count.
    """
    if error is None:
        return f"{value:.2f} ± ?"
    if error == 0:
        return f"{value:.4g}"
    digits, exponent = f"{error:.1e}".split("e")
    decimals = digits.startswith("1") - int(exponent)
    return " ± ".join(f"{round(number, decimals):,.{max(decimals, 0)}f}" for number in (value, error))


def folded(result: Mapping[str, Any]) -> dict[str, Any]:
    """A result in which numbers beside their standard error, `NAME_se`, are one with it, in words."""
    errors = {name: error for key, error in result.items() if (name := key.removesuffix("_se")) in result and name != key}
    return {key: with_error(value, errors[key]) if value is not None and key in errors else value
            for key, value in result.items() if key.removesuffix("_se") not in errors or key in errors}
