"""What a chart says in words: which sampler is better with which budget of NFE, and no more than was measured."""
from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np

from app.grids.distances import logarithms
from app.grids.statistics import LEVEL, Point, Quality, joined, mean, measured, solution, values

FEWEST = 6                         # seeds that must differ: five differ in the same direction by chance too often (2 / 2**5 > 0.05)
NEAR = 0.9                         # of a budget: enough to belong to it (with 20 NFE Heun can spend 19)
LISTED = 6                         # budgets that are told one by one

Values = dict[str, float]                      # of pictures, by name
Lines = dict[str, dict[float, Values]]         # of samplers that may be ranked, by NFE
Field = dict[str, Values]                      # what each sampler reaches with a budget
Budgets = list[tuple[float, Field]]            # by NFE, those first that need few
Leaders = tuple[tuple[str, ...], bool]         # the best samplers, () for all; True: no two are separated, False: none from the first


def verdict(points: Sequence[Point], quality: Quality | None = None) -> tuple[str, ...]:
    """Sentences; () where there is nothing to compare. quality: by default the distance where it was measured, otherwise the share right.

    A sampler is called best with a budget where it is separated from every other that was measured with it; distances are ranked only
    where they are from solutions of one equation. That anything is said of samplers which are alike has a chance of 5 % in all, whatever
    the number of samplers and budgets (see `separated`).
    """
    quality = quality or measured(points)
    groups, bare = dict[str, Lines](), list[str]()
    for name, line in joined(points, quality).items():
        if line:
            own = {p.nfe: dict(zip(p.pictures, values(p, quality), strict=True)) for p in line}
            groups.setdefault(line[0].limit if quality == "error" else "", {})[name] = own
        else:
            bare.append(name)
    budgets = {limit: _budgets(lines) for limit, lines in groups.items()}
    fields = [field for found in budgets.values() for _, field in found]
    apart = iter(separated(fields, quality))
    said: list[str] = []
    for limit, lines in groups.items():
        ranked = [next(apart) for _ in budgets[limit]]
        best = f"comes closest to the {solution(limit)}" if quality == "error" else "draws most captions right"
        if len(lines) > 1:
            said += _ranking(lines, budgets[limit], ranked, quality, best)
        elif len(groups) > 1:
            said.append(f"{next(iter(lines))} is measured from the {solution(limit)} alone, and so is not ranked with the others.")
    if bare and groups and quality == "error":
        said.append(f"No distance was measured for {_list(bare, 'and')}.")
    return tuple(dict.fromkeys(said))


def _ranking(lines: Lines, budgets: Budgets, apart: list[set[frozenset[str]]], quality: Quality, best: str) -> Iterator[str]:
    """What is said of samplers that may be ranked."""
    found: dict[Leaders, list[float]] = {}
    for (nfe, field), pairs in zip(budgets, apart, strict=True):
        if len(field) > 1:
            found.setdefault(_leaders(field, quality, pairs), []).append(nfe)
    seeds = max((len(own) for _, field in budgets if len(field) > 1 for own in field.values()), default=0)
    if not found:
        yield "No two samplers were measured at equal NFE; compare them with equal budgets."
    elif seeds == 1:
        yield "One seed cannot separate samplers; add seeds."
    elif seeds < FEWEST:
        yield f"{seeds} seeds cannot separate samplers; take {FEWEST} or more."
    else:
        yield f"For this model, {'; '.join(f'at {_nfe(budget)} {_who(*leaders, best)}' for leaders, budget in found.items())}."
        yield from _absent(lines, [(nfe, field) for nfe, field in budgets if len(field) > 1])
        yield from _alone((nfe, next(iter(field))) for nfe, field in budgets if len(field) == 1)


def _budgets(lines: Lines) -> Budgets:
    """Budgets of NFE with what each sampler reaches; it takes its point with most NFE within the budget."""
    left = sorted({nfe for line in lines.values() for nfe in line}, reverse=True)
    found = []
    while left:
        near = [nfe for nfe in left if nfe >= NEAR * left[0]]
        found.append((left[0], {name: own[0] for name, line in lines.items() if (own := [line[nfe] for nfe in near if nfe in line])}))
        left = left[len(near):]
    return found[::-1]


def separated(fields: Sequence[Field], quality: Quality) -> list[set[frozenset[str]]]:
    """The pairs of samplers of each field that differ. If all are alike, the chance that any pair of any field does is 5 % (Holm 1979)."""
    pairs = [(chance(field[a], field[b], quality), i, frozenset((a, b)))
             for i, field in enumerate(fields) for a, b in combinations(field, 2)]
    found: list[set[frozenset[str]]] = [set() for _ in fields]
    for done, (p, i, pair) in enumerate(sorted(pairs, key=lambda known: known[0])):
        if p > (1 - LEVEL) / (len(pairs) - done):
            break
        found[i].add(pair)
    return found


def chance(a: Values, b: Values, quality: Quality) -> float:
    """The chance (p value) of two samplers that are alike to differ as much, over the pictures that both drew. 1 where fewer than FEWEST
    pictures differ.

    Distances by Student's t of the paired ratios' logarithms, which differ about equally for near and far seeds: the tail of a few far
    ones would hide a difference of the plain ones. What is right or wrong by the exact sign test (McNemar 1947).
    """
    from scipy.special import bdtr, stdtr
    both = sorted(a.keys() & b.keys())
    own, other = (np.array([values[name] for name in both]) for values in (a, b))
    apart = logarithms(own) - logarithms(other) if quality == "error" else own - other
    differ = int(np.count_nonzero(apart))
    if differ < FEWEST:
        return 1.0
    if quality == "accuracy":
        return min(1.0, 2 * float(bdtr(min(np.count_nonzero(apart > 0), np.count_nonzero(apart < 0)), differ, 0.5)))
    with np.errstate(divide="ignore"):                                   # all may differ by the same
        t = abs(apart.mean()) * len(apart) ** 0.5 / apart.std(ddof=1)
    return 2 * float(stdtr(len(apart) - 1, -t))


def _leaders(field: Field, quality: Quality, apart: set[frozenset[str]]) -> Leaders:
    """The best by the mean that the chart shows, and those that are not separated from it."""
    sign = 1 if quality == "error" else -1
    best = min(field, key=lambda name: sign * mean(list(field[name].values()), quality))
    near = tuple(name for name in field if frozenset((best, name)) not in apart)
    if any(frozenset(pair) in apart for pair in combinations(near, 2)):
        return (best, *(name for name in near if name != best)), False
    return near if len(near) < max(3, len(field)) else (), True


def _who(names: tuple[str, ...], alike: bool, best: str) -> str:
    if len(names) == 1:
        return f"{names[0]} {best}"
    whom = "any two samplers" if not names else _list(names, "and") if alike else f"{names[0]} and {_list(names[1:], 'or')}"
    return f"no difference was measured between {whom}"


def _absent(lines: Iterable[str], budgets: Budgets) -> Iterator[str]:
    """Which samplers were not measured with which budgets of others."""
    holes: dict[tuple[float, ...], list[str]] = {}
    for name in lines:
        if missing := tuple(nfe for nfe, field in budgets if name not in field):
            holes.setdefault(missing, []).append(name)
    for missing, names in holes.items():
        yield f"{_list(names, 'and')} {'was' if len(names) == 1 else 'were'} not measured at {_nfe(missing, 'or')}."


def _alone(points: Iterable[tuple[float, str]]) -> Iterator[str]:
    """Which samplers were measured where no other was."""
    found: dict[str, list[float]] = {}
    for nfe, name in points:
        found.setdefault(name, []).append(nfe)
    for name, own in found.items():
        yield f"At {_nfe(own)} only {name} was measured."


def _nfe(numbers: Sequence[float], last: str = "and") -> str:
    if len(numbers) > LISTED:
        return f"{len(numbers)} budgets from {numbers[0]:g} to {numbers[-1]:g} NFE"
    return f"{_list([f'{n:g}' for n in numbers], last)} NFE"


def _list(names: Sequence[str], last: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
