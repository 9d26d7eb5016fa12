"""The diffusion family (Ho et al. 2020) as the rest of the program sees it."""
from __future__ import annotations

import torch
from torch import Tensor, nn

from pipelines.data.batches import Batch, batches
from pipelines.data.contract import DataSet
from pipelines.diffusion import objective
from pipelines.diffusion.latent import decoded
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.diffusion.options import NetworkOptions
from pipelines.diffusion.toy2d import TOY2D
from pipelines.family import Family, Stage
from pipelines.metrics.distance import psnr
from pipelines.nets import autoencoder
from pipelines.nets.autoencoder import AutoencoderConfig
from pipelines.nets.conditioning import predictor, training_pair
from pipelines.nets.config import built, sizes_of
from pipelines.nets.text import TextConfig
from pipelines.nets.unet import UNetConfig
from pipelines.numerics.guidance import clipped
from pipelines.numerics.rng import RowNoise, import_paths
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import NetKey, Sampler, asked
from pipelines.request import Request

LATENT_RANGE = 8.0                 # the bundled autoencoder's latents of 512 pictures lie within 7.95 (unit variance, long tails)


def fresh(options: NetworkOptions, data: DataSet) -> DiffusionNet:
    """A new network that has learnt nothing yet."""
    text, schedule = TextConfig.of(data), NoiseSchedule(options.noise_schedule)
    if options.space == "pixels":
        return DiffusionNet(DiffusionConfig(text, schedule=schedule, prediction=options.prediction, size=data.size,
                                            sizes=sizes_of(data)))
    latent = AutoencoderConfig()
    unet, size = UNetConfig(latent.channels, fold=1), data.latent_size or data.size
    return DiffusionNet(DiffusionConfig(text, unet, schedule, options.prediction, size, latent))


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The family's objective on a batch of pictures, or of their latents."""
    assert isinstance(net, DiffusionNet)
    x0, tokens = training_pair(batch, rng)
    if net.autoencoder is not None:
        with torch.no_grad():
            x0 = net.autoencoder.encode(x0)
    return objective.loss(net, x0, net.encode(tokens), rng)


def reconstruction(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    """The autoencoder's own objective, which comes before the other."""
    assert isinstance(net, DiffusionNet) and net.autoencoder is not None
    return autoencoder.loss(net.autoencoder, batch.x0.contiguous(memory_format=torch.channels_last), rng)


def figures(net: nn.Module, data: DataSet) -> dict[str, float]:
    """Of a latent model: PSNR in dB of 128 test pictures that went through its latents."""
    assert isinstance(net, DiffusionNet)
    if net.autoencoder is None:
        return {}
    batch = next(batches(data, "test", 0, net.config.at(data).size, 128)).to(next(net.parameters()).device)
    with torch.inference_mode():
        back = net.autoencoder.decode(net.autoencoder.encode(batch.x0)).clamp(-1, 1)
        return {"psnr": psnr(back, batch.x0).mean().item()}


def ready(request: Request, net: nn.Module) -> None:
    """Import what the sampler's noise is made with."""
    if request.sampler in ("dpmpp_sde", "dpmpp_2m_sde"):
        import_paths()


def start(request: Request, weights: str, net: nn.Module, device: torch.device, source: Tensor | None = None,
          previews: bool = True) -> Sampler:
    """The sampler of a request: reads the captions, draws x_T, then hands over to the chosen algorithm.

    source: a picture (3, H, W) in [-1, 1] to start from in place of noise, as far as the strength says (SDEdit, Meng et al. 2022).
    previews: whether anyone looks at the estimates on the way, which a latent model has to decode.
    """
    assert isinstance(net, DiffusionNet)
    schedule = net.config.schedule
    eps_theta = yield from predictor(request, weights, device)
    if request.options.clip:
        eps_theta = clipped(eps_theta, schedule, 1.0 if net.autoencoder is None else LATENT_RANGE)
    noise = RowNoise(request.seeds, net.config.at(request.data).shape, device)
    x0 = None if source is None else (yield from asked(NetKey(weights, "embed"), source[None]))[0]
    sampler = request.spec(eps_theta, noise.normal(), noise, schedule, request.options, x0)
    return (yield from sampler if net.autoencoder is None else decoded(sampler, NetKey(weights, "decode"), previews))


FAMILY = Family(build=built(DiffusionNet, DiffusionConfig), fresh=fresh, loss=loss, start=start, ready=ready, toy2d=TOY2D,
                methods=("encode", "embed", "predict", "decode"), figures=figures, previews_cost=True,
                stages={"autoencoder": Stage(reconstruction, "autoencoder.")})
