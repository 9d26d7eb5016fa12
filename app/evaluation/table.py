"""The table of all families as people see it: columns, Markdown, the points of the chart, and what they say in words.

A row is a plain dict, FACTS by name, as `families.json` holds it; a family without weights has `family` and `problem` alone.
A cell of a quality table is what `point` makes of it.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.evaluation.views import FamilyTable
from app.uncertain import with_error
from pipelines import registry

LIMITS = ("frechet_floor", "precision_ceiling", "recall_ceiling", "kernel_distance", "kernel_distance_se", "judge_false_accepts")
FACTS = ("family", "model", "sampler", "amount", "guidance_scale", "label_only", "accuracy_one", "accuracy_two", "holdout",
         "frechet_distance", "precision", "recall", "bits_per_dim", "bits_per_dim_se", "bits_of", "parameters", "nfe",
         "seconds_per_image", "images", "images_whole", "model_sha256", "device", "threads", "problem", *LIMITS)
CELL = ("sampler", "calls", "nfe", "caption_accuracy_one_object", "caption_accuracy_two_objects", "seconds_per_image", "count")
CLOSE = 0.02                       # difference in accuracy within which a cheaper sampler is shown
Row = dict[str, Any]
Counts = dict[str, int]            # how many test captions, hold-out captions and likelihoods were measured
Interval = tuple[float, float]


def _unknown(row: Row, counts: Counts) -> Interval | None:
    return None


@dataclass(frozen=True)
class Column:
    """A column of numbers. better: 1 if more is, -1 if less is, 0 if neither; comparable: rows whose number means the same; interval:
    the 95 % interval of a row's number, by which the best of a column is known, None where it is not."""
    key: str
    title: str
    help: str
    text: Callable[[Row], str]
    better: int = 0
    comparable: Callable[[Row], bool] = lambda row: True
    interval: Callable[[Row, Counts], Interval | None] = _unknown


def _percent(key: str) -> Callable[[Row], str]:
    return lambda row: f"{100 * row[key]:.1f} %"


def _bits(row: Row) -> str:
    if row["bits_per_dim"] is None:
        return "not defined"
    return with_error(row["bits_per_dim"], row.get("bits_per_dim_se")) + " codes" * (row["bits_of"] == "codes")


def _beside(key: str, limit: str, digits: int) -> Callable[[Row], str]:
    """A number, and in brackets what perfect pictures score, if that was measured."""
    def text(row: Row) -> str:
        best = row.get(limit)
        return f"{row[key]:.{digits}f}" + ("" if best is None else f" ({best:.{digits}f})")
    return text


def _kernel(row: Row) -> str:
    return "·" if row.get("kernel_distance") is None else with_error(row["kernel_distance"], row["kernel_distance_se"])


def _kernel_interval(row: Row, counts: Counts) -> Interval | None:
    if row.get("kernel_distance") is None:
        return None
    far = 1.96 * row["kernel_distance_se"]
    return row["kernel_distance"] - far, row["kernel_distance"] + far


def _by_caption(row: Row) -> bool:
    return not row["label_only"]


def _wilson(share: float, count: int) -> Interval:
    """95 % interval of a share of so many."""
    from pipelines.metrics.accuracy import wilson
    return wilson(round(share * count), count)


def _share(key: str, of: Callable[[Counts], int]) -> Callable[[Row, Counts], Interval | None]:
    return lambda row, counts: _wilson(row[key], of(counts))


def _cost(row: Row, counts: Counts) -> Interval | None:
    """Of the bits, by Student's t of the smaller half of the pictures: those with one thing, or with two."""
    from scipy.special import stdtrit
    if row.get("bits_per_dim_se") is None:
        return None
    far = float(stdtrit(max(counts["likelihood"] // 2 - 1, 1), 0.975)) * row["bits_per_dim_se"]
    return row["bits_per_dim"] - far, row["bits_per_dim"] + far


def _exact(key: str) -> Callable[[Row, Counts], Interval | None]:
    return lambda row, counts: (row[key], row[key])


COLUMNS = (
    Column("accuracy_one", "one object", "Share of test captions with one thing whose picture shows what they claim, by the judge.",
           _percent("accuracy_one"), 1, _by_caption, _share("accuracy_one", lambda counts: counts["test"] - counts["test"] // 2)),
    Column("accuracy_two", "two objects", "The same for captions with two things.", _percent("accuracy_two"), 1, _by_caption,
           _share("accuracy_two", lambda counts: counts["test"] // 2)),
    Column("holdout", "hold-out", "The same for combinations that training never showed, half with one thing and half with two.",
           _percent("holdout"), 1, _by_caption, _share("holdout", lambda counts: counts["holdout"])),
    Column("frechet_distance", "Fréchet (perfect)", "Distance between drawn and rendered pictures in our own feature space, no Inception "
           "FID; less is better. It is biased upwards, so that perfect pictures score what stands in brackets and not 0.",
           _beside("frechet_distance", "frechet_floor", 0), -1),
    Column("kernel_distance", "kernel distance", "The same without bias, ± its standard error: 0 for perfect pictures, however many.",
           _kernel, -1, interval=_kernel_interval),
    Column("precision", "precision (perfect)", "Share of drawn pictures among the rendered ones; in brackets that of perfect pictures.",
           _beside("precision", "precision_ceiling", 2), 1, interval=_share("precision", lambda counts: counts["test"])),
    Column("recall", "recall (perfect)", "Share of rendered pictures among the drawn ones; in brackets that of perfect pictures.",
           _beside("recall", "recall_ceiling", 2), 1),
    Column("bits_per_dim", "bits/dim", "What a test picture costs under the model, with its caption, ± its standard error; of the codes "
           "alone where codes are drawn, which leaves out what the decoder cannot show.", _bits, -1, lambda row: row["bits_of"] == "pixels",
           _cost),
    Column("parameters", "parameters", "Numbers in the weights file, all networks of the family together.",
           lambda row: f"{row['parameters'] / 1e6:.1f} M"),
    Column("nfe", "NFE", "Number of function evaluations: how often the network runs for a picture, guidance included.",
           lambda row: f"{row['nfe']:,.0f}", -1, interval=_exact("nfe")),
    Column("seconds_per_image", "s/picture", "Seconds of network and sampler for a picture, many drawn together.",
           lambda row: digits(row["seconds_per_image"]), -1),
    Column("images", "pictures seen", "In training, with that of the models that it began with; “own”: their training is not recorded, "
           "so this model's own alone.", lambda row: f"{row['images']:,}" + " own" * (not row["images_whole"])),
)


def digits(value: float) -> str:
    """Two digits that count."""
    return f"{value:.2g}" if value < 10 else f"{value:.0f}"


def measured(rows: list[Row]) -> list[Row]:
    """The rows that have numbers."""
    return [row for row in rows if row.get("problem") is None]


def best(column: Column, rows: list[Row], counts: Counts) -> Row | None:
    """The row that is better in a column than every other: its 95 % interval has no number in common with theirs. None if no row is."""
    of = [row for row in measured(rows) if column.comparable(row) and row.get(column.key) is not None]
    intervals = [column.interval(row, counts) for row in of]
    if not column.better or len(of) < 2 or None in intervals:
        return None
    ends = sorted((sorted(column.better * end for end in interval), k) for k, interval in enumerate(intervals) if interval)
    (low, _), first = ends[-1]
    return of[first] if all(high < low for (_, high), _ in ends[:-1]) else None


def cells(row: Row, rows: list[Row], counts: Counts) -> list[tuple[str, bool]]:
    """(text, whether it is the best of its column) of a row's columns."""
    return [(column.text(row), row is best(column, rows, counts)) for column in COLUMNS]


def how(row: Row) -> str:
    """"Midpoint · 25 steps"."""
    title = registry.face(row["family"]).samplers[row["sampler"]].title
    return title if row["amount"] == "1 call" else f"{title} · {row['amount']}"


def note(table: dict[str, Any]) -> str:
    """How the table was measured."""
    rows = measured(table["rows"])
    if not rows:
        return "No family has weights yet."
    counts, device, threads = table["counts"], rows[0]["device"], rows[0]["threads"]
    where = f"{threads} CPU thread{'s' * (threads != '1')}" if device == "cpu" else device
    labels = [registry.face(row["family"]).title for row in rows if row["label_only"]]
    by_label = f" {', '.join(labels)} knows classes only and is judged by shape and colour of the main thing." if labels else ""
    accepts = rows[0].get("judge_false_accepts")
    judged = "" if accepts is None else (f" In brackets: what {counts['test']} perfect pictures score. The judge takes "
                                         f"{100 * accepts:.0f} % of near misses (shapes, halves, colours) for what they are not.")
    codes = " Bits of the codes alone leave out what the decoder cannot show." * any(row["bits_of"] == "codes" for row in rows)
    own = (" Pictures seen are this model's own training alone where “own” stands: it began with another whose training is not recorded."
           * (not all(row["images_whole"] for row in rows)))
    return (f"Each family's first model with its defaults, {counts['test']} test captions, {counts['holdout']} of the hold-out split, "
            f"likelihood of {counts['likelihood']} test pictures, ± one standard error; measured {table['made']} on {where} by "
            f"`launch.py evaluate --table --count {counts['test']}`. Bold where the 95 % interval lies apart from those of all others; no "
            f"interval is known of Fréchet distance, recall and seconds.{judged}{by_label}{codes}{own}")


def markdown(table: dict[str, Any]) -> str:
    """The table for a README; the best of a column, where there is one, is bold."""
    lines = ["| family | sampler | " + " | ".join(column.title for column in COLUMNS) + " |",
             "|---|---|" + "---:|" * len(COLUMNS)]
    for row in table["rows"]:
        title = registry.face(row["family"]).title
        if row.get("problem"):
            lines.append(f"| {title} | {row['problem']} |" + " |" * len(COLUMNS))
            continue
        numbers = " | ".join(f"**{text}**" if first else text for text, first in cells(row, table["rows"], table["counts"]))
        lines.append(f"| {title} | {how(row)} | {numbers} |")
    return "\n".join([*lines, "", note(table)]) + "\n"


def accuracy(row: Row) -> float:
    """Over captions with one thing and with two."""
    return (row["accuracy_one"] + row["accuracy_two"]) / 2


def point(family: str, cell: dict[str, Any]) -> dict[str, Any]:
    """A cell of `evaluate FAMILY --table` as the chart needs it."""
    return {"family": family, "accuracy": (cell["caption_accuracy_one_object"] + cell["caption_accuracy_two_objects"]) / 2} | {
        name: cell[name] for name in ("sampler", "calls", "nfe", "seconds_per_image", "count")}


def points(rows: list[Row], quality: list[dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """A point for each family and sampler with its curve, [[seconds, accuracy], ...], over all budgets.

    A default sampler's point is the table's own; any other's is its cheapest cell that is as good as its best one.
    """
    found = []
    for row in measured(rows):
        face = registry.face(row["family"])
        for name, spec in face.samplers.items():
            curve = sorted((cell for cell in quality if (cell["family"], cell["sampler"]) == (face.name, name)),
                           key=lambda cell: cell["seconds_per_image"])
            main = name == row["sampler"]
            if main:
                chosen = row | {"accuracy": accuracy(row), "count": count}
            elif curve:
                top = max(cell["accuracy"] for cell in curve)
                chosen = next(cell for cell in curve if cell["accuracy"] >= top - CLOSE)
            else:
                continue
            found.append({"family": face.name, "title": face.title, "sampler": spec.title, "main": main, "by_label": face.label_only,
                          "seconds": chosen["seconds_per_image"], "accuracy": chosen["accuracy"], "nfe": round(chosen["nfe"]),
                          "count": chosen["count"], "curve": [[cell["seconds_per_image"], cell["accuracy"]] for cell in curve]})
    return found


def words(rows: list[Row], quality: list[dict[str, Any]], count: int) -> list[dict[str, str]]:
    """For each family a sentence on what the chart shows of it, against the most accurate one."""
    judged = [row for row in measured(rows) if not row["label_only"]]
    lead = max(judged, key=accuracy) if judged else None
    level = [row for row in judged if lead and row is not lead and not _apart(row, lead, count)]
    return [{"family": row["family"], "text": _sentence(row, lead, level, count) + _cheaper(row, quality)} for row in measured(rows)]


def _apart(row: Row, lead: Row, count: int) -> bool:
    """Whether a family is shown to be less accurate than the most accurate one: their 95 % intervals have no number in common."""
    return _wilson(accuracy(row), count)[1] < _wilson(accuracy(lead), count)[0]


def _sentence(row: Row, lead: Row | None, level: list[Row], count: int) -> str:
    cost, share = f"{row['nfe']:.0f} NFE, {digits(row['seconds_per_image'])} s a picture", f"{100 * accuracy(row):.0f} %"
    if lead is None or row is lead:
        judged = "labels" if row["label_only"] else "captions"
        rank = "the most here" if not level else f"level with {_listed(level)} as far as {count} captions can tell"
        return f"{cost}: {share} of the {judged}" + (f", {rank}." if lead else ".")
    ratio, than = lead["seconds_per_image"] / row["seconds_per_image"], registry.face(lead["family"]).title
    times = digits(max(ratio, 1 / ratio))
    speed = f"about as fast as {than}" if times in ("1", "1.1") else f"{times}× {'faster' if ratio > 1 else 'slower'} than {than}"
    if row["label_only"]:
        return f"{cost}, {speed}: {share} by the label alone, which is less than a caption asks."
    if row in level:
        return f"{cost}, {speed}, with no difference in accuracy that {count} captions could show ({share})."
    return f"{cost}, {speed} at {100 * (accuracy(lead) - accuracy(row)):.0f} points less accuracy ({share})."


def _listed(rows: list[Row]) -> str:
    """"SDE, Flow and DALL-E"."""
    *before, last = (registry.face(row["family"]).title for row in rows)
    return f"{', '.join(before)} and {last}" if before else last


def _cheaper(row: Row, quality: list[dict[str, Any]]) -> str:
    """What comes close to the default for less, if anything does."""
    samplers = registry.face(row["family"]).samplers
    close = [cell for cell in quality if cell["family"] == row["family"] and cell["sampler"] in samplers
             and cell["accuracy"] >= accuracy(row) - CLOSE and cell["seconds_per_image"] < row["seconds_per_image"] / 1.5]
    if not close:
        return ""
    cell = min(close, key=lambda cell: cell["seconds_per_image"])
    low, high = _wilson(cell["accuracy"], cell["count"])
    return (f" {samplers[cell['sampler']].title} at {cell['nfe']:.0f} NFE drew {100 * cell['accuracy']:.0f} % of {cell['count']} "
            f"right in {digits(cell['seconds_per_image'])} s (95 % interval {100 * low:.0f}–{100 * high:.0f} %).")


def view(table: dict[str, Any], source: str) -> FamilyTable:
    """What the page draws; source says whose table it is."""
    rows, quality, count = table["rows"], table["cells"], table["counts"]["test"]
    lines = []
    for row in rows:
        line: dict[str, Any] = {"family": row["family"], "title": registry.face(row["family"]).title, "problem": row.get("problem")}
        if line["problem"] is None:
            line |= {"how": how(row), "cells": [{"text": text, "best": first} for text, first in cells(row, rows, table["counts"])]}
        lines.append(line)
    return FamilyTable(f"{source} {note(table)}", tuple({"title": column.title, "help": column.help} for column in COLUMNS),
                       tuple(lines), tuple(points(rows, quality, count)), tuple(words(rows, quality, count)))
