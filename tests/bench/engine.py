"""A whole compare grid: continuous batching against the loop that every peer runs."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from app.device import choose_device, threads
from pipelines.data.tokenizer import tokenizer
from pipelines.diffusion.family import start
from pipelines.diffusion.network import DiffusionNet
from pipelines.diffusion.solvers import make_scheduler
from pipelines.engine import Engine
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import NetKey
from pipelines.registry import face
from pipelines.request import Request
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


def peer(net: DiffusionNet, request: Request, device: torch.device) -> Tensor:
    """The plain loop: one scheduler, one batch with and without the caption, one cell at a time."""
    scheduler = make_scheduler(request.sampler, net.config.schedule, request.options)
    captions = tokenizer().batch([request.prompt] * IMAGES + [""] * IMAGES).to(device)
    with torch.inference_mode():
        cond = net.encode(captions)
        x = RowNoise(request.seeds, (3, 32, 32), device).normal() * float(scheduler.init_noise_sigma)
        for t in scheduler.timesteps:
            x_t = scheduler.scale_model_input(x, t)
            eps, null = net.predict(torch.cat([x_t, x_t]), torch.full((2 * IMAGES,), float(t), device=device), cond).chunk(2)
            x = scheduler.step(null + request.guidance_scale * (eps - null), t, x).prev_sample
    return x


def ours(net: DiffusionNet, engine: Engine, requests: list[Request]) -> tuple[list[Tensor], list[Any]]:
    jobs = [engine.submit(start(request, "w", net, engine.device)) for request in requests]
    return [job.result() for job in jobs], jobs


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    begin = time.perf_counter()
    result = work()
    return time.perf_counter() - begin, result


def run() -> dict[str, Any]:
    """Both sides in turn, ROUNDS times; times are medians, the ratio is the median of the pairs."""
    device = choose_device()
    _, net = load(next(e for e in entries() if e.metadata["family"] == "diffusion"), device)
    assert isinstance(net, DiffusionNet)
    engine = Engine({NetKey("w", "encode"): net.encode, NetKey("w", "predict"): net.predict}, device, cores=threads())
    requests = grid()
    short = [replace(r, options=replace(r.options, steps=5)) for r in requests]
    for request in short[::4]:
        peer(net, request, device)
    ours(net, engine, short)                                         # warm-up of both sides, and of the batch sizes
    ratios, ours_seconds, peer_seconds, worst = [], [], [], 0.0
    for _ in range(ROUNDS):
        busy, network = engine.stats.busy, engine.stats.network
        seconds_peer, pictures_peer = timed(lambda: [peer(net, r, device) for r in requests])
        seconds_ours, (pictures_ours, jobs) = timed(lambda: ours(net, engine, requests))
        outside = 1 - (engine.stats.network - network) / (engine.stats.busy - busy)
        ratios.append(seconds_peer / seconds_ours)
        ours_seconds.append(seconds_ours)
        peer_seconds.append(seconds_peer)
        worst = max(worst, *((a - b).abs().max().item() for a, b in zip(pictures_ours, pictures_peer, strict=True)))
    nfe = sum(job.stats.nfe for job in jobs)
    rates = {size: round(rate) for group in engine._groups.values() for size, rate in sorted(group.rate.items())}
    engine.close()
    images = len(requests) * IMAGES
    return {"ours": statistics.median(ours_seconds), "peer": statistics.median(peer_seconds),
            "ratio": statistics.median(ratios), "ratios": ratios, "unit": "s per grid", "cells": len(requests),
            "images": images, "nfe": nfe, "images_per_second": images / statistics.median(ours_seconds),
            "outside_network_share": outside, "largest_difference": worst, "rows_per_second_by_batch": rates}
