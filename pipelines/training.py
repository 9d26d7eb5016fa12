"""One training loop for all families: time-boxed, resumable after kill -9, averaging the weights (EMA)."""
from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Generator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from pipelines.data.dataset import Batch, Shapes, feed
from pipelines.precision import fast_bf16

Loss = Callable[[nn.Module, Batch, torch.Generator], Tensor]


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
    workers: int = 1               # processes that render images
    pairs: float = 0.5             # share of the images that show two things
    compile: bool = False          # by torch.compile, which needs a C++ compiler on the machine
    save_every: float = 60.0       # seconds between checkpoints
    keep: int = 0                  # a checkpoint at every so-manieth step too, for its weights to be kept; 0: none


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
          size: int, data: Shapes | None = None, betas: tuple[float, float] = (0.9, 0.99),
          fp32: bool = False) -> Generator[Progress, None, None]:
    """Train `net` in place, yielding after every step; `run` holds the checkpoint and is resumed if it has one.

    data: what to learn from; None: pictures of `size` pixels, rendered as they are needed.

    Closing the iterator stops the run after saving. What a step draws depends on (seed, step) alone, so a resumed
    run sees the same data and noise as an uninterrupted one.
    """
    run.mkdir(parents=True, exist_ok=True)
    net.to(device, memory_format=torch.channels_last).train()                    # type: ignore[call-overload]
    ema = {name: p.detach().clone() for name, p in net.named_parameters()}
    optimizers = _optimizers(net, options, betas)
    state = _resume(run, net, ema, optimizers)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=not fp32 and fast_bf16(device))
    for part in net.children() if options.compile else ():
        part.compile()
    begin, saved = time.monotonic() - state["seconds"], time.monotonic()
    data = data or Shapes("train", options.seed, size, options.pairs)

    def used() -> float:
        """The share of the budget that is gone."""
        minutes = (time.monotonic() - begin) / (60 * options.minutes)
        return minutes if options.steps is None else max(minutes, state["step"] / options.steps)

    first = used() if options.lr_schedule == "restarts" else 0.0
    try:
        for batch in feed(data, options.batch, state["images"], options.workers):
            done = used()
            if done >= 1:
                break
            lr = _learning_rate(options, state["step"], (done - first) / (1 - first))
            for group in (group for optimizer in optimizers for group in optimizer.param_groups):
                group["lr"] = lr
            rng = torch.Generator().manual_seed(options.seed * 1_000_003 + state["step"])
            with autocast:
                value = loss(net, batch.to(device), rng)
            net.zero_grad(set_to_none=True)
            value.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            for optimizer in optimizers:
                optimizer.step()
            state["step"] += 1
            state["images"] += options.batch
            decay = min(options.ema, (1 + state["step"]) / (10 + state["step"]))
            with torch.no_grad():
                torch._foreach_lerp_(list(ema.values()), [p.detach() for p in net.parameters()], 1 - decay)
            state["loss"] = value.item() if state["loss"] is None else 0.98 * state["loss"] + 0.02 * value.item()
            state["seconds"] = time.monotonic() - begin
            if time.monotonic() - saved > options.save_every or (options.keep and state["step"] % options.keep == 0):
                _save(run, net, ema, optimizers, state)
                saved = time.monotonic()
            yield Progress(state["step"], state["images"], state["seconds"], state["loss"], lr,
                           state["images"] / state["seconds"])
    finally:
        _save(run, net, ema, optimizers, state)
        (run / "options.json").write_text(json.dumps(asdict(options), indent=1))
    with torch.no_grad():
        for name, p in net.named_parameters():
            p.copy_(ema[name])
    net.eval()


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


def _save(run: Path, net: nn.Module, ema: dict[str, Tensor], optimizers: list[torch.optim.Optimizer], state: dict) -> None:
    """Write net, EMA, optimiser and counters as one safetensors file: temporary, fsync, rename."""
    tensors = {f"net/{name}": p.detach() for name, p in net.named_parameters()}
    tensors |= {f"ema/{name}": p for name, p in ema.items()}
    moments = {p: values for optimizer in optimizers for p, values in optimizer.state.items()}
    for name, p in net.named_parameters():
        tensors |= {f"{key}/{name}": value for key, value in moments.get(p, {}).items() if value.dim() > 0}
    path = run / "checkpoint.safetensors"
    temporary = path.with_suffix(".part")
    save_file({k: v.contiguous().cpu() for k, v in tensors.items()}, temporary, metadata={"state": json.dumps(state)})
    with open(temporary, "rb+") as file:
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _resume(run: Path, net: nn.Module, ema: dict[str, Tensor], optimizers: list[torch.optim.Optimizer]) -> dict:
    path = run / "checkpoint.safetensors"
    if not path.exists():
        return {"step": 0, "images": 0, "seconds": 0.0, "loss": None}
    with safe_open(path, "pt") as file, torch.no_grad():
        state, held = json.loads(file.metadata()["state"]), set(file.keys())
        names = {p: name for name, p in net.named_parameters()}
        for p, name in names.items():
            p.copy_(file.get_tensor(f"net/{name}"))
            ema[name].copy_(file.get_tensor(f"ema/{name}"))
        for optimizer in optimizers:
            muon = isinstance(optimizer, torch.optim.Muon)
            kept = ("momentum_buffer",) if muon else ("exp_avg", "exp_avg_sq")
            for p in (p for group in optimizer.param_groups for p in group["params"] if p.requires_grad):
                if f"{kept[0]}/{names[p]}" in held:            # another optimizer's moments are of no use
                    moments = {key: file.get_tensor(f"{key}/{names[p]}").to(p.device) for key in kept}
                    optimizer.state[p] = moments if muon else {"step": torch.tensor(float(state["step"])), **moments}
    return state


def averaged(run: Path) -> tuple[dict[str, Tensor], dict]:
    """The EMA weights of a run and its counters ("step", "images", "seconds", "loss")."""
    with safe_open(run / "checkpoint.safetensors", "pt") as file:
        weights = {key[4:]: file.get_tensor(key) for key in list(file.keys()) if key.startswith("ema/")}
        return weights, json.loads(file.metadata()["state"])
