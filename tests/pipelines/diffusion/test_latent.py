"""Latent diffusion: the autoencoder's objective, the second stage on held latents, previews as pictures."""
from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipelines.data.batches import batches
from pipelines.diffusion import family
from pipelines.diffusion.latent import colours
from pipelines.diffusion.network import DiffusionConfig, DiffusionNet
from pipelines.diffusion.options import NetworkOptions
from pipelines.diffusion.sampler import DDIMOptions
from pipelines.metrics.distance import psnr
from pipelines.nets.autoencoder import Autoencoder, AutoencoderConfig, loss
from pipelines.nets.unet import UNetConfig
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Call, NetKey, Preview, run_alone
from pipelines.request import Request
from tests.tiny import SHAPES, TEXT

SMALL = AutoencoderConfig(widths=(16, 24))


def tiny_latent() -> DiffusionNet:
    torch.manual_seed(0)
    unet = UNetConfig(4, fold=1, widths=(8, 16), heads=2, context=16, emb=16)
    return DiffusionNet(DiffusionConfig(TEXT, unet, NoiseSchedule("cosine"), "v", 64, SMALL)).eval()


def test_shapes_and_configuration() -> None:
    net = tiny_latent()
    assert net.config.shape == (4, 16, 16)
    assert DiffusionConfig.from_dict(net.config.to_dict()) == net.config
    latents = net.autoencoder.encode(torch.zeros(2, 3, 64, 64))                # type: ignore[union-attr]
    assert latents.shape == (2, 4, 16, 16) and net.decode(latents).shape == (2, 3, 64, 64)
    full = family.fresh(NetworkOptions(space="latents"), SHAPES)
    assert full.config.size == 64 and full.config.shape == (4, 16, 16)


@pytest.mark.long
def test_the_autoencoder_learns_and_its_latents_get_unit_variance() -> None:
    torch.manual_seed(0)
    net, rng = Autoencoder(SMALL), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), lr=4e-3)
    data = batches(SHAPES, "train", 0, 64, 16)
    test = next(batches(SHAPES, "test", 0, 64, 64)).x0

    def through() -> float:
        """PSNR of pictures that went through the latents."""
        return psnr(net.decode(net.encode(test)).clamp(-1, 1), test).mean().item()

    with torch.no_grad():
        before = through()
    for _ in range(120):
        value = loss(net, next(data).x0, rng)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
    with torch.no_grad():
        assert through() > before + 6
        assert net.encode(test).std().item() == pytest.approx(1, abs=0.3)


def test_the_second_stage_leaves_the_autoencoder_alone(tmp_path: Path) -> None:
    net = tiny_latent().train()
    batch = next(batches(SHAPES, "train", 0, 64, 4))
    family.loss(net, batch, torch.Generator().manual_seed(0)).backward()
    assert all(p.grad is None for p in net.autoencoder.parameters())           # type: ignore[union-attr]
    assert any(p.grad is not None for p in net.unet.parameters())


def test_the_sampler_decodes_and_its_previews_are_pictures() -> None:
    net, key = tiny_latent(), "t"
    request = Request("diffusion", "tiny", "ddim", DDIMOptions(steps=3), "a red star", count=2)
    sampler = family.start(request, key, net, torch.device("cpu"))
    calls, previews, answer = [], [], None
    with torch.inference_mode():
        while True:
            try:
                yielded = sampler.send(answer)
            except StopIteration as stop:
                result = stop.value
                break
            if isinstance(yielded, Preview):
                previews.append(yielded)
                answer = None
            else:
                calls += [call.net for call in yielded]
                answer = tuple(_evaluate(net, call) for call in yielded)
    assert result.shape == (2, 3, 64, 64)
    assert calls.count(NetKey(key, "decode")) == 4 and calls.count(NetKey(key, "predict")) == 6
    assert all(p.x_t.shape == (2, 3, 16, 16) and p.x0.shape == (2, 3, 64, 64) for p in previews)


def test_nothing_is_decoded_for_previews_that_nobody_sees() -> None:
    net = tiny_latent()
    request = Request("diffusion", "tiny", "ddim", DDIMOptions(steps=3), "a red star", count=1)
    asked: list[str] = []

    def counted(method: str):
        def call(*arguments):
            asked.append(method)
            return getattr(net, method)(*arguments)
        return call

    nets = {NetKey("t", method): counted(method) for method in family.FAMILY.methods}
    with torch.inference_mode():
        quiet = run_alone(family.start(request, "t", net, torch.device("cpu"), previews=False), nets)
        once = asked.count("decode")
        seen = run_alone(family.start(request, "t", net, torch.device("cpu")), nets)
    assert once == 1 and asked.count("decode") == 5 and torch.equal(quiet, seen)


def test_colours_tell_channels_apart() -> None:
    channels = torch.eye(4)[:, :, None, None]
    seen = colours(channels).flatten(1)
    assert torch.cdist(seen, seen).add(torch.eye(4)).min() > 0.3


def _evaluate(net: DiffusionNet, call: Call):
    method = getattr(net, call.net.method)
    return method(call.x, call.cond) if call.t is None else method(call.x, call.t, call.cond)
