"""The command line: the same service as the page."""
from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from app.as_json import as_json
from app.cli import compare as cli_compare
from app.cli import data as cli_data
from app.cli import gallery as cli_gallery
from app.cli import models as cli_models
from app.cli.terminal import bar, folder, follow, show, streams
from app.drawing.ask import Ask
from app.errors import BadInput, UserError, exit_code, sentence, sentences, tell
from app.paths import CHECKOUT, PROGRAM, NeedsCheckout, open_paths
from app.stopping import stoppable
from app.text import readable
from app.whole import copy
from pipelines import data, registry
from pipelines.family import FamilySpec, SamplerSpec
from pipelines.options import Option, options_of
from pipelines.request import OLD_NAMES, Request

FILES = ("out", "export", "picture")         # may have any name that the system lets them have
EXAMPLES = f"""examples:
  {PROGRAM}                                           open the playground in the browser
  {PROGRAM} sample diffusion --prompt "a large red star above a small blue ring" --sampler ddim --steps 20 --out out
  {PROGRAM} compare diffusion --prompt "a green cross" --sampler ddim,heun,dpmpp_2m --steps 5,10,20 --out grid.png
  {PROGRAM} compare diffusion --prompt "a green cross" --x nfe=10-50(+10) --y family=all --z seed=1-3(+1) --export grid.html
  {PROGRAM} compare --resume ID --export grid.csv
  {PROGRAM} again ID
  {PROGRAM} sample flow --prompt "a green star" --picture own.png --t-start 0.5 --out out
  {PROGRAM} examine sde own.png --prompt "a red star"
  {PROGRAM} evaluate diffusion --steps 50 --count 480 --json
  {PROGRAM} evaluate --table
  {PROGRAM} train diffusion --data-set shapes --minutes 30
  {PROGRAM} train --all --minutes 60
  {PROGRAM} data check ~/pictures
  {PROGRAM} models verify
  {PROGRAM} models search "stable diffusion" --family diffusion
  {PROGRAM} models download google/ddpm-cifar10-32
  {PROGRAM} gallery --text "red star" --limit 10
  {PROGRAM} gallery check
  {PROGRAM} bench engine --json
"""


def parser() -> argparse.ArgumentParser:
    """All subcommands; the samplers' options are flags made from their dataclasses. Needs the standard library alone."""
    top = argparse.ArgumentParser(PROGRAM, description="Sextant, a playground for generative image models.",
                                  epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = top.add_subparsers(dest="command", metavar="COMMAND")

    def add(name: str, help: str, run: Callable[[argparse.Namespace], Any]) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help, description=help, epilog=EXAMPLES,
                                  formatter_class=argparse.RawDescriptionHelpFormatter)
        sub.add_argument("--data", metavar="DIR", help="folder for database, pictures and runs")
        sub.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        sub.set_defaults(run=run)
        return sub

    serve = add("serve", "open the playground in the browser", _serve)
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on")
    serve.add_argument("--port", type=int, help="default 7860, or the next one that is free")
    serve.add_argument("--password", help="needed to listen on anything but this machine")
    serve.add_argument("--root-path", default="", metavar="/PATH", help="where a proxy shows the page, such as /sextant")
    serve.add_argument("--allow-host", action="append", default=[], metavar="NAME", help="another host name to answer for, such as a "
                       "proxy's; may be repeated")
    serve.add_argument("--allow-frame", action="append", default=[], metavar="ORIGIN", help="a site that may show the page inside its own, "
                       "such as https://pages.example.org; may be repeated")
    serve.add_argument("--no-browser", action="store_true", help="do not open a browser")

    sample = add("sample", "draw pictures", _sample)
    _request_flags(sample)
    sample.add_argument("--out", metavar="DIR", help="copy the pictures here")

    examine = add("examine", "how likely a picture is under a model, and whether it survives the way to noise and back", _examine)
    examine.add_argument("family", metavar="FAMILY", help=", ".join(spec.name for spec in registry.faces() if spec.invertible))
    examine.add_argument("picture", metavar="FILE")
    examine.add_argument("--prompt", default="", help="its caption; may be left out")
    examine.add_argument("--model", help="name of the weights (see `models`)")

    compare = add("compare", "draw a grid whose axes vary anything: samplers, steps, seeds, families, budgets", _compare)
    _request_flags(compare, grid=True)
    cli_compare.add_flags(compare)

    again = add("again", "draw a kept picture or grid again and compare: bit-exact, within tolerance or different", _again)
    again.add_argument("id", metavar="ID", help="of a picture or a grid; or a family's name: the same seeds alone and as one batch")
    again.add_argument("--prompt", help="of the family's pictures (default: a plain one)")

    evaluate = add("evaluate", "measure a model on fixed test captions, or all families", _evaluate)
    _request_flags(evaluate, prompt=False)
    evaluate.add_argument("--split", choices=("test", "holdout"), default="test", help="holdout: combinations that "
                          "training never showed")
    evaluate.add_argument("--table", action="store_true", help="every sampler of the family at an NFE (network evaluations for a picture) "
                          "of 5, 10, 20, 50 and 100, without guidance; without a family one line for each at its defaults, on both "
                          "splits; as Markdown and CSV in the data folder; goes on where it was stopped")
    evaluate.add_argument("--samplers", action="store_true", help="with --table and no family: every sampler of every family in turn")
    evaluate.add_argument("--publish", action="store_true", help="with --table of all families: put it into README.md and beside the "
                          "bundled weights too, for those who maintain the project")

    train = add("train", "train a model, or all of them in turn", _train)
    train.add_argument("family", nargs="?", choices=registry.NAMES)
    train.add_argument("--all", action="store_true", help="train or go on with a model of every recipe; --minutes are divided by need")
    train.add_argument("--list", action="store_true", help="the recipes of --all, and how far each has come in this data folder")
    train.add_argument("--name", help="of the run; the same name goes on where it stopped")
    from app.training.trainer import add_flags
    add_flags(train)

    own = add("data", "pictures of your own as a data set", _data)
    cli_data.add_flags(own)

    models = add("models", "the models that are here, and those of the Hub: list, search, download, add, remove, publish", _models)
    cli_models.add_flags(models)

    gallery = add("gallery", "list what was made, newest first; check it; empty the bin", _gallery)
    cli_gallery.add_flags(gallery)

    bench = add("bench", "measure speed side by side", _bench)
    bench.add_argument("name", nargs="?")
    bench.add_argument("--list", action="store_true", help="the benchmarks there are")
    _checkout_commands(commands)
    return top


def _checkout_commands(commands: Any) -> None:
    """What launch.py does by itself in the checkout, where only help comes from here."""
    test = commands.add_parser("test", help="run the project's tests", description="Install what tests need and run them all. Anything "
                               "else (a folder, -k WORDS, ...) goes to pytest, which then runs what it is told.")
    test.add_argument("--quick", action="store_true", help="those that take little time and no browser")
    test.add_argument("--long", action="store_true", help="the long tests instead")
    test.add_argument("--caps", action="store_true", help="those of the networks, as other processors would run them; --only CAP,CAP and "
                      "--threads N,N choose some")
    check = commands.add_parser("check", help="lint and types of the project", description="Lint and types of the project.")
    for sub in (test, check):
        sub.set_defaults(run=_not_here)


def _request_flags(sub: argparse.ArgumentParser, grid: bool = False, prompt: bool = True) -> None:
    """Flags for a request; values stay text here, the service parses and judges them for page and scripts alike."""
    if prompt:
        sub.add_argument("--picture", metavar="FILE", help="start from this picture instead of noise; --t-start, --strength or "
                         "--keep-rows says how much of it stays")
    sub.add_argument("family", metavar="FAMILY", nargs=None if prompt and not grid else "?", help=", ".join(registry.NAMES))
    if prompt:
        sub.add_argument("--prompt", default=None if grid else "", help="what to draw; nothing of a model that learnt without captions")
        sub.add_argument("--negative-prompt", default="")
    sub.add_argument("--model", help="name of the weights (see `models`)")
    sub.add_argument("--data-set", metavar="NAME", default="", help=f"the family's own model of this data set "
                     f"({', '.join(data.NAMES)}), or of several that a model knows this one")
    sub.add_argument("--sampler", help=f"{'A,B,C: the rows of the grid' if grid else 'how they are drawn'}. "
                     + "; ".join(f"{spec.name}: {', '.join(spec.every)}" for spec in registry.faces()))
    for o in options_of(Request):
        sub.add_argument(f"--{_flag(o.name)}", default=o.default if o.name == "seed" else None, help=o.help)
    axes = {spec.axis for spec in registry.faces()}
    for name, uses in _uses().items():
        o, several = uses[0][2], " Several, as a list." if grid and name in axes else ""
        for old in (old for old, new in OLD_NAMES.items() if new == name):
            sub.add_argument(f"--{_flag(old)}", dest=f"option_{name}", help=argparse.SUPPRESS)
        sub.add_argument(f"--{_flag(name)}", dest=f"option_{name}", help=_explained(uses).replace("%", "%%") + several,
                         metavar="|".join(o.choices) if o.choices else o.type.__name__)


Use = tuple[FamilySpec, SamplerSpec, Option]


def _uses() -> dict[str, list[Use]]:
    """Every option by its name, with the samplers that have it."""
    found: dict[str, list[Use]] = {}
    for face in registry.faces():
        for spec in face.every.values():
            for o in options_of(spec.options):
                found.setdefault(o.name, []).append((face, spec, o))
    return found


def _explained(uses: list[Use]) -> str:
    """What an option does, in one text; where it is not the same everywhere, in one for each family, or for some of its samplers."""
    texts: dict[str, list[Use]] = {}
    for use in uses:
        texts.setdefault(use[2].help, []).append(use)
    parts = []
    for text, own in texts.items():
        places = []
        for title in dict.fromkeys(face.title for face, _, _ in own):
            alone = len({o.help for face, _, o in uses if face.title == title}) == 1
            places.append(title if alone else f"{title} ({', '.join(spec.title for face, spec, _ in own if face.title == title)})")
        values = " or ".join(dict.fromkeys(str(o.default) for _, _, o in own))
        default = f" (default {values})" if values else ""
        parts.append(f"{', '.join(places)}: {text}{default}" if len(texts) > 1 else f"{text}{default}")
    return " ".join(parts)


def _flag(name: str) -> str:
    return name.replace("_", "-")


def _ask(args: argparse.Namespace, count: int) -> Ask:
    options = {key[7:]: value for key, value in vars(args).items() if key.startswith("option_") and value is not None}
    return Ask(args.family, getattr(args, "prompt", "") or "", getattr(args, "negative_prompt", ""), args.model, args.sampler,
               options, args.guidance_scale, args.seed, args.count if args.count is not None else count,
               0 if args.width is None else args.width, 0 if args.height is None else args.height, data_set=args.data_set)


@contextmanager
def _service(args: argparse.Namespace) -> Iterator[Any]:
    """The data folder's service, closed after its use."""
    from app.service import Service
    service = Service(open_paths(args.data, writable=False))
    try:
        tell(service.gallery.notices())
        yield service
    finally:
        service.close()


def _sample(args: argparse.Namespace) -> dict[str, Any]:
    with _service(args) as service:
        out, ask = folder(args.out), _started(service, _ask(args, count=4), args.picture)
        view = follow(service, service.generate(ask))
        images = []
        for shot in view.shots:
            path = Path(shot.path)
            if out is not None:
                path = copy(path, out / f"{args.family}-{shot.seed}-{shot.id[:8]}.png")
            options = shot.settings["options"]
            images.append({"path": str(path), "seed": shot.seed, "nfe": shot.nfe, "seconds": shot.seconds,
                           "steps": options.get("steps"), "note": shot.note, **shot.settings})
        said = {"note": view.note} if args.json else {}                # a terminal was told it already
        return {"images": images, **said, "complete": view.status == "done"}


def _started(service: Any, ask: Ask, picture: str | None) -> Ask:
    """The same, which starts from the picture in a file, if there is one."""
    if not picture:
        return ask
    source = service.keep_source(replace(ask, options={}), Path(picture))          # options may ask for the source
    return replace(ask, options=ask.options | {"source": source})


def _examine(args: argparse.Namespace) -> dict[str, Any]:
    with _service(args) as service:
        found = asdict(service.examine(Ask(args.family, args.prompt, model=args.model), Path(args.picture)))
        return {name: value for name, value in found.items() if name not in ("picture", "noise", "back", "said")}     # for the page


def _compare(args: argparse.Namespace) -> dict[str, Any]:
    with _service(args) as service:
        ask = _started(service, _ask(args, count=1), args.picture) if cli_compare.named(args) else None
        return cli_compare.run(args, service, ask)


def _again(args: argparse.Namespace) -> dict[str, Any]:
    with _service(args) as service:
        if args.id in registry.NAMES:
            plain = service.artist.weights.data(Ask(args.id, "")).prompt
            return service.reproduction.selftest(Ask(args.id, plain if args.prompt is None else args.prompt))
        if args.prompt is not None:
            raise BadInput("What was kept is drawn again as it was; leave out --prompt, or name a family.")
        return service.reproduction.of(args.id)


def _evaluate(args: argparse.Namespace) -> dict[str, Any]:
    ask = _ask(args, count=480)
    if str(args.seed) != "0":
        raise BadInput("Caption i is drawn with seed i, so that figures can be compared; leave out --seed.")
    if args.family is None and (not args.table or ask.model or ask.sampler or ask.options or ask.guidance_scale is not None):
        raise BadInput("Name the family to measure; all families are measured by --table alone, each with its own defaults.")
    if args.family is None and not args.samplers and args.split != "test":
        raise BadInput("All families are measured on both splits; leave out --split.")
    if args.samplers and (args.family or not args.table or args.publish):
        raise BadInput("Every sampler of every family: evaluate --table --samplers; of one family: evaluate FAMILY --table.")
    if args.publish and (args.family or not args.table):
        raise BadInput("Only the table of all families is published: evaluate --table --publish.")
    if args.publish and not CHECKOUT:
        raise NeedsCheckout("--publish")
    with _service(args) as service:
        if args.samplers:
            return service.side_by_side.measure_all_samplers(ask, args.split, lambda done, total: bar(done, total, "cells"))
        if args.family is None:
            found = service.side_by_side.measure_families(ask.count, lambda done, total: bar(done, total, "captions"))
            if args.publish:
                service.side_by_side.publish()
            return found
        if args.table:
            return service.side_by_side.measure_samplers(ask, args.split, lambda done, total: bar(done, total, "cells"))
        return service.evaluate(ask, args.split, lambda done, total: bar(done, total, "captions"))


def _train(args: argparse.Namespace) -> dict[str, Any] | None:
    from app.training import recipes, trainer
    if not (args.all or args.list):
        if args.family is None:
            raise BadInput(f"Name a family ({', '.join(registry.NAMES)}), or train them all with --all.")
        return trainer.run(args, open_paths(args.data), bar)
    recipes.check(args)
    if args.all:
        return recipes.train_all(args.minutes, open_paths(args.data), bar, lambda text: print(text, file=sys.stderr, flush=True))
    listed = recipes.listing(open_paths(args.data))
    if args.json:
        return listed
    print(recipes.table(listed))
    return None


def _data(args: argparse.Namespace) -> dict[str, Any]:
    args.flags.settle(args, args.action)
    return cli_data.run(args, open_paths(args.data, writable=False))


def _models(args: argparse.Namespace) -> dict[str, Any]:
    args.flags.settle(args, args.action)
    if args.action == "bundle" and not CHECKOUT:
        raise NeedsCheckout("models bundle")
    with _service(args) as service:
        return cli_models.run(args, service)


def _gallery(args: argparse.Namespace) -> dict[str, Any]:
    cli_gallery.judge(args)
    with _service(args) as service:
        return cli_gallery.run(args, service)


def _bench(args: argparse.Namespace) -> dict[str, Any]:
    if not CHECKOUT:
        raise NeedsCheckout("bench")
    from tests.bench import BENCHES, run
    if args.list and args.name is not None:
        raise BadInput(f"Either list the benchmarks with --list or run {args.name}, not both.")
    if args.list or args.name is None:
        return {"benches": BENCHES}
    if args.name not in BENCHES:
        raise BadInput(f"There is no benchmark {args.name!r}; there are {', '.join(BENCHES)}.")
    return run(args.name)


def _not_here(args: argparse.Namespace) -> None:
    raise NeedsCheckout(args.command)


def _serve(args: argparse.Namespace) -> None:
    from app.web.guard import Access
    from app.web.server import serve
    access = Access(args.host, args.password, tuple(args.allow_host), tuple(args.allow_frame), args.root_path.rstrip("/"))
    serve(open_paths(args.data, writable=False), access, args.port, open_browser=not args.no_browser)


def main(argv: list[str] | None = None) -> int:
    """Exit codes: 0, 1 (it failed or was stopped), 2 (bad arguments).

    argv: None for those of the process, which ends with them.
    """
    with streams():
        return _main(sys.argv[1:] or ["serve"], for_good=True) if argv is None else _main(argv, for_good=False)


def _main(argv: list[str], for_good: bool) -> int:
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    top = parser()
    args, unknown = top.parse_known_args(argv)
    if args.command is None:
        top.print_help(sys.stderr)
        return 2
    if unknown and args.command not in ("test", "check"):              # which get what is meant for other tools
        top.error(f"unrecognized arguments: {' '.join(unknown)}")
    try:
        for name, value in vars(args).items():
            if name not in FILES and isinstance(value, str):
                readable(value)
        with stoppable(for_good):
            result = args.run(args)
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 0 if args.command == "serve" else 1                 # a server is there to be stopped
    except UserError as error:                                     # before a database and weights are known, which have sentences too
        return _refused(error)
    except sentences() as error:
        return _refused(error)
    if result is not None:
        with suppress(BrokenPipeError):
            print(as_json(result)) if args.json else show({name: value for name, value in result.items() if name != "complete"})
    return int(result is not None and result.get("complete") is False)


def _refused(error: Exception) -> int:
    print(sentence(error), file=sys.stderr)
    return exit_code(error)
