"""Comparisons from the command line: the same axes, grids and exports as on the page."""
from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.cli.terminal import decimal_comma, folder, watch
from app.drawing.ask import Ask
from app.errors import BadInput, sentence, sentences
from app.grids.ask import AXES, ENDINGS, GridAsk
from app.paths import PROGRAM
from pipelines.request import face_of


def add_flags(sub: argparse.ArgumentParser) -> None:
    """Flags beside those of a request."""
    for axis, what in zip(AXES, ("columns", "rows", "layers"), strict=True):
        sub.add_argument(f"--{axis}", default="", metavar="NAME=VALUES", help=f"what varies over the {what}: steps=5,10,20, "
                         "eta=0-1(+0.25), seed=1-100[5], sampler=all, family=all, nfe=10,20,50, prompt=a star | a cross, "
                         "replace=red | green, negative_prompt=| a ring, size=64x48,96")
    sub.add_argument("--no-distance", action="store_true", help="draw no reference solutions to measure distances from")
    sub.add_argument("--snapshots", action="store_true", help="keep what the longest run of a line looked like after as many steps")
    sub.add_argument("--exact", action="store_true", help="bit-identical whenever it is drawn again, in batches of one size")
    sub.add_argument("--name", default="", help="of the grid")
    sub.add_argument("--resume", metavar="ID", help="draw what a grid lacks; with --x, --y or --z: with more values")
    sub.add_argument("--retry", action="store_true", help="with --resume: the cells that failed too")
    sub.add_argument("--export", metavar="FILE", action="append", default=[],
                     help=f"write the grid here, as its ending says: {', '.join(ENDINGS)}")
    sub.add_argument("--excel", action="store_true", help="begin CSV files with a byte order mark, by which Excel reads them as UTF-8")
    sub.add_argument("--out", metavar="GRID.png", help="the same for a labelled picture")


def _varied(args: argparse.Namespace) -> set[str]:
    """What the axes vary."""
    return {getattr(args, axis).partition("=")[0].strip().replace("-", "_") for axis in AXES}


def named(args: argparse.Namespace) -> bool:
    """Whether it is said what to draw: by which family, for which prompt."""
    return bool(args.family and (args.prompt is not None or "prompt" in _varied(args)))


def grid_ask(args: argparse.Namespace, ask: Ask) -> GridAsk:
    """The comparison that was asked for. Without --x and --y, samplers are the rows, values of the family's usual axis the columns."""
    from app.grids.staying import overridden
    axes, options, usual = {axis: getattr(args, axis) for axis in AXES}, dict(ask.options), face_of(ask.family).axis
    varied = _varied(args)
    for name in varied & {*BESIDE}:
        if getattr(args, name):
            raise BadInput(overridden(f"--{name.replace('_', '-')}", name))
    if not axes["x"] and usual in options and usual not in varied:
        axes["x"] = f"{usual}={options.pop(usual)}"
    if not axes["y"] and ask.sampler and "sampler" not in varied:
        axes["y"], ask = f"sampler={ask.sampler}", replace(ask, sampler=None)
    if not any(axes.values()):
        values = face_of(ask.family).columns.replace(" ", "")
        raise BadInput(f"A grid varies something; name it with --x and --y, like --x {usual}={values} --y sampler=all.")
    return GridAsk(replace(ask, options=options), **axes,
                   distance=not args.no_distance, batch_invariant=args.exact, snapshots=args.snapshots, name=args.name)


def run(args: argparse.Namespace, service: Any, ask: Ask | None) -> dict[str, Any]:
    """Start or resume a grid, follow it to its end, export it."""
    from app.grids.axes import comma_note
    from app.grids.measures import false_accepts, terms
    files = [Path(name) for name in [*args.export, *([args.out] if args.out else [])]]
    for path in files:
        if path.suffix[1:].lower() not in (*ENDINGS, "zip"):
            raise BadInput(f"A grid is exported as {', '.join(ENDINGS)}; the ending of {path} says none of them.")
        folder(str(path.parent))
    if args.retry and not args.resume:
        raise BadInput("Failed cells are tried again in a grid that there is; name it with --resume ID.")
    if args.excel and not any(path.suffix.lower() == ".csv" for path in files):
        raise BadInput("--excel is about CSV files; write one with --export FILE.csv, or leave it out.")
    if args.resume:
        grid = _go_on(args, service)
    elif ask is None:
        raise BadInput("Name the family and the prompt of a grid, or one to go on with by --resume ID.")
    else:
        asked = grid_ask(args, ask)
        for note in filter(None, map(comma_note, (asked.x, asked.y, asked.z))) if decimal_comma() else ():
            print(note, file=sys.stderr)
        grid = service.grids.start(asked)
    view = watch(service, service.grids.view(grid)["job"])
    if view.error:
        print(view.error, file=sys.stderr)
    written, problems = _exported(service, grid, files, args.excel)
    table = service.reading.table(grid)
    lacking = {cell["status"] for cell in table} - {"done", "empty"}
    if lacking:
        problems.append(f"Go on with: {PROGRAM} compare --resume {grid}{' --retry' * ('failed' in lacking)}")
    for problem in problems:
        print(problem, file=sys.stderr)
    # Too long for a line, or said by the labels already.
    hidden = () if args.json else ("settings", "errors", "images", "paths", "snapshot", "sampler", "steps")
    cells = [{name: value for name, value in cell.items() if name not in hidden} for cell in table]
    live = service.grids.find(grid)
    return {"grid_id": grid, "status": view.status, "complete": not problems, "cells": cells, "terms": terms(live),
            "judge_false_accepts": false_accepts(live), "files": written}


def _exported(service: Any, grid: str, files: list[Path], excel: bool) -> tuple[list[str], list[str]]:
    """Write a grid; (the files that came of it, why others did not)."""
    written, problems = [], []
    for path in files:
        try:
            written.append(str(service.reading.write(grid, path, excel)))
        except sentences() as error:
            problems.append(sentence(error))
    return written, problems


BESIDE = ("prompt", "model", "sampler", "guidance_scale", "seed")         # flags that an axis of the same name leaves nothing to say
KEPT = ("family", "prompt", "negative_prompt", "model", "sampler", "guidance_scale", "seed", "count", "width", "height", "exact",
        "snapshots", "no_distance", "name", "picture")


def _go_on(args: argparse.Namespace, service: Any) -> str:
    """The grid of --resume, drawn further. Raises BadInput for a flag that would change what it is."""
    given = {axis: getattr(args, axis) for axis in AXES if getattr(args, axis)}
    others = [flag for flag in vars(args) if flag in KEPT or flag.startswith("option_") or (flag == "retry" and given)]
    if ignored := [flag.removeprefix("option_") for flag in others if getattr(args, flag)]:
        raise BadInput(f"A grid that goes on keeps its settings; leave out {', '.join(ignored)} beside --resume.")
    if given:
        return service.grids.extend(args.resume, replace(service.grids.asked(args.resume), **given))
    return service.grids.resume(args.resume, args.retry)
