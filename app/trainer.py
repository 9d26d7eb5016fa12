"""`launch.py train`: a run in the data folder, resumable, ending in weights with a model card."""
from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.paths import Paths
from app.views import BadInput
from pipelines import registry
from pipelines.options import build, options_of

if TYPE_CHECKING:
    from torch import nn

DEFAULTS = {"minutes": 60.0, "steps": None, "batch": 16, "lr": 1e-3, "lr_schedule": "cosine", "ema": 0.9995, "seed": 0,
            "workers": 1}


def add_flags(sub: argparse.ArgumentParser) -> None:
    """Flags of `TrainOptions`, written out so that `--help` does not wait for torch; a test compares them."""
    sub.add_argument("--minutes", type=float, default=DEFAULTS["minutes"], help="time in all, over all resumptions")
    sub.add_argument("--steps", type=int, help="stop after this many optimiser steps, if earlier")
    sub.add_argument("--batch", type=int, default=DEFAULTS["batch"], help="images per step")
    sub.add_argument("--lr", type=float, default=DEFAULTS["lr"], help="peak learning rate")
    sub.add_argument("--lr-schedule", choices=("cosine", "constant"), default=DEFAULTS["lr_schedule"])
    sub.add_argument("--ema", type=float, default=DEFAULTS["ema"], help="decay of the averaged weights")
    sub.add_argument("--seed", type=int, default=DEFAULTS["seed"])
    sub.add_argument("--workers", type=int, default=DEFAULTS["workers"], help="processes that render pictures")
    sub.add_argument("--from", dest="origin", metavar="MODEL", help="begin with the weights of this model instead of new ones")
    for o in {o.name: o for name in registry.NAMES for o in options_of(registry.face(name).network)}.values():
        sub.add_argument(f"--{o.name.replace('_', '-')}", dest=f"network_{o.name}", choices=o.choices or None,
                         help=f"{o.help} Default {o.default}; fixed once the run has begun.")


def run(args: argparse.Namespace, paths: Paths, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Train or go on training; returns what was done. Ctrl-C saves and can be resumed."""
    if not 0 < args.minutes <= 100_000:
        raise BadInput(f"Minutes must be between 0 and 100,000; you asked for {args.minutes}.")
    if args.batch < 1 or not 0 < args.lr < 1 or (args.steps is not None and args.steps < 1):
        raise BadInput("The batch and the steps must be at least 1 and the learning rate between 0 and 1; change "
                       "--batch, --steps or --lr.")
    import torch

    from app.device import choose_device
    from pipelines.training import TrainOptions, averaged, train
    from weights.load import save

    name = args.name or f"{args.family}-{time.strftime('%Y%m%d-%H%M%S')}"
    folder = paths.runs / name
    if Path(name).name != name:
        raise BadInput(f"The run's name {name!r} has a path in it; give a plain name.")
    device = choose_device()
    family = registry.family(args.family)
    known = {f.name for f in fields(TrainOptions)}
    options = TrainOptions(**{k: v for k, v in vars(args).items() if k in known})
    torch.manual_seed(options.seed)
    chosen = {key[8:]: value for key, value in vars(args).items() if key.startswith("network_") and value is not None}
    net: Any = _network(family, registry.face(args.family).network, folder, chosen, _origin(args, paths, chosen))
    last = None
    for last in train(net, family.loss, options, folder, device, net.config.size):
        if last.step % 20 == 0:
            progress(int(last.seconds), int(60 * options.minutes),
                     f"s · step {last.step} · loss {last.loss:.4f} · {last.images_per_second:.0f} images/s")
    weights, state = averaged(folder)
    facts = {"images": state["images"], "steps": state["step"], "minutes": round(state["seconds"] / 60, 1),
             "device": str(device), "loss": state["loss"], "dataset": "shapes/train", "options": asdict(options)}
    title = f"shapes · {sum(p.numel() for p in net.parameters()) / 1e6:.1f} M"
    digest = save(folder / "model.safetensors", weights,
                  {"family": args.family, "title": title, "config": net.config.to_dict(), "training": facts})
    (folder / "model.md").write_text(card(name, args.family, facts, digest), encoding="utf-8")
    return {"run": name, "path": str(folder / "model.safetensors"), "sha256": digest, **facts}


def _origin(args: argparse.Namespace, paths: Paths, chosen: dict[str, Any]) -> nn.Module | None:
    """The network of --from, None without it. Raises BadInput."""
    if args.origin is None:
        return None
    if chosen:
        raise BadInput(f"With --from the network is that of {args.origin}; leave out --{next(iter(chosen)).replace('_', '-')}.")
    import torch

    from weights.catalog import find
    from weights.load import load
    from weights.verify import WeightsError
    try:
        entry = find(args.origin, paths.runs)
        if entry.metadata["family"] != args.family:
            raise BadInput(f"The model {entry.name} belongs to the family {entry.metadata['family']}, not {args.family}; "
                           "choose another for --from.")
        return load(entry, torch.device("cpu"))[1]
    except WeightsError as error:
        raise BadInput(str(error)) from error


def _network(family: registry.Family, kind: type, folder: Path, chosen: dict[str, Any], origin: nn.Module | None) -> nn.Module:
    """The origin, a new network as chosen, or the one that the run began with. Raises BadInput if that is another."""
    path = folder / "network.json"
    if not (folder / "checkpoint.safetensors").exists():
        options = build(kind, chosen)
        net: Any = origin or family.fresh(options)
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"options": asdict(options), "config": net.config.to_dict()}, indent=1), encoding="utf-8")
        return net
    begun = json.loads(path.read_text(encoding="utf-8"))
    for name, value in chosen.items():
        if begun["options"][name] != value:
            raise BadInput(f"The run {folder.name} began with {name} {begun['options'][name]} and cannot go on with {value}; "
                           "start another run with another --name.")
    return family.build(begun["config"])


def card(name: str, family: str, facts: dict[str, Any], digest: str) -> str:
    """The model card of a run."""
    command = " ".join(f"--{k.replace('_', '-')} {v}" for k, v in facts["options"].items()
                       if k in DEFAULTS and v is not None)
    return f"""# {name}

Family `{family}`, trained on `{facts['dataset']}` (procedural, no licence attached), EMA weights in fp16.

| fact | value |
|---|---|
| optimiser steps | {facts['steps']:,} |
| images seen | {facts['images']:,} |
| minutes | {facts['minutes']} on {facts['device']} |
| running loss | {facts['loss']:.4f} |
| SHA-256 | `{digest}` |

Trained by `python3 launch.py train {family} --dataset shapes {command}`.

```json
{json.dumps(facts['options'], indent=1)}
```
"""
