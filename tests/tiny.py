"""Networks small enough for tests: random weights, the real classes."""
from __future__ import annotations

from dataclasses import asdict
from typing import TypeVar

import torch

from pipelines import registry
from pipelines.data.tokenizer import LENGTH, tokenizer
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.nets.denoiser import DenoiserConfig
from pipelines.nets.text import TextConfig
from pipelines.nets.unet import UNetConfig
from pipelines.numerics.schedules import NoiseSchedule

N = TypeVar("N", bound=torch.nn.Module)
TEXT = TextConfig(tokenizer().vocabulary, LENGTH, width=16, layers=1, heads=2)
UNET = UNetConfig(widths=(8, 16), heads=2, context=16, emb=16)


def untrained(family: str, unet: UNetConfig = UNET) -> torch.nn.Module:
    """A network of any family, as its training would begin."""
    torch.manual_seed(0)
    if family == "diffusion":
        return DiffusionNet(DiffusionConfig(TEXT, unet, NoiseSchedule("cosine"), "v"))
    return registry.family(family).build(DenoiserConfig(TEXT, unet, training=asdict(registry.face(family).network())).to_dict())


def tiny(family: str) -> torch.nn.Module:
    """A network of any family."""
    return _random(untrained(family))


def tiny_diffusion(prediction: str = "v", schedule: str = "cosine") -> DiffusionNet:
    torch.manual_seed(0)
    return _random(DiffusionNet(DiffusionConfig(TEXT, UNET, NoiseSchedule(schedule), prediction)))


def _random(net: N) -> N:
    """The zero-initialised layers too, so that the network does something."""
    for p in net.parameters():
        torch.nn.init.normal_(p, std=0.05) if p.dim() > 1 else None
    return net.eval()
