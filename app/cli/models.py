"""Models from the command line: those that are here, and those of the Hub."""
from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from app.cli.actions import Actions
from app.cli.terminal import amount, bar
from app.errors import BadInput, UserError
from app.models.views import SORTED
from pipelines import registry

ACTIONS = {
    "list": "what is here", "verify": "headers and checksums, of one or all",
    "search": "models of the Hub", "info": "a model of the Hub before it is downloaded",
    "download": "get it; goes on where it was stopped", "check-update": "whether the Hub has a newer commit",
    "update": "get the newer commit, if the Hub has one, beside the one that is here",
    "add": "use a folder, a .safetensors file or a LoRA (--base) of your own where it lies",
    "remove": "delete a downloaded model, or forget one of your own", "push": "publish a run on the Hub (--repo)",
    "bundle": "make a run part of the project, for those who maintain it"}

OTHER_NAMES = {"look": "info"}               # as older versions call it


def add_flags(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("action", nargs="?", choices=ACTIONS, default="list", metavar="ACTION", type=lambda name: OTHER_NAMES.get(name, name),
                     help="; ".join(f"{name}: {what}" for name, what in ACTIONS.items()))
    flags = Actions(sub)
    flags.add("name", tuple(name for name in ACTIONS if name != "list"), "of a model or run, a path, or what to search for", nargs="?")
    flags.add("--family", ("list", "search"), "of one family", "", choices=("", *registry.NAMES), metavar="FAMILY")
    flags.add("--sort", ("search",), "the highest or the latest first", SORTED[0], choices=SORTED)
    flags.add("--licence", ("search",), "with this licence, as the Hub writes it: apache-2.0, mit, ...", "")
    flags.add("--max-gb", ("search",), "gigabytes of all files and their history at most", 0)
    flags.add("--min-likes", ("search",), "liked so often at least", 0)
    flags.add("--min-downloads", ("search",), "downloaded so often at least, in the last month", 0)
    flags.add("--revision", ("info", "download"), "a branch, tag or commit", "")
    flags.add("--look", ("update",), "download nothing, as check-update does", False, action="store_true")
    flags.add("--base", ("add",), "the model that a LoRA file changes", "")
    flags.add("--scale", ("add",), "how strongly it does (default 1)", 1.0)
    flags.add("--repo", ("push",), "owner/name on the Hub")
    flags.add("--public", ("push",), "for everybody to see", False, action="store_true")


def run(args: argparse.Namespace, service: Any) -> dict[str, Any]:
    """Raises UserError."""
    library = service.library
    if args.action == "list":
        return {"models": [{"name": m.name, "family": m.family, "title": m.title, "parameters": m.parameters, "bytes": m.bytes,
                            "source": m.source, "sha256": m.sha256, "problem": m.problem} for m in service.models(args.family or None)]}
    if args.action == "verify" and not args.name:
        checked = service.verify_models()
        problems = [f"{name}: {problem}" for name, problem in checked.items() if problem]
        if problems:
            raise UserError(" ".join(problems))
        return {"verified": list(checked)}
    if args.action == "search":
        return {"found": library.search(args.name or "", args.family, args.sort, args.licence, most_gb=args.max_gb, likes=args.min_likes,
                                      downloads=args.min_downloads)}
    if not args.name:
        raise BadInput(f"Say which one: models {args.action} NAME.")
    if args.action == "verify":
        library.verify(args.name)
        return {"verified": [args.name]}
    if args.action == "bundle":
        return {"bundled": str(service.bundle_model(args.name))}
    if args.action == "info":
        found = library.info(args.name, args.revision)
        return found if args.json else _said(found)
    if args.action == "download":
        return _downloaded(library, args.name, args.revision)
    if args.action in ("check-update", "update"):
        return _updated(library, args.name, get=args.action == "update" and not args.look)
    if args.action == "add":
        return {"added": library.add(args.name, args.base, args.scale)}
    if args.action == "remove":
        return {"freed_bytes": library.remove(args.name)}
    if not args.repo:
        raise BadInput("Name the repository to publish to with --repo owner/name.")
    return {"published": service.publish_model(args.name, args.repo, not args.public)}


def _said(found: dict[str, Any]) -> dict[str, Any]:
    """What is known of a repository, for people."""
    about = {"model": f"{found['id']} at {found['commit']}", "licence": found["licence"] or "none stated",
             "access": "gated" if found["gated"] else "open", "updated": found["updated"],
             "liked": f"{found['likes']:,} times; {found['downloads']:,} downloads in the last month"}
    card = {"card": "\n  " + found["card"].replace("\n", "\n  ")} if found["card"] else {}
    if found["problem"]:
        return {**about, "loads": f"No. {found['problem']}", **card}
    most = "" if found["parameters"] else "at most "
    memory = f"{most}{amount(found['needs'])} for the weights; {amount(found['memory'])} may be used, {amount(found['free'])} are free now"
    return {**about, "loads": f"{'Yes' if found['fits'] else 'Not on this device'}, as {found['kind']} ({found['family_title']}).",
            "memory": memory, "download": f"{len(found['listing'])} of {found['files']} files, {amount(found['bytes'])}; "
            f"{amount(found['disk'])} are free on the disk", "here": "yes" if found["here"] else "no", **card}


def _updated(library: Any, name: str, get: bool) -> dict[str, Any]:
    """Whether the Hub has a newer commit of a model, which is downloaded if it is to be got. Raises UserError."""
    found = library.newer(name)
    said = {"newer": found["commit"] or "none, it is the latest commit", "revision": found["revision"] or "main"}
    if not get or not found["commit"]:
        return said
    fetched = _downloaded(library, name.partition("@")[0], found["revision"])
    return said | fetched | {"name": next(row["name"] for row in library.listing() if row["commit"] == fetched["commit"])}


def _downloaded(library: Any, repo: str, revision: str) -> dict[str, Any]:
    """Follow a download to its end; Ctrl-C pauses it. Raises UserError."""
    started = library.download(repo, revision)
    try:
        while True:
            view = next(view for view in library.in_progress() if view["id"] == started)
            left = "" if view["seconds_left"] is None else f", {view['seconds_left']:.0f} s left"
            bar(view["done"] >> 10, view["bytes"] >> 10, f"KiB  {view['speed'] / 1e6:.1f} MB/s{left}  ")
            if view["status"] not in ("waiting", "running", "checking"):
                break
            time.sleep(0.1)
    except KeyboardInterrupt:
        library.steer(started, "pause")
        print("\nPaused; the same command goes on.", file=sys.stderr)
        raise
    if view["status"] != "done":
        raise UserError(view["error"] or f"The download was {view['status']}; the same command goes on.")
    return {"downloaded": view["repo"], "commit": view["commit"], "bytes": view["bytes"]}
