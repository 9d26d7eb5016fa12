"""One training loop for all families: time-boxed, resumable after kill -9, averaging the weights (EMA)."""
from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from pipelines.data.batches import Batch, Items, feed
from pipelines.engine.precision import fast_bf16
from pipelines.files import unwritten, write_whole
from pipelines.training.counters import BEGIN, counters

CHECKPOINT, BEST = "checkpoint.safetensors", "best.safetensors"
Loss = Callable[[nn.Module, Batch, torch.Generator], Tensor]


class TrainingError(Exception):
    """Training that cannot go on; the message is one sentence for the user."""


@dataclass(frozen=True)
class TrainOptions:
    """How to train, whatever the family."""
    minutes: float = 60.0          # wall-clock budget over all resumptions
    steps: int | None = None       # stop after this many optimiser steps, if earlier
    batch: int = 16                # images per optimiser step
    lr: float = 1e-3               # peak learning rate
    lr_schedule: str = "cosine"    # over all resumptions; "restarts": from the peak again in each; or "constant"; after the warm-up
    warmup: int = 200              # optimiser steps of linear warm-up
    optimizer: str = "adamw"       # or "muon", for the matrices of a transformer's blocks; all else keeps AdamW
    ema: float = 0.9995            # decay of the averaged weights
    seed: int = 0
    workers: int = 1               # processes that make images
    pairs: float = 0.5             # share of the images that show two things, where a data set has such
    compile: bool = False          # by torch.compile, which needs a C++ compiler on the machine
    save_every: float = 60.0       # seconds between checkpoints
    keep: int = 0                  # N: a checkpoint at every N-th step too, for its weights to be kept; 0: none


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step; loss is a running mean over about 50 steps."""
    step: int
    images: int
    seconds: float
    loss: float
    lr: float
    images_per_second: float


def train(net: nn.Module, loss: Loss, options: TrainOptions, run: Path, device: torch.device,
          items: Sequence[Items], betas: tuple[float, float] = (0.9, 0.99), fp32: bool = False) -> Generator[Progress, None, None]:
    """Train `net` in place, yielding after every step; `run` holds the checkpoint and is resumed if it has one.

    items: what to learn from, made as they are needed; of several data sets a batch of each in turn.

    Closing the iterator stops the run after saving. What a step draws depends on (seed, step) alone, so a resumed
    run sees the same data and noise as an uninterrupted one.

    Raises TrainingError for a loss or gradient that is no number, for a checkpoint that cannot be read, and where none can be
    written; the last checkpoint that could be is kept, and so is the best one.
    """
    net.to(device, memory_format=torch.channels_last).train()                    # type: ignore[call-overload]
    held = _Run(run, net, _optimizers(net, options, betas))
    state = held.state
    with _written(run):
        write_whole(run / "options.json", json.dumps(asdict(options), indent=1))
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=not fp32 and fast_bf16(device))
    for part in net.children() if options.compile else ():
        part.compile()
    begin, saved = time.monotonic() - state["seconds"], time.monotonic()

    def used() -> float:
        """The share of the budget that is gone."""
        minutes = (time.monotonic() - begin) / (60 * options.minutes)
        return minutes if options.steps is None else max(minutes, state["step"] / options.steps)

    first = used() if options.lr_schedule == "restarts" else 0.0
    try:
        for batch in feed(items, options.batch, state["images"], options.workers):
            done = used()
            if done >= 1:
                break
            lr = _learning_rate(options, state["step"], (done - first) / (1 - first))
            rng = torch.Generator().manual_seed(options.seed * 1_000_003 + state["step"])
            with autocast:
                value = loss(net, batch.to(device), rng)
            held.learn(value, lr, options)
            state["seconds"] = time.monotonic() - begin
            if time.monotonic() - saved > options.save_every or (options.keep and state["step"] % options.keep == 0):
                held.save()
                saved = time.monotonic()
            yield Progress(state["step"], state["images"], state["seconds"], state["loss"], lr,
                           state["images"] / state["seconds"])
    finally:
        held.close()
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(held.ema[name])
    net.eval()


class _Run:
    """A run in memory, as its folder says: the network, its averaged weights, optimizers, counters. Raises TrainingError."""

    def __init__(self, folder: Path, net: nn.Module, optimizers: list[torch.optim.Optimizer]) -> None:
        self.folder, self.net, self.optimizers = folder, net, optimizers
        self.ema = {name: p.detach().clone() for name, p in net.named_parameters()}
        self.whole = True                    # what is in memory is worth to be saved: no step is half done, none went wrong
        if os.path.lexists(folder / CHECKPOINT):
            with _readable(folder):
                self.state = _resume(folder, net, self.ema, optimizers)
            self.kept = self.state["step"]   # of the checkpoint in the folder
        else:
            self.state, self.kept = dict(BEGIN), 0
            self.save()                      # so that there is one to go back to

    def learn(self, value: Tensor, lr: float, options: TrainOptions) -> None:
        """One step down the gradient of a loss, if both are numbers."""
        self.net.zero_grad(set_to_none=True)
        value.backward()
        norm = nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        loss, state = value.item(), self.state
        if not (math.isfinite(loss) and math.isfinite(norm.item())):
            self.whole = False
            what = "gradient is not finite" if math.isfinite(loss) else f"loss is {loss}"
            raise TrainingError(f"Training stopped at step {state['step'] + 1:,} because the {what}, which is no number; "
                                f"{self._left()}, so go on with a smaller --lr.")
        self.whole = False
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = lr
            optimizer.step()
        state["step"] += 1
        state["images"] += options.batch
        decay = min(options.ema, (1 + state["step"]) / (10 + state["step"]))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.ema.values()), [p.detach() for p in self.net.parameters()], 1 - decay)
        state["loss"] = loss if state["loss"] is None else 0.98 * state["loss"] + 0.02 * loss
        self.whole = True

    def _left(self) -> str:
        """What the folder holds, for the middle of a sentence."""
        best = self.state["best"]
        kept = f"the checkpoint of step {self.kept:,} is kept in {self.folder}"
        return kept + (f", and as {BEST} the best one, of step {best['step']:,} with a loss of {best['loss']:.4g}" if best else "")

    def save(self) -> None:
        """Write net, EMA, optimiser and counters as one safetensors file, whole or not at all; the best one twice."""
        self.whole = False                   # what cannot be written is not tried a second time
        state = self.state
        better = state["loss"] is not None and (state["best"] is None or state["loss"] < state["best"]["loss"])
        if better:
            state["best"] = {"step": state["step"], "loss": state["loss"]}
        tensors = {f"net/{name}": p.detach() for name, p in self.net.named_parameters()}
        tensors |= {f"ema/{name}": p for name, p in self.ema.items()}
        moments = {p: values for optimizer in self.optimizers for p, values in optimizer.state.items()}
        for name, p in self.net.named_parameters():
            tensors |= {f"{key}/{name}": value for key, value in moments.get(p, {}).items() if value.dim() > 0}
        content = save({k: v.contiguous().cpu() for k, v in tensors.items()}, metadata={"state": json.dumps(state)})
        with _written(self.folder, f"; the one of step {self.kept:,} is kept" if self.kept else ""):
            write_whole(self.folder / CHECKPOINT, content)
            self.kept = state["step"]
            if better:
                write_whole(self.folder / BEST, content)
        self.whole = True

    def close(self) -> None:
        """Save what was learnt since the last time."""
        if self.whole and self.state["step"] != self.kept:
            self.save()


@contextmanager
def _written(folder: Path, more: str = "") -> Generator[None, None, None]:
    """Says why something of a run could not be written. Raises TrainingError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        why, todo = unwritten(error)
        raise TrainingError(f"{folder} could not be written because {why}{more}; {todo}, and the same command goes on.") from error


@contextmanager
def _readable(folder: Path) -> Generator[None, None, None]:
    """Says why a run cannot go on from its checkpoint. Raises TrainingError."""
    path = folder / CHECKPOINT
    try:
        if not path.is_file():               # to open a pipe could wait for ever
            raise ValueError("it is not a regular file")
        yield
    except (OSError, SafetensorError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        why = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        best = f"put {BEST} in its place to go on from the best one, or " if (folder / BEST).is_file() else ""
        raise TrainingError(f"{path} is no checkpoint of this network that could be gone on with ({why}); {best}begin anew under "
                            "another --name.") from error


def _learning_rate(options: TrainOptions, step: int, done: float) -> float:
    warm = min(1.0, (step + 1) / options.warmup)
    decay = 1.0 if options.lr_schedule == "constant" else 0.5 * (1 + math.cos(math.pi * done))
    return options.lr * max(warm * decay, 0.01)


def inner_matrices(net: nn.Module) -> list[nn.Parameter]:
    """The matrices of a transformer's blocks; embeddings and what stands behind the blocks are none of them."""
    return [p for name, p in net.named_parameters() if "transformer.blocks." in name and p.dim() == 2]


def _optimizers(net: nn.Module, options: TrainOptions, betas: tuple[float, float]) -> list[torch.optim.Optimizer]:
    """AdamW for everything; or Muon (Jordan et al. 2024), which makes the update of a matrix orthogonal, for the matrices of a
    transformer's blocks, in AdamW's own units, so that one learning rate serves both (Liu et al. 2025)."""
    inner = inner_matrices(net) if options.optimizer == "muon" else []
    chosen = {id(p) for p in inner}
    rest = [p for p in net.parameters() if id(p) not in chosen]
    found: list[torch.optim.Optimizer] = [torch.optim.AdamW(rest, lr=options.lr, betas=betas, weight_decay=0.01)]
    if inner:
        found.append(torch.optim.Muon(inner, lr=options.lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"))
    return found


def _resume(run: Path, net: nn.Module, ema: dict[str, Tensor], optimizers: list[torch.optim.Optimizer]) -> dict[str, Any]:
    """Take over what a checkpoint holds; its counters. Raises many errors, see `_readable`."""
    with safe_open(run / CHECKPOINT, "pt") as file, torch.no_grad():
        state, held = counters((file.metadata() or {})["state"]), set(file.keys())
        names = {p: name for name, p in net.named_parameters()}

        def read(key: str) -> Tensor:
            found = file.get_tensor(key)
            if not found.isfinite().all():
                raise ValueError(f"{key} holds values that are no numbers")
            return found

        for p, name in names.items():
            p.copy_(read(f"net/{name}"))
            ema[name].copy_(read(f"ema/{name}"))
        for optimizer in optimizers:
            muon = isinstance(optimizer, torch.optim.Muon)
            kept = ("momentum_buffer",) if muon else ("exp_avg", "exp_avg_sq")
            for p in (p for group in optimizer.param_groups for p in group["params"] if p.requires_grad):
                if f"{kept[0]}/{names[p]}" in held:            # another optimizer's moments are of no use
                    moments = {key: read(f"{key}/{names[p]}").to(p.device) for key in kept}
                    optimizer.state[p] = moments if muon else {"step": torch.tensor(float(state["step"])), **moments}
    return state


def averaged(run: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The EMA weights of a run and its counters ("step", "images", "seconds", "loss"). Raises TrainingError."""
    with _readable(run), safe_open(run / CHECKPOINT, "pt") as file:
        weights = {key[4:]: file.get_tensor(key) for key in list(file.keys()) if key.startswith("ema/")}
        return weights, counters((file.metadata() or {})["state"])
