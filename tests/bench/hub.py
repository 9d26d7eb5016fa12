"""A Stable Diffusion with random weights: our engine against the library's own pipeline, for one picture and for a compare grid.

On a GPU the UNet and its latents are those of Stable Diffusion 1.5 at 512 x 512 pixels; on a CPU both are small. The VAE and
the text encoder are small on both, since it is the loop that is compared.
"""
from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from app.device.device import choose_device, threads
from pipelines.engine import Engine
from pipelines.engine.graphs import graphed
from pipelines.engine.precision import keyed
from pipelines.hub.load import load
from pipelines.hub.model import HubModel
from pipelines.hub.schedulers import scheduler_for
from pipelines.registry import face
from pipelines.request import Request
from tests.bench.engine import timed

SAMPLERS, STEPS, IMAGES, ROUNDS = ("ddim", "euler", "dpmpp_2m", "unipc"), (5, 10, 15, 20), 2, 3
PROMPT, GUIDANCE = "a photo of a red cat", 7.5


def run() -> dict[str, Any]:
    """Both sides in turn, ROUNDS times; times are medians, ratios are medians of the rounds."""
    device = choose_device()
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    with tempfile.TemporaryDirectory() as folder:
        pipe = built(Path(folder), device.type == "cuda").to(device, dtype)
        net = load("sd", Path(folder), device, dtype)
    nets = keyed("hub", net, net.drawing.methods, device, own_dtype=True)
    engine = Engine(graphed(nets, device), device, cores=threads())
    one, grid = [asked("dpmpp_2m", 20, 1)], [asked(name, steps, IMAGES) for name in SAMPLERS for steps in STEPS]
    sides: dict[str, Callable[[list[Request]], list[Tensor]]] = {
        "peer": lambda requests: [peer(pipe, net, request) for request in requests],
        "ours": lambda requests: [job.result() for job in [engine.submit(net.drawing.start(r, "hub", net, device)) for r in requests]]}
    found: dict[str, Any] = {}
    for what, requests in (("one image", one), ("grid", grid)):
        times: dict[str, list[float]] = {name: [] for name in sides}
        for turn in range(ROUNDS + 1):                                        # the first warms up
            drawn = {}
            for name, side in sides.items():
                seconds, drawn[name] = timed(lambda side=side, requests=requests: side(requests))      # type: ignore[misc]
                if turn:
                    times[name].append(seconds)
        apart = max(float((a.clamp(-1, 1) - b).abs().max()) for a, b in zip(drawn["ours"], drawn["peer"], strict=True))
        found[what] = {name: statistics.median(seconds) for name, seconds in times.items()} | {
            "ratio": statistics.median(p / o for p, o in zip(times["peer"], times["ours"], strict=True)), "difference": apart}
    engine.close()
    return {**{name: found["grid"][name] for name in sides}, "ratio": found["grid"]["ratio"],
            "unit": f"s for a grid of {len(SAMPLERS)} samplers x {len(STEPS)} step counts x {IMAGES} images", "cases": found,
            "parameters": sum(p.numel() for p in net.unet.parameters()), "dtype": str(dtype)}


def asked(sampler: str, steps: int, count: int) -> Request:
    options = face("diffusion").samplers[sampler].options(steps=steps, spacing="leading", clip=False)
    return Request("diffusion", "hub", sampler, options, PROMPT, adapter="sd", guidance_scale=GUIDANCE, seed=7, count=count)


def peer(pipe: Any, net: HubModel, request: Request) -> Tensor:
    """The library's pipeline, a cell at a time, from the same noise."""
    pipe.scheduler = scheduler_for(net.scheduler, request.sampler, request.options)
    pictures = pipe(request.prompt, num_images_per_prompt=request.count, guidance_scale=request.guidance_scale,
                    num_inference_steps=request.options.steps, output_type="pt",
                    generator=[torch.Generator().manual_seed(seed) for seed in request.seeds]).images
    return 2 * pictures.float() - 1


def built(folder: Path, large: bool) -> Any:
    """The pipeline, saved in a folder too."""
    from diffusers import UNet2DConditionModel

    from tests.weights import tiny_models
    pipe = tiny_models.sd(folder)
    torch.manual_seed(0)
    kinds: dict[str, Any] = {"sample_size": 64, "cross_attention_dim": 32} if large else {
        "sample_size": 16, "cross_attention_dim": 32, "layers_per_block": 1, "block_out_channels": (64, 128),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D")}
    pipe.unet = UNet2DConditionModel(**kinds).eval()
    pipe.save_pretrained(folder)
    pipe.set_progress_bar_config(disable=True)
    return pipe


if __name__ == "__main__":
    print(run())
