"""Data sets from the command line: pictures of the user's own, before and after they are one."""
from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from app.cli.actions import Actions
from app.cli.terminal import bar
from app.errors import BadInput
from app.paths import Paths

# By action what it does, and what it is told.
ACTIONS = {
    "list": ("all data sets", ()), "look": ("pictures of one with their captions, on a sheet", ("NAME",)),
    "check": ("what of a folder or a zip can be used, and why the rest can not", ("PATH",)),
    "make": ("read a folder or a zip into the data folder, under a name", ("NAME", "PATH"))}


def add_flags(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("action", nargs="?", choices=ACTIONS, default="list", metavar="ACTION", help="; ".join(
        f"{' '.join((name, *told))}: {what}" for name, (what, told) in ACTIONS.items()))
    sub.add_argument("told", nargs="*", metavar="NAME|PATH", help="pictures have captions in captions.csv, captions.jsonl or "
                     "metadata.jsonl (columns file and caption), or in a .txt beside each; or they lie in a folder for each class; or "
                     "have none")
    flags = Actions(sub)
    flags.add("--size", ("check", "make"), "side of the pictures of the set, in pixels (default 32)", 32)
    flags.add("--out", ("look",), "where the sheet is written (default NAME.png)", metavar="FILE")


def run(args: argparse.Namespace, paths: Paths) -> dict[str, Any]:
    """Raises UserError."""
    from app.data_sets import keeping, reading
    from app.data_sets.sheet import contact_sheet
    from pipelines.data import dataset
    from pipelines.request import data_set_of
    wanted = ACTIONS[args.action][1]
    if len(args.told) != len(wanted):
        raise BadInput(f"The command `data {args.action}` is told {' and '.join(wanted) or 'nothing more'}; you gave {len(args.told)}.")
    if "PATH" in wanted and not args.told[-1].strip():             # "" would be the folder that the command was started in
        raise BadInput("The PATH is empty; name a folder or a zip.")
    if args.action == "list":
        return {"data_sets": keeping.listing()}
    if args.action == "look":
        data = dataset(data_set_of(args.told[0] or " "))           # "" would be the first set
        out = Path(args.out or f"{data.name}.png")
        return {"name": data.name, "pictures": contact_sheet(data, out), "path": str(out)}
    if args.action == "check":
        return reading.read(Path(args.told[0]), args.size, _bar).report()
    return keeping.make(paths, args.told[0], Path(args.told[1]), args.size, _bar)


def _bar(done: int, total: int) -> None:
    bar(done, total, "files")
