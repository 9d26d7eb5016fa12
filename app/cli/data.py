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
    "check": ("what of a folder or a zip can be used, and why the rest can not", ("PATH",))}


def add_flags(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("action", choices=ACTIONS, metavar="ACTION", help="; ".join(
        f"{' '.join((name, *told))}: {what}" for name, (what, told) in ACTIONS.items()))
    sub.add_argument("told", nargs="*", metavar="NAME|PATH", help="pictures have captions in captions.csv, captions.jsonl or "
                     "metadata.jsonl (columns file and caption), or in a .txt beside each; or they lie in a folder for each class; or "
                     "have none")
    flags = Actions(sub)
    flags.add("--size", ("check",), "side of the pictures of the set, in pixels (default 32)", 32)


def run(args: argparse.Namespace, paths: Paths) -> dict[str, Any]:
    """Raises UserError."""
    from app.data_sets import reading
    wanted = ACTIONS[args.action][1]
    if len(args.told) != len(wanted):
        raise BadInput(f"The command `data {args.action}` is told {' and '.join(wanted) or 'nothing'}; you gave {len(args.told)}.")
    return reading.read(Path(args.told[0]), args.size, lambda done, total: bar(done, total, "files")).report()
