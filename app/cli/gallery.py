"""The gallery from the command line: what was made, whether it is whole, and the bin."""
from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Any

from app.cli.actions import Actions
from app.cli.terminal import bar
from app.errors import BadInput, sentences, tell
from pipelines import registry

LIST = ("list",)                   # what is done unless something else is asked for


def add_flags(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("action", nargs="?", choices=("list", "check"), default="list",
                     help="list what was made (the default), or read every picture and compare it with what was saved")
    sub.add_argument("--empty-bin", action="store_true", help="remove what is in the bin for good")
    flags = Actions(sub)
    flags.add("--accept", ("check",), "pictures whose files are missing are gone", False, action="store_true")
    flags.add("--family", LIST, ", ".join(registry.NAMES))
    flags.add("--sampler", LIST, "by the name that `sample --sampler` takes")
    flags.add("--text", LIST, "words in the prompt", "")
    flags.add("--limit", LIST, "how many (default 20)", 20, type=int)
    flags.add("--after", LIST, "go on where a list ended, by the `next` that it gave", metavar="NEXT")


def judge(args: argparse.Namespace) -> None:
    """Raises BadInput for flags that do not go together."""
    if args.empty_bin and args.action == "check":
        raise BadInput("Check the gallery or empty its bin, one after the other.")
    args.flags.settle(args, "--empty-bin" if args.empty_bin else args.action)
    if args.limit < 1:
        raise BadInput(f"The limit must be at least 1; you asked for {args.limit}.")


def run(args: argparse.Namespace, service: Any) -> dict[str, Any]:
    """List, check, or empty the bin."""
    gallery = service.gallery
    if args.empty_bin:
        return {"removed": gallery.empty_bin()}
    if args.action == "check":
        if args.accept:
            before = gallery.notices()                         # which were told
            tell([notice for notice in gallery.look_again(accept=True) if notice not in before])
        return gallery.check(lambda done, total: bar(done, total, "pictures"))
    pages, room, after = list[Any](), args.limit, args.after
    while not pages or (after and room > 0):
        pages.append(gallery.page(family=args.family, sampler=args.sampler, text=args.text, limit=room, after=after))
        room, after = room - len(pages[-1].items), pages[-1].next
    if left_out := sum(page.left_out for page in pages):
        print(f"{left_out} damaged records are left out; the command `gallery check` lists them.", file=sys.stderr)
    return {"total": pages[0].total, "next": after, "images": [_line(gallery, picture) for page in pages for picture in page.items]}


def _line(gallery: Any, picture: Any) -> dict[str, Any]:
    """A picture of the gallery; without a path if its file is gone."""
    path = None
    with suppress(*sentences()):
        path = str(gallery.file(picture.id))
    return {"id": picture.id, "created": picture.created, "path": path, **picture.settings}
