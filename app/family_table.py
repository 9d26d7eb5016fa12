"""The table of all families as people see it: columns, Markdown, the points of the chart, and what they say in words.

A row is a plain dict, FACTS by name, as `families.json` holds it; a family without weights has `family` and `problem` alone.
A cell of a quality table is what `point` makes of it.
"""
from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.views import FamilyTable
from pipelines import registry

FACTS = ("family", "model", "sampler", "amount", "guidance_scale", "label_only", "accuracy_one", "accuracy_two", "holdout",
         "frechet_distance", "precision", "recall", "bits_per_dim", "bits_of", "parameters", "nfe", "seconds_per_image", "images",
         "images_whole", "model_sha256", "device", "threads", "problem")
CELL = ("sampler", "calls", "nfe", "caption_accuracy_one_object", "caption_accuracy_two_objects", "seconds_per_image", "count")
CLOSE = 0.02                       # difference in accuracy that counts as none
Row = dict[str, Any]


@dataclass(frozen=True)
class Column:
    """A column of numbers. better: 1 if more is, -1 if less is, 0 if neither; comparable: rows whose number means the same."""
    key: str
    title: str
    help: str
    text: Callable[[Row], str]
    better: int = 0
    comparable: Callable[[Row], bool] = lambda row: True


def _percent(key: str) -> Callable[[Row], str]:
    return lambda row: f"{100 * row[key]:.1f} %"


def _bits(row: Row) -> str:
    if row["bits_per_dim"] is None:
        return "not defined"
    return f"{row['bits_per_dim']:.2f}" + " codes" * (row["bits_of"] == "codes")


def _by_caption(row: Row) -> bool:
    return not row["label_only"]


COLUMNS = (
    Column("accuracy_one", "one object", "Share of test captions with one thing whose picture shows what they claim, by the judge.",
           _percent("accuracy_one"), 1, _by_caption),
    Column("accuracy_two", "two objects", "The same for captions with two things.", _percent("accuracy_two"), 1, _by_caption),
    Column("holdout", "hold-out", "The same for combinations that training never showed, half with one thing and half with two.",
           _percent("holdout"), 1, _by_caption),
    Column("frechet_distance", "Fréchet", "Distance between drawn and rendered pictures in our own feature space, no Inception FID; "
           "less is better.", lambda row: f"{row['frechet_distance']:.0f}", -1),
    Column("precision", "precision", "Share of drawn pictures among the rendered ones.", lambda row: f"{row['precision']:.2f}", 1),
    Column("recall", "recall", "Share of rendered pictures among the drawn ones.", lambda row: f"{row['recall']:.2f}", 1),
    Column("bits_per_dim", "bits/dim", "What a test picture costs under the model, with its caption; of the codes alone where codes are "
           "drawn, which leaves out what the decoder cannot show.", _bits, -1, lambda row: row["bits_of"] == "pixels"),
    Column("parameters", "parameters", "Numbers in the weights file, all networks of the family together.",
           lambda row: f"{row['parameters'] / 1e6:.1f} M"),
    Column("nfe", "calls", "Evaluations of the network for a picture, those of guidance included.", lambda row: f"{row['nfe']:,.0f}", -1),
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


def best(column: Column, rows: list[Row]) -> str | None:
    """What stands in the best cell of a column; None where nothing is to be compared or all are alike."""
    of = [row for row in measured(rows) if column.comparable(row) and row[column.key] is not None]
    if not column.better or len({column.text(row) for row in of}) < 2:
        return None
    return column.text(max(of, key=lambda row: column.better * row[column.key]))


def cells(row: Row, rows: list[Row]) -> list[tuple[str, bool]]:
    """(text, whether it is the best of its column) of a row's columns."""
    return [(text := column.text(row), column.comparable(row) and text == best(column, rows)) for column in COLUMNS]


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
    codes = " Bits of the codes alone leave out what the decoder cannot show." * any(row["bits_of"] == "codes" for row in rows)
    own = (" Pictures seen are this model's own training alone where “own” stands: it began with another whose training is not recorded."
           * (not all(row["images_whole"] for row in rows)))
    return (f"Each family's first model with its defaults, {counts['test']} test captions, {counts['holdout']} of the hold-out split, "
            f"likelihood of {counts['likelihood']} test pictures; measured {table['made']} on {where}.{by_label}{codes}{own}")


def markdown(table: dict[str, Any]) -> str:
    """The table for a README; the best of a column is bold."""
    lines = ["| family | sampler | " + " | ".join(column.title for column in COLUMNS) + " |",
             "|---|---|" + "---:|" * len(COLUMNS)]
    for row in table["rows"]:
        title = registry.face(row["family"]).title
        if row.get("problem"):
            lines.append(f"| {title} | {row['problem']} |" + " |" * len(COLUMNS))
            continue
        numbers = " | ".join(f"**{text}**" if first else text for text, first in cells(row, table["rows"]))
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
    return [{"family": row["family"], "text": _sentence(row, lead, count) + _cheaper(row, quality)} for row in measured(rows)]


def _sentence(row: Row, lead: Row | None, count: int) -> str:
    calls = "one call" if round(row["nfe"]) == 1 else f"{row['nfe']:.0f} calls"
    cost, share = f"{calls}, {digits(row['seconds_per_image'])} s a picture", f"{100 * accuracy(row):.0f} %"
    if lead is None or row is lead:
        judged = "of the labels" if row["label_only"] else "of the captions, the most here"
        return f"{cost}: {share} {judged}."
    ratio, than = lead["seconds_per_image"] / row["seconds_per_image"], registry.face(lead["family"]).title
    times = digits(max(ratio, 1 / ratio))
    speed = f"about as fast as {than}" if times in ("1", "1.1") else f"{times}× {'faster' if ratio > 1 else 'slower'} than {than}"
    if row["label_only"]:
        return f"{cost}, {speed}: {share} by the label alone, which is less than a caption asks."
    behind = accuracy(lead) - accuracy(row)
    spread = _margin(row, count) + _margin(lead, count)
    if behind < spread:
        return f"{cost}, {speed}, with no difference in accuracy that {count} captions could show ({share})."
    return f"{cost}, {speed} at {100 * behind:.0f} points less accuracy ({share})."


def _margin(row: Row, count: int) -> float:
    """Half of the 95 % interval of an accuracy."""
    p = min(max(accuracy(row), 1 / count), 1 - 1 / count)
    return 1.96 * math.sqrt(p * (1 - p) / count)


def _cheaper(row: Row, quality: list[dict[str, Any]]) -> str:
    """What comes close to the default for less, if anything does."""
    samplers = registry.face(row["family"]).samplers
    close = [cell for cell in quality if cell["family"] == row["family"] and cell["sampler"] in samplers
             and cell["accuracy"] >= accuracy(row) - CLOSE and cell["seconds_per_image"] < row["seconds_per_image"] / 1.5]
    if not close:
        return ""
    cell = min(close, key=lambda cell: cell["seconds_per_image"])
    return (f" {samplers[cell['sampler']].title} with {cell['nfe']:.0f} calls comes within {100 * CLOSE:.0f} points of that in "
            f"{digits(cell['seconds_per_image'])} s.")


def view(table: dict[str, Any], source: str) -> FamilyTable:
    """What the page draws; source says whose table it is."""
    rows, quality, count = table["rows"], table["cells"], table["counts"]["test"]
    lines = []
    for row in rows:
        line: dict[str, Any] = {"family": row["family"], "title": registry.face(row["family"]).title, "problem": row.get("problem")}
        if line["problem"] is None:
            line |= {"how": how(row), "cells": [{"text": text, "best": first} for text, first in cells(row, rows)]}
        lines.append(line)
    return FamilyTable(f"{source} {note(table)}", tuple({"title": column.title, "help": column.help} for column in COLUMNS),
                       tuple(lines), tuple(points(rows, quality, count)), tuple(words(rows, quality, count)))
