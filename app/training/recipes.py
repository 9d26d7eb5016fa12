"""`launch.py train --all` and `--list`: how every model of the project is trained, and how far each has come in a data folder.

A recipe is a run of its name, so that a later call goes on where an earlier one stopped. Each call adds its share of minutes to those
that the run has had, and the learning rate falls from its peak again within the share (warm restarts, Loshchilov & Hutter 2017): every
call ends in finished weights, and the next one still learns.
"""
from __future__ import annotations

import argparse
import logging
import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.errors import BadInput, sentence, sentences
from app.paths import Paths
from app.training import trainer
from pipelines.data import DEFAULT

LEAST = 0.2                        # minutes: less is not worth the start
CLOSING = 3.0                      # seconds kept for writing the last weights
READY = 0.9                        # share of the expected images at which a model is good enough for another to begin with
LOADERS = 12                       # processes that render pictures for a GPU, at most

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """How a model is trained. The expected minutes are its weight when time is divided; those on a GPU are estimates."""
    name: str                                # of the run, and so of the model
    family: str
    images: int                              # that a good model has seen, beyond those of the models that it begins with
    cpu: float                               # minutes that they take on two cores, preparations included
    gpu: float                               # and on a GPU
    init_from: tuple[str, ...] = ()          # recipes or bundled models that it begins with
    stage: str | None = None
    network: Mapping[str, str] = field(default_factory=dict)     # network options
    batch: int = 48
    gpu_batch: int = 128                     # larger steps fill a GPU better
    lr: float = 1e-3
    optimizer: str = "adamw"
    pairs: float = 0.6
    bundled: str | None = None               # what ships, or will ship, of it; None: it is only a part of another

    def arguments(self, cuda: bool, resumed: bool) -> argparse.Namespace:
        """What `train FAMILY` would be given."""
        from app.device.device import threads
        return argparse.Namespace(**trainer.DEFAULTS | {
            "family": self.family, "name": self.name, "stage": self.stage, "couples": trainer.COUPLES,
            "data_set": DEFAULT, "size": None,
            "init_from": None if resumed else ",".join(self.init_from) or None,
            "batch": self.gpu_batch if cuda else self.batch, "lr": self.lr, "pairs": self.pairs, "lr_schedule": "restarts",
            "optimizer": self.optimizer,
            "workers": max(1, min(LOADERS, threads() - 2)) if cuda else 1,
        } | {f"network_{option}": value for option, value in self.network.items()})


# In an order in which what others begin with comes first. The latent autoencoder takes its text encoder from a finished model, which saves
# the minutes of training one that the latent model would not keep.
RECIPES = (
    Recipe("vqvae-autoencoder", "vqvae", 250_000, 20, 1, stage="autoencoder", batch=32, lr=2e-3),
    Recipe("vqvae", "vqvae", 300_000, 25, 1.5, ("vqvae-autoencoder",), batch=64, lr=1.5e-3, optimizer="muon",
           bundled="shapes-vqvae"),
    Recipe("dalle-transformer", "dalle", 900_000, 150, 5, ("vqvae",), batch=64, gpu_batch=256, lr=1.5e-3, optimizer="muon"),
    Recipe("dalle", "dalle", 150_000, 15, 1, ("dalle-transformer",), stage="scorer", batch=64, gpu_batch=256, bundled="shapes-dalle"),
    Recipe("latent-autoencoder", "diffusion", 80_000, 25, 1, ("shapes-flow",), "autoencoder", {"space": "latents"}, batch=32),
    Recipe("latent", "diffusion", 194_000, 55, 1.5, ("latent-autoencoder", "shapes-diffusion"), bundled="shapes-latent"),
    Recipe("flow", "flow", 80_000, 25, 1, ("shapes-diffusion",), lr=3e-4, bundled="shapes-flow"),
    Recipe("flow-rectified", "flow", 80_000, 45, 1.5, ("flow",), network={"coupling": "reflow"}, lr=3e-4,
           bundled="shapes-flow-rectified"),
    Recipe("diffusion", "diffusion", 257_000, 46, 2, ("shapes-diffusion",), pairs=0.8, bundled="shapes-diffusion"),
    Recipe("sde", "sde", 94_000, 32, 1, ("shapes-diffusion",), lr=3e-4, bundled="shapes-sde"),
    Recipe("gan", "gan", 1_000_000, 180, 5, ("shapes-diffusion",), batch=32, lr=5e-4, pairs=0.7, bundled="shapes-gan"),
)


class TrainingStatus:
    """How far the recipes have come in a data folder, as the files say at the moment of asking."""

    def __init__(self, paths: Paths, cuda: bool) -> None:
        self.paths, self.cuda = paths, cuda
        self.recipes = {recipe.name: recipe for recipe in RECIPES}

    def counters(self, name: str) -> dict[str, Any]:
        """step, images, seconds, loss."""
        return trainer.counted(self.paths.runs / name)

    def weights(self, name: str) -> Path | None:
        path = self.paths.runs / name / "model.safetensors"
        return path if path.exists() else None

    def done(self, name: str) -> float:
        """Images seen, as a share of those expected."""
        return self.counters(name)["images"] / self.recipes[name].images

    def expected(self, name: str) -> float:
        """Minutes on this device."""
        return self.recipes[name].gpu if self.cuda else self.recipes[name].cpu

    def lacking(self, name: str) -> float:
        """Minutes that are still needed; never none while a run has no finished weights, always none once a part was used."""
        if self.used_by(name):
            return 0.0
        return max(1 - self.done(name), 0.0 if self.weights(name) else 0.05) * self.expected(name)

    def used_by(self, name: str) -> str | None:
        """The run that took over a mere part, which therefore cannot profit from more of it."""
        begun = (r.name for r in RECIPES if name in r.init_from and self.counters(r.name)["step"])
        return next(begun, None) if self.recipes[name].bundled is None else None

    def awaited(self, name: str) -> list[str]:
        """The recipes that have to come first, those without needs of their own at the front."""
        if self.counters(name)["step"]:
            return []
        unready = [o for o in self.recipes[name].init_from if o in self.recipes and not (self.weights(o) and self.done(o) >= READY)]
        return [first for o in unready for first in (*self.awaited(o), o)]

    def seen(self, name: str) -> str:
        return f"{self.counters(name)['images']:,} of {self.recipes[name].images:,} images seen"

    def status(self, name: str) -> str:
        """damaged, finished, begun, not begun."""
        if trainer.damage(self.paths.runs / name):
            return "damaged"
        return "finished" if self.weights(name) else "begun" if self.done(name) else "not begun"

    def row(self, name: str, status: str, why: str = "", before: int | None = None) -> dict[str, Any]:
        """A recipe in the summary of a call; before: images at its beginning."""
        found, weights = self.counters(name), self.weights(name)
        return {"recipe": name, "status": status, "why": why, "images": found["images"],
                "added": 0 if before is None else found["images"] - before, "minutes": round(found["seconds"] / 60, 2),
                "loss": found["loss"], "path": str(weights) if weights else None}


def check(args: argparse.Namespace) -> None:
    """Refuse what makes no sense beside --all or --list. Raises BadInput."""
    wanted = "--all" if args.all else "--list"
    if args.all and args.list:
        raise BadInput("Either list the recipes with --list or train them with --all, not both.")
    if args.family is not None:
        raise BadInput(f"{wanted} is about all families; leave out {args.family}, or leave out {wanted}.")
    defaults = trainer.DEFAULTS | {"couples": trainer.COUPLES}
    if args.all:
        del defaults["minutes"]
    own = ("name", "init_from", "stage", "data_set", "size", *defaults)
    given = [key for key, value in vars(args).items() if (key.startswith("network_") or key in own)
             and value != defaults.get(key)]
    if given:
        flag = given[0].removeprefix("network_").replace("init_from", "from").replace("_", "-")
        raise BadInput(f"The recipes say how each model is trained; leave out --{flag}, or train one family with it.")


def divide(minutes: float, needs: Mapping[str, float], awaited: Mapping[str, list[str]]) -> dict[str, float]:
    """Minutes for each recipe, `minutes` in all: a little for everyone and the rest by need.

    Who has to wait for others gives its minutes to those until they have what they need.
    """
    floor, total = min(LEAST, minutes / len(needs)), sum(needs.values())
    shares = {name: floor + (minutes - floor * len(needs)) * need / total for name, need in needs.items()}
    for name in needs:
        for first in awaited[name]:
            given = min(shares[name], max(0.0, needs[first] - shares[first]))
            shares[first] += given
            shares[name] -= given
        if awaited[name] and shares[name] < floor:
            shares[awaited[name][0]] += shares[name]
            shares[name] = 0.0
    return shares


def train_all(minutes: float, paths: Paths, progress: Callable[[int, int, str], None], say: Callable[[str], None]) -> dict[str, Any]:
    """Train the recipes in turn, `minutes` in all; returns what became of each. Ctrl-C ends it; the next call goes on.

    "complete" is false if a recipe failed or the call was stopped. Raises BadInput.
    """
    began = time.monotonic()
    if not minutes <= 100_000 or minutes < LEAST * len(RECIPES):
        raise BadInput(f"{len(RECIPES)} recipes need between {LEAST * len(RECIPES):.2g} and 100,000 minutes together; you asked for "
                       f"--minutes {minutes:g}.")
    from app.device.device import choose_device
    training = TrainingStatus(paths, choose_device().type == "cuda")
    rows: dict[str, dict[str, Any]] = {}
    for row in _turns(training, began + 60 * minutes - CLOSING, progress):
        rows[row["recipe"]] = row
        loss = "" if row["loss"] is None else f", loss {row['loss']:.4f}"
        say(f"{row['recipe']}: {row['status']}. {row['why'] or training.seen(row['recipe']) + loss}")
    return {"recipes": [rows[name] for name in training.recipes], "minutes": round((time.monotonic() - began) / 60, 2),
            "complete": not any(row["status"] in ("failed", "stopped") for row in rows.values())}


def _turns(training: TrainingStatus, end: float, progress: Callable[[int, int, str], None]) -> Iterator[dict[str, Any]]:
    """Train one recipe after the other until `end` (`time.monotonic`), yielding the row of each."""
    left = {name: need for name in training.recipes if (need := training.lacking(name))}
    if not left:                                                   # all have what they need: everyone gets better
        left = {name: training.expected(name) for name in training.recipes if not training.used_by(name)}
    for name in training.recipes:
        if name not in left:
            user = training.used_by(name)
            yield training.row(name, "skipped", f"{user} has gone on from it." if user else f"It has enough: {training.seen(name)}.")
    stopped = False
    while left:
        name, rest = next(iter(left)), (end - time.monotonic()) / 60
        awaited = {other: training.awaited(other) for other in left}
        possible = {other: need for other, need in left.items() if all(first in left for first in awaited[other])}
        del left[name]
        if stopped:
            yield training.row(name, "skipped", "The training was stopped.")
        elif name not in possible:
            first = awaited[name][0]
            yield training.row(name, "skipped", f"It begins with {first}, which is not far enough ({training.seen(first)}).")
        elif rest <= 0:
            yield training.row(name, "skipped", "No time was left.")
        else:
            until = time.monotonic() + 60 * divide(rest, possible, awaited)[name]
            row = _turn(training, name, until, any(name in firsts for firsts in awaited.values()), progress)
            stopped = row["status"] == "stopped"
            yield row


def _turn(training: TrainingStatus, name: str, until: float, awaited: bool, progress: Callable[[int, int, str], None]) -> dict[str, Any]:
    """Train one recipe, no longer than it needs if another waits for it; whatever goes wrong is told in its row."""
    before, recipe = training.counters(name), training.recipes[name]
    args = recipe.arguments(training.cuda, resumed=before["step"] > 0)
    if awaited:
        args.steps = before["step"] + max(1, math.ceil((recipe.images - before["images"]) / args.batch))
    status, why = "trained", ""
    try:
        trainer.run(args, training.paths, lambda done, total, text: progress(done, total, f"{text} · {name}"), until)
    except trainer.OutOfTime as error:
        status, why = "skipped", str(error)
    except sentences() as error:
        status, why = "failed", sentence(error)
    except KeyboardInterrupt:
        status, why = "stopped", "It was stopped and saved; the next call goes on."
    except Exception as error:                                     # the others go on, whatever it was
        log.exception("The recipe %s failed.", name)
        status, why = "failed", f"It ended with {type(error).__name__}: {error}"
    return training.row(name, status, why, before["images"])


def listing(paths: Paths) -> dict[str, Any]:
    """The recipes with what a data folder and the bundled models have of them, and which is furthest below what is expected."""
    from app.drawing.weights import Weights
    from app.models.models import Models
    training = TrainingStatus(paths, cuda=False)
    cards = {model.name: model.card for model in Models(Weights(paths.runs, paths.models)).views() if model.source == "bundled"}
    rows = [training.row(r.name, training.status(r.name), trainer.damage(paths.runs / r.name))
            | {"family": r.family, "needs": list(r.init_from), "cpu_minutes": r.cpu, "gpu_minutes": r.gpu, "expected_images": r.images,
               "share": round(training.done(r.name), 3), "bundled": figures(cards[r.bundled]) if r.bundled in cards else None}
            for r in RECIPES]
    weakest = min(training.recipes, key=lambda name: (training.done(name), -training.expected(name)))
    return {"recipes": rows, "weakest": weakest, "why": f"{training.seen(weakest)}."}


def figures(card: str) -> dict[str, str]:
    """What a model card says: images seen, minutes, and the first line of what was measured."""
    def rows(text: str) -> list[list[str]]:
        return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]

    facts = {row[0]: row[1] for row in rows(card) if len(row) == 2 and row[0] in ("images seen", "minutes")}
    measured = rows(card.partition("## Measured")[2])
    return facts | (dict(zip(measured[0], measured[2], strict=False)) if len(measured) > 2 else {})


def table(listed: dict[str, Any]) -> str:
    """A listing for people."""
    lines = [["recipe", "family", "begins with", "minutes cpu / gpu", "images here", "minutes here", "what ships of it"]]
    for row in listed["recipes"]:
        shipped = row["bundled"] or {}
        lines.append([row["recipe"], row["family"], ", ".join(row["needs"]) or "-", f"{row['cpu_minutes']:g} / {row['gpu_minutes']:g}",
                      f"{row['images']:,} of {row['expected_images']:,}", f"{row['minutes']:g}",
                      " · ".join(f"{shipped[key]} {key}" for key in ("images seen", "one object", "two objects") if key in shipped) or "-"])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
    damaged = "".join(f"\n{row['recipe']}: {row['why']}" for row in listed["recipes"] if row["why"])
    return f"{text}{damaged}\nweakest: {listed['weakest']}, {listed['why']}"
