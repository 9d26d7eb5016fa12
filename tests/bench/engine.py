"""A whole compare grid: continuous batching against the loop that every peer runs.

Each side runs in fp32, where both must draw the same pictures, and in the device's fast precision, in which the engine
works unless told otherwise and diffusers' loop only if its user asks for it.
"""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from app.device.device import choose_device, threads
from pipelines.data.shapes.tokenizer import tokenizer
from pipelines.diffusion.family import start
from pipelines.diffusion.network import DiffusionNet
from pipelines.engine import Engine
from pipelines.engine.graphs import graphed
from pipelines.engine.precision import keyed
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Net, NetKey
from pipelines.registry import face
from pipelines.request import Request
from tests.pipelines.diffusion.library import make_scheduler
from weights.catalog import entries
from weights.load import load

SAMPLERS = ("euler", "heun", "dpmpp_2m", "unipc", "deis", "lms")     # deterministic: both sides must draw the same
STEPS = (5, 10, 20, 50)
IMAGES, ROUNDS = 4, 3


def grid() -> list[Request]:
    specs = face("diffusion").samplers
    return [Request("diffusion", "", name, specs[name].options(steps=steps, clip=False),
                    prompt="a large red star above a small blue ring", seed=7, count=IMAGES)
            for name in SAMPLERS for steps in STEPS]


def peer(net: DiffusionNet, predict: Net, request: Request, device: torch.device) -> Tensor:
    """The plain loop: one scheduler, one batch with and without the caption, one cell at a time."""
    scheduler = make_scheduler(request.sampler, net.config.schedule, request.options)
    captions = tokenizer().batch([request.prompt] * IMAGES + [""] * IMAGES).to(device)
    with torch.inference_mode():
        cond = net.encode(captions)
        x = RowNoise(request.seeds, (3, 32, 32), device).normal() * float(scheduler.init_noise_sigma)
        for t in scheduler.timesteps:
            x_t = scheduler.scale_model_input(x, t)
            eps, null = predict(torch.cat([x_t, x_t]), torch.full((2 * IMAGES,), float(t), device=device), cond).chunk(2)
            x = scheduler.step(null + request.guidance_scale * (eps - null), t, x).prev_sample
    return x


def ours(net: DiffusionNet, weights: str, engine: Engine, requests: list[Request]) -> tuple[list[Tensor], list[Any]]:
    jobs = [engine.submit(start(request, weights, net, engine.device)) for request in requests]
    return [job.result() for job in jobs], jobs


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def run() -> dict[str, Any]:
    """All sides in turn, ROUNDS times; times are medians, ratios are medians of the rounds."""
    device = choose_device()
    _, net = load(next(e for e in entries() if e.metadata["family"] == "diffusion"), device)
    assert isinstance(net, DiffusionNet)
    methods = ("encode", "predict")
    quick = keyed("fast", net, methods, device)
    exact = {NetKey("fp32", method): getattr(net, method) for method in methods}
    engine = Engine(graphed(quick | exact, device), device, cores=threads())
    requests = grid()
    sides: dict[str, Callable[[list[Request]], Any]] = {
        "peer": lambda cells: ([peer(net, net.predict, r, device) for r in cells], []),
        "peer in fast precision": lambda cells: ([peer(net, quick[NetKey("fast", "predict")], r, device) for r in cells], []),
        "ours in fp32": lambda cells: ours(net, "fp32", engine, cells),
        "ours": lambda cells: ours(net, "fast", engine, cells)}
    short = [replace(r, options=replace(r.options, steps=5)) for r in requests]
    for side in sides.values():                                      # warm-up of all sides, and of the batch sizes
        side(short)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    pictures: dict[str, Tensor] = {}
    outside, jobs = [], []
    for _ in range(ROUNDS):
        for name, side in sides.items():
            busy, network = engine.stats.busy, engine.stats.network
            took, (drawn, jobs) = timed(lambda side=side: side(requests))
            seconds[name].append(took)
            pictures[name] = torch.cat(drawn)
        # Of the side that ran last, ours.
        outside.append(1 - (engine.stats.network - network) / (engine.stats.busy - busy))
    nfe = sum(job.stats.nfe for job in jobs)
    rates = {key[0].weights: {size: round(rate) for size, rate in sorted(group.rate.items())}
             for key, group in engine._groups.items() if key[0].method == "predict"}
    engine.close()
    images, took = len(requests) * IMAGES, {name: statistics.median(values) for name, values in seconds.items()}
    ratio = {name: [theirs / mine for theirs, mine in zip(seconds[one], seconds[other], strict=True)] for name, (one, other) in {
        "as shipped": ("peer", "ours"), "both in fp32": ("peer", "ours in fp32"),
        "both in fast precision": ("peer in fast precision", "ours")}.items()}
    return {"ours": took["ours"], "peer": took["peer"], "ratio": statistics.median(ratio["as shipped"]), "unit": "s per grid",
            "ratios": ratio, "seconds": took, "cells": len(requests), "images": images, "nfe": nfe,
            "images_per_second": images / took["ours"], "outside_network_share": statistics.median(outside),
            "differences_from_peer": {name: _difference(pictures[name], pictures["peer"]) for name in ("ours", "ours in fp32")},
            "rows_per_second_by_batch": rates}


def _difference(a: Tensor, b: Tensor) -> dict[str, float]:
    """Of pictures in [-1, 1], where 0.0078 is one grey level of 255."""
    d = (a - b).abs()
    return {"mean": d.mean().item(), "largest": d.max().item()}
