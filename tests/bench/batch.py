"""Rows per second of the bundled network by batch size, with all cores in every layer and with rows shared among the cores by the engine;
sizes and ways interleaved so that a drifting machine hits all alike."""
from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from app.device.device import choose_device, threads
from pipelines.data.shapes.tokenizer import tokenizer
from pipelines.engine import Engine
from pipelines.protocol import Call, Cond, NetKey, Sampler
from weights.catalog import entries
from weights.load import load

SIZES, ROUNDS = (1, 2, 4, 8, 16, 32, 64), 7


def run() -> dict[str, Any]:
    device = choose_device()
    _, loaded = load(next(e for e in entries() if e.metadata["family"] == "diffusion"), device)
    net: Any = loaded
    key = NetKey("bench", "predict")
    engine = Engine({key: net.predict}, device, cores=threads())

    def once(x: Tensor, t: Tensor, cond: Cond) -> Sampler:
        (answer,) = yield (Call(key, x, t, cond),)
        return answer

    ways: dict[str, Callable[..., Any]] = {"plain": net.predict, "shared": lambda *batch: engine.submit(once(*batch)).result()}
    times: dict[tuple[str, int], list[float]] = {(way, size): [] for way in ways for size in SIZES}
    with torch.inference_mode():
        cond = {size: net.encode(tokenizer().batch(["a red star"] * size).to(device)) for size in SIZES}
        for turn in range(ROUNDS + 1):
            for size in SIZES:
                x, t = torch.randn(size, 3, 32, 32, device=device), torch.full((size,), 500.0, device=device)
                for way, predict in ways.items():
                    begin = time.perf_counter()
                    predict(x, t, cond[size])
                    if device.type == "cuda":
                        torch.cuda.synchronize()
                    if turn:                                         # the first round warms up
                        times[way, size].append(time.perf_counter() - begin)
    engine.close()
    rates = {way: {size: size / statistics.median(times[way, size]) for size in SIZES} for way in ways}
    best = max(SIZES, key=lambda size: rates["shared"][size])
    return {"ours": rates["shared"][best], "peer": rates["plain"][8], "ratio": rates["shared"][best] / rates["plain"][8],
            "unit": f"rows/s: batch {best} shared among the cores, against batch 8 (4 images with guidance) as it is",
            "rows_per_second": {way: {size: round(rate) for size, rate in by_size.items()} for way, by_size in rates.items()}}
