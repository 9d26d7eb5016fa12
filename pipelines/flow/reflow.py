"""Reflow: a second model learns the straight lines between noises and the pictures that the first makes of them.

Lines between noises and pictures taken at random cross, so the field has to bend where they do; the lines of these
couples hardly cross, and a field that hardly bends needs few steps (Liu et al. 2023, section 2.2). Guidance is part of
the couples, so the second model draws without it, with one call a step (as Meng et al. 2023 distil it).
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from pipelines.data.batches import Items, to_pixels, to_tensor
from pipelines.data.contract import DataSet
from pipelines.engine import Engine
from pipelines.engine.precision import keyed
from pipelines.files import write_whole
from pipelines.flow.options import FlowOptions
from pipelines.flow.paths import PATHS
from pipelines.flow.sampler import midpoint
from pipelines.nets.denoiser import Denoiser
from pipelines.numerics.gaussian import clipped_v, velocity
from pipelines.numerics.guidance import guided
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Call, NetKey, Sampler

CHUNK = 128                        # couples in a file
FIRST_SEED = 2**31                 # of the noises: far from the seeds that people and evaluations use
STEPS, GUIDANCE, PATH = 10, 3.0, "ot"       # of the midpoint rule, by which the first model draws
SEEDS = 2**32


def noise_of(index: int, shape: tuple[int, ...]) -> Tensor:
    """The noise (C, H, W) of a couple."""
    return RowNoise(((FIRST_SEED + index) % SEEDS,), shape).normal()[0]


def _flow(tokens: Tensor, nulls: Tensor, noise: Tensor) -> Sampler:
    """Pictures of the captions (B, L), from the noise (B, C, H, W); nulls (B, L) stand for none."""
    given, nothing = yield (Call(NetKey("first", "encode"), tokens, None, {}), Call(NetKey("first", "encode"), nulls, None, {}))
    v_theta = clipped_v(guided(NetKey("first", "predict"), given, nothing, GUIDANCE))
    return (yield from midpoint(velocity(v_theta, PATHS[PATH]), noise, PATHS[PATH], FlowOptions(STEPS, PATH)))


def draw_couples(net: nn.Module, folder: Path, count: int, items: Items, device: torch.device, cores: int) -> Iterator[int]:
    """Draw the pictures of `count` couples into files of CHUNK, without those that are there; yields how many there are."""
    assert isinstance(net, Denoiser)
    folder.mkdir(parents=True, exist_ok=True)
    shape = net.config.at(items.data).shape
    net.to(device, memory_format=torch.channels_last).eval()                     # type: ignore[call-overload]
    engine = Engine(keyed("first", net, ("encode", "predict"), device), device, cores=cores)
    try:
        for first in range(0, count, CHUNK):
            path = folder / f"{first:07d}.safetensors"
            if not path.exists():
                chosen = range(first, min(first + CHUNK, count))
                tokens = torch.stack([items.caption(k)[1] for k in chosen]).to(device)
                nulls = items.data.tokenizer().batch([""] * len(tokens)).to(device)
                noise = torch.stack([noise_of(k, shape) for k in chosen]).to(device)
                pixels = torch.from_numpy(to_pixels(engine.submit(_flow(tokens, nulls, noise)).result())).contiguous()
                write_whole(path, save({"pixels": pixels}))
            yield min(first + CHUNK, count)
    finally:
        engine.close()


class Couples(Items):
    """Captions with the couples that were drawn for them, over and over."""

    def __init__(self, folder: Path, data: DataSet, seed: int, size: int, pairs: float) -> None:
        super().__init__(data, "train", seed, size, pairs)
        self.pixels = torch.cat([load_file(path)["pixels"] for path in sorted(folder.glob("*.safetensors"))])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        k = index % len(self.pixels)
        item, tokens = self.caption(k)
        x1 = to_tensor(self.pixels[k].numpy())
        return x1, tokens, torch.tensor(item.label), noise_of(k, tuple(x1.shape))
