"""Changing a picture equals the library's img2img pipelines, which are handed the latents of the picture (ours are the VAE's most
likely ones, theirs a draw)."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import diffusers
import pytest
import torch
from torch import Tensor

from pipelines.hub.model import HubModel
from pipelines.hub.schedulers import scheduler_for
from tests.pipelines.hub.models import PROMPT, ROUNDING, ask, difference, drawn, folder_of, library, loaded, seeded

pytestmark = pytest.mark.slow

SOURCE = torch.linspace(-1, 1, 32).expand(3, 32, 32) * torch.tensor([1.0, -0.5, 0.2])[:, None, None]


def latents(net: HubModel) -> Tensor:
    with torch.inference_mode():
        return net.embed(SOURCE[None], {})


def theirs(kind: str, folder: Any, net: HubModel, request: Any, scheduler: Any = None, **more: Any) -> Tensor:
    pipe = library(kind, folder)
    if scheduler is not None:
        pipe.scheduler = scheduler
    return pipe(PROMPT, image=latents(net).expand(request.count, -1, -1, -1).clone(), guidance_scale=request.guidance_scale,
                num_inference_steps=request.options.steps, **seeded(request), **more).images


@pytest.mark.parametrize("sampler", ["ddim", "ddpm", "euler", "euler_a", "heun", "dpmpp_2m", "unipc", "deis", "lms"])
@pytest.mark.parametrize("strength", [0.3, 0.6, 1.0])
def test_sd(sampler: str, strength: float) -> None:
    folder = folder_of("sd")
    net, request = loaded("sd", folder), with_strength(ask("sd", sampler, 5, spacing="leading", clip=False), strength)
    scheduler = scheduler_for(net.scheduler, sampler, request.options)
    expected = theirs("StableDiffusionImg2ImgPipeline", folder, net, request, scheduler, strength=strength)
    assert difference(drawn(request, net, SOURCE), expected) == 0


def test_sdxl() -> None:
    folder = folder_of("sdxl")
    net, request = loaded("sdxl", folder), with_strength(ask("sdxl", "euler", 5, guidance=5.0, spacing="leading", clip=False), 0.6)
    scheduler = scheduler_for(net.scheduler, "euler", request.options)
    expected = theirs("StableDiffusionXLImg2ImgPipeline", folder, net, request, scheduler, strength=0.6)
    assert difference(drawn(request, net, SOURCE), expected) <= ROUNDING


@pytest.mark.parametrize("sampler", ["euler", "heun"])
@pytest.mark.parametrize("t_start", [0.0, 0.45, 0.85])
def test_sd3(sampler: str, t_start: float) -> None:
    folder = folder_of("sd3")
    net, request = loaded("sd3", folder), ask("sd3", sampler, 5, count=2, t_start=t_start, source="its checksum")
    scheduler = diffusers.FlowMatchHeunDiscreteScheduler(shift=3.0) if sampler == "heun" else None
    expected = theirs("StableDiffusion3Img2ImgPipeline", folder, net, request, scheduler, strength=1 - t_start, num_images_per_prompt=2)
    assert difference(drawn(request, net, SOURCE), expected) <= ROUNDING


@pytest.mark.parametrize("dev", [True, False])
def test_flux(dev: bool) -> None:
    folder = folder_of("flux", guidance_embeds=dev)
    net, request = loaded("flux", folder), ask("flux", "euler", 5, guidance=3.0, size=(32, 32), t_start=0.4, source="its checksum")
    expected = theirs("FluxImg2ImgPipeline", folder, net, request, strength=0.6, width=32, height=32)
    assert difference(drawn(request, net, SOURCE), expected) == 0


@pytest.mark.parametrize("adapter,sampler", [
    ("sd3", "midpoint"), ("sd3", "rk45"), ("flux", "rk4"), ("ncsnpp", "ode_heun"), ("ddpm", "ddim"), ("ddpm", "dpmpp_sde"),
    ("ddpm", "dpmpp_2m_sde")])
def test_less_strength_keeps_more(adapter: str, sampler: str) -> None:
    """Also with solvers of our own, and in pixels; the picture that comes out is nearer to the one that went in."""
    net = loaded(adapter, folder_of(adapter))
    size = net.checked((32, 32) if adapter == "flux" else (0, 0))
    picture = torch.nn.functional.interpolate(SOURCE[None], size)[0]
    kept = net.decode(net.embed(picture[None], {}), {}) if adapter in ("sd3", "flux") else picture[None]
    gaps = []
    for share in (0.2, 0.8):
        base = ask(adapter, sampler, 20, size=size[::-1], clip=True, source="its checksum",
                   t_start=1 - share if adapter == "ncsnpp" else share)
        request = with_strength(base, 1 - share) if adapter == "ddpm" else base
        gaps.append(float((drawn(request, net, picture) - kept).abs().mean()))
    assert gaps[1] < gaps[0]


def with_strength(request: Any, strength: float) -> Any:
    return replace(request, options=replace(request.options, strength=strength, source="its checksum"))
