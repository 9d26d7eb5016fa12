"""Networks small enough for tests: random weights, the real classes."""
from __future__ import annotations

from dataclasses import asdict
from typing import TypeVar

import torch

from pipelines import registry
from pipelines.dalle.network import DALLEConfig
from pipelines.dalle.scorer import ScorerConfig
from pipelines.data.shapes.tokenizer import LENGTH, tokenizer
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.engine.precision import keyed
from pipelines.gan.network import GANConfig
from pipelines.nets.codes import CodesConfig
from pipelines.nets.denoiser import DenoiserConfig
from pipelines.nets.text import TextConfig
from pipelines.nets.transformer import TransformerConfig
from pipelines.nets.unet import UNetConfig
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Net, NetKey
from pipelines.vqvae.network import VQVAEConfig

N = TypeVar("N", bound=torch.nn.Module)
TEXT = TextConfig(tokenizer().vocabulary, LENGTH, width=16, layers=1, heads=2)
UNET = UNetConfig(widths=(8, 16), heads=2, context=16, emb=16)
# A grey level of pictures in [-1, 1]: no one sees less. Batches of other sizes round otherwise, in fp32 by four orders less than this;
# what another seed or condition does is far more.
LEVEL = 2 / 255


def untrained(family: str, unet: UNetConfig = UNET) -> torch.nn.Module:
    """A network of any family, as its training would begin."""
    torch.manual_seed(0)
    if family == "diffusion":
        return DiffusionNet(DiffusionConfig(TEXT, unet, NoiseSchedule("cosine"), "v"))
    training, codes = asdict(registry.face(family).network()), CodesConfig(16, 8, (16, 16))
    configs = {"vqvae": VQVAEConfig(codes, TransformerConfig(64, 32, 1, 2), training=training),
               "dalle": DALLEConfig(codes, width=32, layers=1, heads=2, scorer=ScorerConfig(TEXT, width=8), training=training),
               "gan": GANConfig(TEXT, latent=8, width=16, heads=2, training=training)}
    return registry.family(family).build(configs.get(family, DenoiserConfig(TEXT, unet, training=training)).to_dict())


def nets_of(family: str, net: torch.nn.Module, weights: str = "t") -> dict[NetKey, Net]:
    """What samplers of a family may call, in fp32 on every processor."""
    described = registry.family(family)
    return keyed(weights, net, described.methods, torch.device("cpu"), described.memory(net), own_dtype=True)


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
