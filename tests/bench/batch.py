"""Rows per second of the bundled network by batch size, sizes interleaved so that a drifting machine hits all alike."""
from __future__ import annotations

import statistics
import time
from typing import Any

import torch

from app.device import choose_device
from pipelines.data.tokenizer import tokenizer
from weights.catalog import entries
from weights.load import load

SIZES, ROUNDS = (1, 2, 4, 8, 16, 32, 64), 7


def run() -> dict[str, Any]:
    device = choose_device()
    _, loaded = load(next(e for e in entries() if e.metadata["family"] == "diffusion"), device)
    net: Any = loaded
    times: dict[int, list[float]] = {size: [] for size in SIZES}
    with torch.inference_mode():
        cond = {size: net.encode(tokenizer().batch(["a red star"] * size).to(device)) for size in SIZES}
        for turn in range(ROUNDS + 1):
            for size in SIZES:
                x, t = torch.randn(size, 3, 32, 32, device=device), torch.full((size,), 500.0, device=device)
                begin = time.perf_counter()
                net.predict(x, t, cond[size])
                if device.type == "cuda":
                    torch.cuda.synchronize()
                if turn:                                             # the first round warms up
                    times[size].append(time.perf_counter() - begin)
    rates = {size: size / statistics.median(seconds) for size, seconds in times.items()}
    best = max(rates, key=lambda size: rates[size])
    return {"ours": rates[best], "peer": rates[8], "ratio": rates[best] / rates[8],
            "unit": f"rows/s at batch {best} against batch 8 (4 images with guidance)",
            "rows_per_second": {size: round(rate, 1) for size, rate in rates.items()}}
