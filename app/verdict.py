"""What a chart says in words: the sampler to take for so many calls, and no more than the intervals show."""
from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import numpy as np

from app.charts import Point, Quality, joined, measured, paired_interval, values

FEWEST = 6                         # seeds that must differ: five differ in the same direction by chance too often (2 / 2**5 > 0.05)
NEAR = 0.9                         # of a budget: enough to belong to it (with 20 calls Heun can spend 19)
BEST = {"error": "comes closest to the converged run", "accuracy": "draws most captions right"}

Values = dict[str, float]                      # of pictures, by name
Field = dict[str, Values]                      # what each sampler reaches with a budget
Leaders = tuple[tuple[str, ...], bool]         # the best samplers, () for all; True: no two are separated, False: none from the first


def verdict(points: Sequence[Point], quality: Quality | None = None) -> tuple[str, ...]:
    """Sentences; () where there is nothing to compare. quality: by default the distance where it was measured, otherwise the share right.

    A sampler is called best where the paired 95 % intervals separate it from every other that was measured with that budget.
    """
    quality = quality or measured(points)
    lines = {name: {p.nfe: dict(zip(p.pictures, values(p, quality), strict=True)) for p in line if values(p, quality)}
             for name, line in joined(points, quality).items()}
    lines = {name: line for name, line in lines.items() if line}
    if len(lines) < 2:
        return ()
    fields = _budgets(lines)
    if not fields:
        return ("No two samplers were measured at equal calls; compare them with equal budgets.",)
    seeds = max(len(own) for _, field in fields for own in field.values())
    if seeds == 1:
        return ("One seed cannot separate samplers; add seeds.",)
    if seeds < FEWEST:
        return (f"{seeds} seeds cannot separate samplers; take {FEWEST} or more.",)
    parts: list[tuple[float, float, Leaders]] = []             # calls from, to
    for calls, field in fields:
        leaders = _leaders(field, quality)
        first = parts.pop()[0] if parts and parts[-1][2] == leaders else calls
        parts.append((first, calls, leaders))
    said = [f"{_where(*part[:2], part is parts[0], part is parts[-1])} {_who(*part[2], quality)}" for part in parts]
    return (f"For this model, {'; '.join(said)}.", *_absent(lines, fields))


def _budgets(lines: dict[str, dict[float, Values]]) -> list[tuple[float, Field]]:
    """Budgets of calls with which at least two samplers were measured; each takes its point with most calls within the budget."""
    left = sorted({nfe for line in lines.values() for nfe in line}, reverse=True)
    found = []
    while left:
        near = [nfe for nfe in left if nfe >= NEAR * left[0]]
        field = {name: own[0] for name, line in lines.items() if (own := [line[nfe] for nfe in near if nfe in line])}
        if len(field) > 1:
            found.append((left[0], field))
        left = left[len(near):]
    return found[::-1]


def _leaders(field: Field, quality: Quality) -> Leaders:
    """The best on average and those that are not separated from it."""
    sign = 1 if quality == "error" else -1
    best = min(field, key=lambda name: sign * float(np.mean(list(field[name].values()))))
    near = tuple(name for name in field if name == best or not separated(field[best], field[name]))
    if any(separated(field[a], field[b]) for a, b in combinations(near, 2)):
        return (best, *(name for name in near if name != best)), False
    return near if len(near) < max(3, len(field)) else (), True


def separated(a: Values, b: Values) -> bool:
    """Whether the paired interval of two samplers, over the pictures that both drew, leaves zero out, and enough of them differ at all."""
    both = sorted(a.keys() & b.keys())
    own, other = [a[name] for name in both], [b[name] for name in both]
    if np.count_nonzero(np.subtract(own, other)) < FEWEST:
        return False
    ends = paired_interval(own, other)
    return ends is not None and (ends[0] > 0 or ends[1] < 0)


def _who(names: tuple[str, ...], alike: bool, quality: Quality) -> str:
    if len(names) == 1:
        return f"{names[0]} {BEST[quality]}"
    whom = "any two samplers" if not names else _list(names, "and") if alike else f"{names[0]} and {_list(names[1:], 'or')}"
    return f"no difference was measured between {whom}"


def _absent(lines: Collection[str], fields: list[tuple[float, Field]]) -> Iterator[str]:
    """Which samplers were not measured with which budgets."""
    holes: dict[tuple[str, ...], list[str]] = {}
    for name in lines:
        if missing := tuple(f"{calls:g}" for calls, field in fields if name not in field):
            holes.setdefault(missing, []).append(name)
    for missing, names in holes.items():
        calls = "call" if missing == ("1",) else "calls"
        yield f"{_list(names, 'and')} {'was' if len(names) == 1 else 'were'} not measured with {_list(missing, 'or')} {calls}."


def _where(first: float, last: float, begins: bool, ends: bool) -> str:
    calls = f"{last:g} call{'' if last == 1 else 's'}"
    if begins != ends:
        return f"up to {calls}" if begins else "above,"
    return f"with {calls}" if first == last else f"from {first:g} to {calls}"


def _list(names: Sequence[str], last: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {last} {names[-1]}"
