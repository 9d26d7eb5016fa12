"""Networks small enough for tests: random weights, the real classes."""
from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, TypeVar

import torch

from pipelines import registry
from pipelines.dalle.network import DALLEConfig
from pipelines.dalle.scorer import ScorerConfig
from pipelines.data import dataset
from pipelines.data.contract import DataSet
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.engine.precision import keyed
from pipelines.gan.network import GANConfig
from pipelines.nets.codes import CodesConfig
from pipelines.nets.config import sizes_of
from pipelines.nets.denoiser import DenoiserConfig
from pipelines.nets.text import TextConfig
from pipelines.nets.transformer import TransformerConfig
from pipelines.nets.unet import UNetConfig
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Net, NetKey
from pipelines.vqvae.network import VQVAEConfig

N = TypeVar("N", bound=torch.nn.Module)
SHAPES = dataset("shapes")
TEXT = TextConfig.of(SHAPES, width=16, layers=1, heads=2)
UNET = UNetConfig(widths=(8, 16), heads=2, context=16, emb=16)
# A grey level of pictures in [-1, 1]: no one sees less. Batches of other sizes round otherwise, in fp32 by four orders less than this;
# what another seed or condition does is far more.
LEVEL = 2 / 255


def untrained(family: str, unet: UNetConfig = UNET, data: DataSet = SHAPES) -> torch.nn.Module:
    """A network of any family, as its training on a data set would begin."""
    torch.manual_seed(0)
    text = TextConfig.of(data, width=16, layers=1, heads=2)
    if family == "diffusion":
        return DiffusionNet(DiffusionConfig(text, unet, NoiseSchedule("cosine"), "v", data.size, sizes=sizes_of(data)))
    training, codes = asdict(registry.face(family).network()), CodesConfig(16, 8, (16, 16))
    if family == "vqvae":
        prior = TransformerConfig((data.size // 4) ** 2, 32, 1, 2)
        config: Any = replace(VQVAEConfig.of(data, training), codes=codes, prior=prior)
    elif family == "dalle":
        scorer = ScorerConfig(text, data.size, width=8)
        config = replace(DALLEConfig.of(data, training), codes=codes, width=32, layers=1, heads=2, scorer=scorer)
    elif family == "gan":
        config = replace(GANConfig.of(data, training), text=text, latent=8, width=16, heads=2)
    else:
        config = replace(DenoiserConfig.of(data, training), text=text, unet=unet)
    return registry.family(family).build(config.to_dict())


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
