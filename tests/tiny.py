"""A diffusion network small enough for tests: random weights, the real classes."""
from __future__ import annotations

import torch

from pipelines.data.tokenizer import LENGTH, tokenizer
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.nets.text import TextConfig
from pipelines.nets.unet import UNetConfig
from pipelines.numerics.schedules import NoiseSchedule


def tiny_diffusion(prediction: str = "v", schedule: str = "cosine") -> DiffusionNet:
    torch.manual_seed(0)
    config = DiffusionConfig(
        TextConfig(tokenizer().vocabulary, LENGTH, width=16, layers=1, heads=2),
        UNetConfig(widths=(8, 16), heads=2, context=16, emb=16), NoiseSchedule(schedule), prediction)
    net = DiffusionNet(config)
    for p in net.parameters():          # the zero-initialised layers too, so that the network does something
        torch.nn.init.normal_(p, std=0.05) if p.dim() > 1 else None
    return net.eval()
