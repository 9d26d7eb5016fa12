"""The gallery from the command line: what was made, whether it is whole, and the bin."""
from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from typing import Any

from app.terminal import bar
from app.views import BadInput, UserError
from pipelines import registry


def add_flags(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("action", nargs="?", choices=("check",), help="read every picture, and compare it with what was saved")
    sub.add_argument("--accept", action="store_true", help="with check: pictures whose files are missing are gone")
    sub.add_argument("--empty-bin", action="store_true", help="remove what is in the bin for good")
    sub.add_argument("--family", help=", ".join(registry.NAMES))
    sub.add_argument("--sampler", help="by the name that `sample --sampler` takes")
    sub.add_argument("--text", default="", help="words in the prompt")
    sub.add_argument("--limit", type=int, default=20, help="how many (default 20)")
    sub.add_argument("--after", metavar="NEXT", help="go on where a list ended, by the `next` that it gave")


def judge(args: argparse.Namespace) -> None:
    """Raises BadInput for flags that do not go together."""
    if args.accept and args.action != "check":
        raise BadInput("What is to be accepted is looked at first: gallery check --accept.")
    if args.empty_bin and args.action:
        raise BadInput("Check the gallery or empty its bin, one after the other.")
    if args.limit < 1:
        raise BadInput(f"The limit must be at least 1; you asked for {args.limit}.")


def run(args: argparse.Namespace, service: Any) -> dict[str, Any]:
    """List, check, or empty the bin."""
    gallery = service.gallery
    if args.empty_bin:
        return {"removed": gallery.empty_bin()}
    if args.action == "check":
        if args.accept:
            tell(gallery.look_again(accept=True))
        return gallery.check(lambda done, total: bar(done, total, "pictures"))
    pages, room, after = list[Any](), args.limit, args.after
    while not pages or (after and room > 0):
        pages.append(gallery.page(family=args.family, sampler=args.sampler, text=args.text, limit=room, after=after))
        room, after = room - len(pages[-1].items), pages[-1].next
    if left_out := sum(page.left_out for page in pages):
        print(f"{left_out} damaged records are left out; `launch.py gallery check` lists them.", file=sys.stderr)
    return {"total": pages[0].total, "next": after, "images": [_line(gallery, picture) for page in pages for picture in page.items]}


def _line(gallery: Any, picture: Any) -> dict[str, Any]:
    """A picture of the gallery; without a path if its file is gone."""
    path = None
    with suppress(UserError):
        path = str(gallery.file(picture.id))
    return {"id": picture.id, "created": picture.created, "path": path, **picture.settings}


def tell(notices: list[dict[str, Any]]) -> None:
    """What opening the data folder found, where it is worth a word."""
    for notice in notices:
        print(notice["text"], file=sys.stderr, flush=True)
