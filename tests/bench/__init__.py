"""Benchmarks: ours beside a peer in one run, as a ratio. Run through `launch.py bench NAME`; no timed tests."""
from __future__ import annotations

import platform
from importlib import import_module
from typing import Any

BENCHES = {
    "engine": "6 samplers x 4 step counts x 4 images: the engine against the plain scheduler loop, cell after cell",
    "grid": "whole comparisons, 12 x 6 cells with mixed calls and all six families: time outside the networks",
    "ode": "RK45 with steps of each picture's own against torchdiffeq's dopri5, which steps for the batch as a whole",
    "train": "images per second of our training loop against others: a UNet, the autoencoder of the VQ-VAE, the GAN",
    "preview": "a run that a page watches at 10 Hz against one that nobody watches",
    "decode": "64 token sequences that arrive at different times: the engine against `generate` of transformers",
    "hub": "a pretrained Stable Diffusion, random weights: the engine against the library's pipeline, one image and a grid",
    "start": "the server's start until Generate can be pressed in a browser, and where the time goes",
    "batch": "rows per second of the network by batch size: what joining calls can win at most on this device",
}


def run(name: str) -> dict[str, Any]:
    """Run one benchmark; the result has name, ours, peer, ratio, unit, machine and more."""
    return {"name": name, **import_module(f"tests.bench.{name}").run(), "machine": machine()}


def machine() -> str:
    """Device, threads and versions."""
    import torch

    from app.device.device import choose_device, describe
    return f"{describe(choose_device())}, {platform.processor() or platform.machine()}, torch {torch.__version__}"
