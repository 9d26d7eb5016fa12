"""`launch.py train`: a run in the data folder, resumable, ending in weights with a model card."""
from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.drawing.ask import is_new
from app.errors import BadInput, UserError
from app.paths import Paths
from app.stopping import between_steps
from app.text import readable
from pipelines import data as data_sets
from pipelines import registry
from pipelines.data import DEFAULT, dataset
from pipelines.files import MISREAD, unwritten, write_whole
from pipelines.options import Option, build, options_of, quoted
from pipelines.training.counters import BEGIN, counters

if TYPE_CHECKING:
    from torch import nn

    from pipelines.data.contract import DataSet
    from pipelines.family import Family, Stage

DEFAULTS = {"minutes": 60.0, "steps": None, "batch": 16, "lr": 1e-3, "lr_schedule": "cosine", "optimizer": "adamw", "ema": 0.9995,
            "seed": 0, "workers": 1, "pairs": 0.5, "compile": False, "keep": 0}
COUPLES = 10_000                   # pictures that a rectified flow learns from
# What the flags may say, those of `TrainOptions` that are numbers.
LIMITS = (Option("minutes", float, 60.0, "--minutes", "", low=1e-3, high=100_000),
          Option("steps", int, None, "--steps", "", low=1, high=10**9),
          Option("batch", int, 16, "--batch", "", low=1, high=8192), Option("lr", float, 1e-3, "--lr", "", low=1e-12, high=1),
          Option("ema", float, 0.9995, "--ema", "", low=0, high=1), Option("seed", int, 0, "--seed", "", low=0, high=2**32 - 1),
          Option("workers", int, 1, "--workers", "", low=0, high=256), Option("pairs", float, 0.5, "--pairs", "", low=0, high=1),
          Option("couples", int, COUPLES, "--couples", "", low=1, high=10**7), Option("keep", int, 0, "--keep", "", low=0, high=10**9))

# The text encoder has read captions alone and is held from then on, as large models hold theirs (Rombach et al. 2022):
# trained along with the pictures it forgot which thing is above the other before the pictures had asked.
TEXT = "text."


def add_flags(sub: argparse.ArgumentParser) -> None:
    """Flags of `TrainOptions`, written out so that `--help` does not wait for torch; a test compares them."""
    sub.add_argument("--data-set", "--dataset", metavar="NAME[,NAME]|PATH", help=f"what is learnt from ({', '.join(data_sets.NAMES)}), of "
                     "several a batch of each in turn; or a folder or zip of your own pictures, which is read once (see `data`); default: "
                     f"what the run or the model of --from learnt from, else {DEFAULT}")
    sub.add_argument("--size", help="side of the pictures that are read from a folder or zip, in pixels; default 32")
    sub.add_argument("--minutes", type=float, default=DEFAULTS["minutes"], help="time in all, over all resumptions")
    sub.add_argument("--steps", type=int, help="stop after this many optimiser steps, if earlier")
    sub.add_argument("--batch", type=int, default=DEFAULTS["batch"], help="images per step")
    sub.add_argument("--lr", type=float, default=DEFAULTS["lr"], help="peak learning rate")
    sub.add_argument("--lr-schedule", choices=("cosine", "restarts", "constant"), default=DEFAULTS["lr_schedule"],
                     help="restarts: the cosine begins anew at every resumption (Loshchilov & Hutter 2017)")
    sub.add_argument("--optimizer", choices=("adamw", "muon"), default=DEFAULTS["optimizer"],
                     help="muon: for the matrices of a transformer's blocks, which learn sooner by it")
    sub.add_argument("--ema", type=float, default=DEFAULTS["ema"], help="decay of the averaged weights")
    sub.add_argument("--seed", type=int, default=DEFAULTS["seed"])
    sub.add_argument("--workers", type=int, default=DEFAULTS["workers"], help="processes that make pictures")
    sub.add_argument("--pairs", type=float, default=DEFAULTS["pairs"], help="share of the pictures that show two things, where a "
                     "data set has such")
    sub.add_argument("--couples", "--reflow-pairs", type=int, default=COUPLES,
                     help="with --coupling reflow: pictures that the model of --from draws first")
    sub.add_argument("--compile", action="store_true", help="faster steps by torch.compile; needs a C++ compiler")
    sub.add_argument("--keep", type=int, default=DEFAULTS["keep"], help="keep the weights of every N-th step as a model of their "
                     "own, RUN@STEP, to compare how the pictures came about")
    sub.add_argument("--from", dest="init_from", metavar="MODEL[,MODEL]", help="begin with the weights of this model instead of new ones; "
                     "of a second model with what fits into the rest")
    stages = [f"{spec.name}: {stage}" for spec in registry.faces() for stage in spec.stages]
    sub.add_argument("--stage", help=f"train a part that comes before the rest ({', '.join(stages)})")
    for o in {o.name: o for spec in registry.faces() for o in options_of(spec.network)}.values():
        sub.add_argument(f"--{o.name.replace('_', '-')}", dest=f"network_{o.name}", choices=o.choices or None,
                         help=f"{o.help} Default {o.default}; fixed once the run has begun.")


@dataclass(frozen=True)
class InitFrom:
    """A model that a training begins with."""
    family: str
    data_sets: tuple[str, ...]
    net: Any


class OutOfTime(UserError):
    """What comes before the first step took all the time; what there is of it is kept."""


def counted(folder: Path) -> dict[str, Any]:
    """Counters of a run (step, images, seconds, loss); zeros if it has not begun or cannot be read."""
    return _counted(folder)[0]


def damage(folder: Path) -> str:
    """Why a run cannot go on from its checkpoint, as far as the file's beginning tells; "" if it can, or has not begun."""
    return _counted(folder)[1]


def _counted(folder: Path) -> tuple[dict[str, Any], str]:
    from weights.check.verify import WeightsError, read_header
    path = folder / "checkpoint.safetensors"
    if not os.path.lexists(path):
        return dict(BEGIN), ""
    try:
        return counters(read_header(path)[1]["state"]), ""
    except (WeightsError, KeyError, ValueError) as error:
        return dict(BEGIN), str(error) if isinstance(error, WeightsError) else f"{path} is damaged: its counters cannot be read."


def run(args: argparse.Namespace, paths: Paths, progress: Callable[[int, int, str], None],
        until: float | None = None) -> dict[str, Any]:
    """Train or go on training; returns what was done. Ctrl-C saves and can be resumed.

    until: when to stop, preparations included, on the clock of `time.monotonic`; None: as args.minutes says. Raises BadInput, and
    UserError where training cannot go on; the last good checkpoint is kept.
    """
    _check(args)
    name = f"{args.family}-{time.strftime('%Y%m%d-%H%M%S')}" if args.name is None else readable(args.name)
    with _told():
        folder = _folder(paths.runs, name)
        args = _read(args, paths, folder, progress)
        done = _enough(args, folder) if until is None else None
        if done is not None:
            return done
        with _alone(folder):
            return _trained(args, paths, folder, progress, until)


def _folder(runs: Path, name: str) -> Path:
    """Raises BadInput for what is no plain name."""
    from weights.catalog import run_folder
    from weights.check.verify import WeightsError
    try:
        return run_folder(runs, name)
    except WeightsError as error:
        raise BadInput(str(error)) from error


def _check(args: argparse.Namespace) -> None:
    """Raises BadInput for a flag that says what cannot be."""
    if is_new(args.seed):
        raise BadInput("A training goes on with the seed that it began with, so that it cannot draw a new one; write a --seed from 0 on.")
    for limit in LIMITS:
        if getattr(args, limit.name) is not None:
            limit.parse(getattr(args, limit.name))
    path = _path(args)
    for name in () if path else _named(args) or ():
        if not data_sets.there(name):
            raise BadInput(f"There is no data set {quoted(repr(name))}; name one of {', '.join(data_sets.names())} with --data-set, or a "
                           "folder or zip of pictures.")
    if args.size is not None and path is None:
        raise BadInput("--size is about pictures that are read from a folder or zip; name that with --data-set, or leave out --size.")
    build(registry.face(args.family).network, _chosen(args))
    if args.couples < args.batch:
        raise BadInput(f"The couples must be at least as many as the batch, {args.batch}; you asked for --couples {args.couples}.")


def _named(args: argparse.Namespace) -> tuple[str, ...] | None:
    """The data sets that were asked for, each once."""
    return None if args.data_set is None else tuple(dict.fromkeys(name.strip() for name in args.data_set.split(",")))


def _path(args: argparse.Namespace) -> Path | None:
    """The folder or zip that --data-set names, if it names no data sets."""
    if args.data_set is None or not args.data_set.strip() or all(map(data_sets.there, _named(args) or ())):
        return None                                                # "" would be the folder that the command was started in
    path = Path(args.data_set).expanduser()
    return path if os.path.lexists(path) else None


def _read(args: argparse.Namespace, paths: Paths, folder: Path, progress: Callable[[int, int, str], None]) -> argparse.Namespace:
    """The same with the data set that was made of the folder of --data-set: by a run that goes on when it began, else now. Raises
    BadInput and UserError."""
    path = _path(args)
    if path is None:
        return args
    from app.data_sets import keeping, reading
    begun = _begun(folder, args)["data_sets"] if os.path.lexists(folder / "checkpoint.safetensors") else []
    name = next((name for name in begun if keeping.is_of(name, path)), None)
    if begun and name is None:
        raise _another(folder, begun, args)
    made = name or keeping.made_of(paths, path, args.size or reading.SIZE.default, lambda done, total: progress(done, total, "files read"))
    return argparse.Namespace(**vars(args) | {"data_set": made, "size": None})


def _another(folder: Path, begun: Sequence[str], args: argparse.Namespace) -> BadInput:
    return BadInput(f"The run {folder.name} learns from {','.join(begun)} and cannot go on with {args.data_set}; start another run with "
                    "another --name.")


def _chosen(args: argparse.Namespace) -> dict[str, Any]:
    """The options of the network that were given."""
    return {key[8:]: value for key, value in vars(args).items() if key.startswith("network_") and value is not None}


def _enough(args: argparse.Namespace, folder: Path) -> dict[str, Any] | None:
    """What a run has, if that is all that is asked for and its weights are there; else None."""
    has, path = counted(folder), folder / "model.safetensors"
    steps = args.steps is not None and has["step"] >= args.steps
    if not (path.is_file() and has["step"] and (steps or has["seconds"] >= 60 * args.minutes)):
        return None
    from weights.check.verify import sha256
    _begun(folder, args)
    had = f"{has['step']:,} steps, of {args.steps:,} that were asked for" if steps else \
        f"{has['seconds'] / 60:.1f} minutes of training, of {args.minutes:g} that were asked for"
    return {"run": folder.name, "path": str(path), "sha256": sha256(path), "steps": has["step"], "images": has["images"],
            "minutes": round(has["seconds"] / 60, 1), "loss": has["loss"],
            "note": f"The run has {had}; nothing was done, so give more --{'steps' if steps else 'minutes'} to go on."}


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """No other process trains the same run; the system takes the lock back from one that was killed. Raises UserError and OSError."""
    from filelock import FileLock, Timeout
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"The run {folder.name} is being trained by another process; wait until that has ended, or give another "
                        "--name.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong with a run, as a sentence for people. Raises UserError and BadInput."""
    try:
        yield
    except OSError as error:
        why, todo = unwritten(error)
        what = f"{error.filename} could not be written" if error.filename else "Training stopped"
        raise UserError(f"{what} because {why}; {todo}, and the same command goes on.") from error


def _trained(args: argparse.Namespace, paths: Paths, folder: Path, progress: Callable[[int, int, str], None],
             until: float | None) -> dict[str, Any]:
    """See `run`."""
    import torch

    from app.device.device import choose_device
    from pipelines.data.batches import Items
    from pipelines.training.loop import TrainingError, TrainOptions, averaged, inner_matrices, train

    device, chosen = choose_device(), _chosen(args)
    family = registry.family(args.family)
    known = {f.name for f in fields(TrainOptions)}
    options = TrainOptions(**{k: v for k, v in vars(args).items() if k in known})
    torch.manual_seed(options.seed)
    inits = _inits(args, paths, chosen)
    sets = _sets(args, folder, inits)
    net: Any = _network(args, family, folder, chosen, inits, sets, progress)
    if args.optimizer == "muon" and not inner_matrices(net):
        raise BadInput(f"Muon is for the blocks of a transformer, and {args.family} has none; leave out --optimizer.")
    own = _own_data(net, args, family, folder, sets, progress, until)
    items = [Items(data, "train", options.seed, net.config.at(data).size, options.pairs) for data in sets] if own is None else [own]
    loss = _staged(net, family, args.stage, sets)
    header = {"family": args.family, "data_sets": [data.name for data in sets]}
    if until is not None:
        options = replace(options, minutes=counted(folder)["seconds"] / 60 + max(until - time.monotonic(), 1e-3) / 60)
    try:
        with between_steps() as asked, closing(train(net, loss, options, folder, device, items, family.betas, family.fp32)) as steps:
            _follow(steps, options, folder, header, net, progress, asked)
        weights, state = averaged(folder)
    except TrainingError as error:
        raise UserError(str(error)) from error
    if not state["step"]:
        raise OutOfTime(f"There was no time for a single step of {folder.name}; give more --minutes.")
    begun = _begun(folder, args)
    facts = {"images": state["images"], "steps": state["step"], "minutes": round(state["seconds"] / 60, 1),
             "device": str(device), "loss": state["loss"], "dataset": f"{','.join(header['data_sets'])}/train", "stage": args.stage,
             "chosen": chosen | ({} if own is None else {"couples": args.couples}),
             "from": begun.get("from"), "options": asdict(options)}
    return _finished(folder, args, begun["options"], net, weights, facts, sets)


def _follow(steps: Iterator[Any], options: Any, folder: Path, header: dict[str, Any], net: Any, progress: Callable[[int, int, str], None],
            asked: Callable[[], bool]) -> None:
    """Training step by step, until it ends or somebody asked it to."""
    try:
        for last in steps:
            if options.keep and last.step % options.keep == 0:
                _keep(folder, header, net, last.step)
            if last.step % 20 == 0:
                progress(int(last.seconds), int(60 * options.minutes),
                         f"s · step {last.step} · loss {last.loss:.4f} · {last.images_per_second:.0f} images/s")
            if asked():
                return
    except RuntimeError as error:
        if asked():                                                # a process that makes pictures was asked to end, too
            return
        if "memory" in str(error):
            raise UserError(f"A step did not fit into memory; go on with a --batch smaller than {options.batch}.") from error
        if options.compile:
            why = (str(error).strip().splitlines() or [""])[0][:200]
            raise UserError(f"torch.compile failed ({why}); install a C++ compiler, or leave out --compile.") from error
        raise


def _finished(folder: Path, args: argparse.Namespace, options: dict[str, Any], net: Any, weights: dict[str, Any],
              facts: dict[str, Any], sets: Sequence[DataSet]) -> dict[str, Any]:
    """Write the weights of a run, whose network has these options, with their card; what was done."""
    from weights.load import save
    special = [str(options[o.name]) for o in options_of(registry.face(args.family).network) if options.get(o.name, o.default) != o.default]
    names = [data.name for data in sets]
    title = " · ".join([" + ".join(names), *special, f"{sum(p.numel() for p in net.parameters()) / 1e6:.1f} M"])
    path = folder / "model.safetensors"
    digest = save(path, weights, {"family": args.family, "data_sets": names, "title": title, "config": net.config.to_dict(),
                                  "training": facts})
    write_whole(folder / "model.md", card(folder.name, args.family, facts, digest, "; ".join(data.source for data in sets)))
    return {"run": folder.name, "path": str(path), "sha256": digest, **facts}


def _keep(folder: Path, header: dict[str, Any], net: Any, step: int) -> None:
    """The averaged weights of a run after a step, as a model of their own; header: the family and the data sets."""
    from pipelines.training.loop import averaged
    from weights.load import save
    weights, state = averaged(folder)
    (folder / "steps").mkdir(parents=True, exist_ok=True)
    save(folder / "steps" / f"{step}.safetensors", weights, {
        **header, "title": f"{folder.name} after {step:,} steps", "config": net.config.to_dict(),
        "training": {"images": state["images"], "steps": step}})


def _inits(args: argparse.Namespace, paths: Paths, chosen: dict[str, Any]) -> list[InitFrom]:
    """The models of --from. Raises BadInput."""
    if args.init_from is None:
        if registry.family(args.family).own_data(build(registry.face(args.family).network, chosen)) is not None and not os.path.lexists(
                paths.runs / str(args.name) / "checkpoint.safetensors"):
            raise BadInput("This training learns from pictures that a trained model draws; name the model with --from MODEL.")
        return []
    import torch

    from weights.catalog import entries as there
    from weights.catalog import find
    from weights.check.verify import WeightsError
    from weights.load import load
    try:
        entries = [find(name, there(paths.runs)) for name in args.init_from.split(",")]
        found = [InitFrom(entry.metadata["family"], entry.data_sets, load(entry, torch.device("cpu"))[1]) for entry in entries]
    except WeightsError as error:
        raise BadInput(str(error)) from error
    if found[0].family == args.family and not set(chosen) <= set(_training(found[0].net)):
        raise BadInput(f"With --from the network is that of {args.init_from}; leave out --{next(iter(chosen)).replace('_', '-')}.")
    return found


def _training(net: Any) -> dict[str, Any]:
    """The options of a network that concern its training only, so that another training may change them."""
    return getattr(net.config, "training", {})


def _own_data(net: nn.Module, args: argparse.Namespace, family: registry.Family, folder: Path, sets: Sequence[DataSet],
              progress: Callable[[int, int, str], None], until: float | None) -> Any:
    """What the network learns from if it is not the data set: pictures drawn by the model that it begins as.

    Raises OutOfTime; what was drawn until then is kept.
    """
    from safetensors import SafetensorError

    from app.device.device import choose_device, threads
    from pipelines.data.batches import Items
    config: Any = net.config
    own = family.own_data(build(registry.face(args.family).network, _training(net))) if _training(net) else None
    if own is None:
        return None
    if len(sets) > 1:
        raise BadInput("A rectified flow learns from pictures of one data set; name one with --data-set.")
    data, shape = sets[0], (args.seed, config.size, args.pairs)
    if not os.path.lexists(folder / "checkpoint.safetensors"):
        began = time.monotonic()
        for drawn in own.draw(net, folder / "couples", args.couples, Items(data, "train", *shape), choose_device(), threads()):
            progress(drawn, args.couples, "pictures drawn to learn from")
            last, began = time.monotonic() - began, time.monotonic()
            if until is not None and drawn < args.couples and began + last > until:           # no time for as many again
                raise OutOfTime(f"{drawn:,} of the {args.couples:,} pictures to learn from are drawn; the next call goes on.")
    try:
        return own.data(folder / "couples", data, *shape)
    except (SafetensorError, RuntimeError, KeyError, OSError, ValueError) as error:
        raise UserError(f"The pictures to learn from in {folder / 'couples'} cannot be read ({error}); begin anew under another "
                        "--name.") from error


def _stages(net: nn.Module, family: Family) -> dict[str, Stage]:
    """The family's stages that this network has parameters for."""
    names = [name for name, _ in net.named_parameters()]
    return {name: stage for name, stage in family.stages.items() if any(n.startswith(stage.prefix) for n in names)}


def _staged(net: nn.Module, family: registry.Family, wanted: str | None, sets: Sequence[DataSet]) -> Any:
    """The objective of a stage, or of all that has no stage of its own; other parameters are held, and so is a text encoder that has
    learnt captions already.

    Raises BadInput.
    """
    stages = _stages(net, family)
    if wanted is not None and wanted not in stages:
        there = f"; it has {', '.join(stages)}." if stages else "; leave out --stage."
        raise BadInput(f"This network has no stage {wanted[:80]!r}{there}")
    for name, p in net.named_parameters():
        staged = any(name.startswith(stage.prefix) for stage in stages.values())
        held = staged or name.startswith(TEXT) and any(data.head_start for data in sets)
        p.requires_grad_(name.startswith(stages[wanted].prefix) if wanted else not held)
    return stages[wanted].loss if wanted else family.loss


def _sets(args: argparse.Namespace, folder: Path, inits: list[InitFrom]) -> tuple[DataSet, ...]:
    """What is learnt from: as asked, as the run began, as the first model of --from knows, or the first there is. Raises BadInput, and
    DataSetError where its pictures are not here."""
    asked, begun = _named(args), _begun(folder, args)["data_sets"] if os.path.lexists(folder / "checkpoint.safetensors") else None
    if begun is not None and asked not in (None, tuple(begun)):
        raise _another(folder, begun, args)
    sets = tuple(dataset(name) for name in asked or begun or (inits[0].data_sets if inits else (DEFAULT,)))
    for data in sets:                                              # here and not in the processes that make pictures
        data.picture(data.item("train", 0, 0, None), data.size)
    return sets


def _network(args: argparse.Namespace, family: registry.Family, folder: Path, chosen: dict[str, Any],
             inits: list[InitFrom], sets: Sequence[DataSet], progress: Callable[[int, int, str], None]) -> nn.Module:
    """The network of --from, a new one as chosen, or the one that the run began with. Raises BadInput if that is another."""
    if not os.path.lexists(folder / "checkpoint.safetensors"):
        read = bool(inits) and all(data.name in inits[0].data_sets for data in sets)           # their captions are known
        own = read and inits[0].family == args.family
        if own and chosen:
            inits[0].net.config = replace(inits[0].net.config, training=_training(inits[0].net) | chosen)
        options = build(registry.face(args.family).network, _training(inits[0].net) if own else chosen)
        net: Any = inits[0].net if own else family.fresh(options, _together(sets))
        for init in inits[own:]:
            _inherit(net, init.net, args.init_from)
        if not inits:
            stages = _stages(net, family)
            if stages and args.stage is None:
                raise BadInput(f"This network has a part that is trained first; train it with --stage {next(iter(stages))} --name "
                               "NAME, then go on with --from NAME.")
        if not read and hasattr(net, "text"):
            _read_captions(net.text, sets, inits, progress)
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "network.json", json.dumps({
            "family": args.family, "data_sets": [data.name for data in sets], "options": asdict(options), "config": net.config.to_dict(),
            "from": args.init_from}, indent=1))
        return net
    begun = _begun(folder, args)
    for name, value in chosen.items():
        if begun["options"][name] != value:
            raise BadInput(f"The run {folder.name} began with {name} {begun['options'][name]} and cannot go on with {value}; "
                           "start another run with another --name.")
    try:
        return family.build(begun["config"])
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"The network that {folder / 'network.json'} describes cannot be built ({type(error).__name__}: {error}); put that "
                        "file back as it was, or begin anew under another --name.") from error


def _together(sets: Sequence[DataSet]) -> DataSet:
    """What a network for several sets is built for: pictures of the first one's size, the words of that which has most. Raises BadInput
    for sets whose captions are not written in the same tokens."""
    most = max((data.tokenizer for data in sets), key=lambda tokenizer: tokenizer().vocabulary)
    for data in sets:
        own, all_ = data.tokenizer(), most()
        if own.length != all_.length or not own.bpe.get_vocab().items() <= all_.bpe.get_vocab().items():
            raise BadInput(f"The captions of {' and '.join(z.name for z in sets)} are written in tokens of their own, so that no network "
                           "reads both; train on one of them.")
    return replace(sets[0], tokenizer=most, together=tuple(sets) if len(sets) > 1 else ())


def _read_captions(encoder: Any, sets: Sequence[DataSet], inits: Sequence[InitFrom], progress: Callable[[int, int, str], None]) -> None:
    """Train a new text encoder on captions alone, where its sets ask something of it; captions that the first network of --from read
    are to mean the same as before."""
    from pipelines.training.head_start import STEPS, head_start
    earlier, asked, known = getattr(inits[0].net, "text", None) if inits else None, [], []
    for reading, name in ((data.head_start(encoder.width), data.name) for data in sets if data.head_start):
        if earlier is not None and name in inits[0].data_sets:
            known.append((reading, earlier))
        else:
            asked.append(reading)
    for step, loss in head_start(encoder, asked, known, STEPS) if asked else ():
        if step % 20 == 0:
            progress(step, STEPS, f"steps of reading captions alone · loss {loss:.3f}")


def _begun(folder: Path, args: argparse.Namespace) -> dict[str, Any]:
    """What a run began as: options and config of its network, from, data sets.

    Raises UserError for what cannot be read, BadInput for a run of another family.
    """
    from weights.catalog import described
    from weights.check.reading import small_file, why_not
    from weights.check.verify import WeightsError
    path, own = folder / "network.json", {o.name for o in options_of(registry.face(args.family).network)}
    try:
        begun = json.loads(small_file(path).decode("utf-8"))
        options, config, init_from = begun["options"], begun["config"], begun.get("from")
        if not (isinstance(options, dict) and isinstance(config, dict) and isinstance(init_from, (str, type(None)))):
            raise TypeError("it is no description of a network")
        begun.setdefault("data_sets", [begun.get("data_set") or DEFAULT])          # of a run of one set, before there were several
        if not (isinstance(begun["data_sets"], list) and begun["data_sets"] and all(map(data_sets.there, begun["data_sets"]))):
            raise TypeError(f"there is no data set {begun['data_sets']!r}")
    except MISREAD as error:
        raise UserError(f"What the run {folder.name} began as cannot be read ({why_not(error)}); put {path} back as it was, or begin anew "
                        "under another --name.") from error
    family = begun.get("family")
    if family is None:                                             # of a run that began before this was written down
        try:
            family = described(folder / "model.safetensors")["family"]
        except WeightsError:
            family = args.family if set(options) <= own else "another family"
    if family != args.family or not set(options) <= own:
        raise BadInput(f"The run {folder.name} is one of {family} and cannot go on as {args.family}; give another --name.")
    return begun


def _inherit(net: Any, init: Any, name: str) -> None:
    """Take over what another network has under the same names and shapes, and the rows of shorter tables. Raises BadInput if that is
    little."""
    from pipelines.nets.config import inherited
    own = net.state_dict()
    fitting = inherited(own, init.state_dict(), init.config.tables)
    if sum(z.numel() for z in fitting.values()) < 0.2 * sum(z.numel() for z in own.values()):
        raise BadInput(f"Less than a fifth of this network can begin with the weights of {name}; choose another for --from.")
    net.load_state_dict(own | fitting)


def card(name: str, family: str, facts: dict[str, Any], digest: str, source: str) -> str:
    """The model card of a run; source: where its data set comes from."""
    given = {name: facts[name] for name in ("from", "stage") if facts[name]} | facts["chosen"] | facts["options"]
    command = " ".join(f"--{k.replace('_', '-')}" if v is True else f"--{k.replace('_', '-')} {v}" for k, v in given.items()
                       if k in {*DEFAULTS, "from", "stage", *facts["chosen"]} and v is not None and v is not False)
    return f"""# {name}

Family `{family}`, trained on `{facts['dataset']}` ({source}), EMA weights in fp16.

| fact | value |
|---|---|
| optimiser steps | {facts['steps']:,} |
| images seen | {facts['images']:,} |
| minutes | {facts['minutes']} on {facts['device']} |
| running loss | {facts['loss']:.4f} |
| SHA-256 | `{digest}` |

Trained by `python3 launch.py train {family} --data-set {facts['dataset'].partition('/')[0]} {command}`.

```json
{json.dumps(facts['options'], indent=1)}
```
"""
