"""Every adapter draws what the library's own pipeline draws from the same files, seeds and scheduler; every sampler it offers runs."""
from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from pipelines import registry
from pipelines.hub.about import ADAPTERS
from pipelines.hub.load import LoadError, load
from pipelines.hub.schedulers import scheduler_for
from pipelines.options import OptionError
from pipelines.protocol import Preview, run_alone
from pipelines.registry import reference_solution
from tests.pipelines.hub.models import AMONG, CPU, PROMPT, ROUNDING, ask, difference, drawn, folder_of, library, loaded, nets_of, seeded
from tests.rounding import TIMES, apart, bfloat16_in_attention, shaken
from tests.weights import tiny_models
from weights.pretrained import Pretrained

pytestmark = pytest.mark.slow

SMALL = {"flux": (32, 32)}         # width and height for tests, where the model's own are large
NOISE: dict[str, Any] = {"spacing": "leading", "clip": False}
CALLED = ("dpmpp_sde", "dpmpp_2m_sde")                   # their noise is ours, from a Brownian path of each row


def own_size(adapter: str) -> tuple[int, int]:
    return SMALL.get(adapter, (0, 0))


@pytest.mark.parametrize("sampler", [name for name in ADAPTERS["sd"].samplers if name not in CALLED])
def test_sd_with_each_scheduler(sampler: str) -> None:
    folder = folder_of("sd")
    pipe, net, request = library("StableDiffusionPipeline", folder), loaded("sd", folder), ask("sd", sampler, 3, **NOISE)
    pipe.scheduler = scheduler_for(pipe.scheduler, sampler, request.options)
    theirs = pipe(PROMPT, guidance_scale=1.0, num_inference_steps=3, **seeded(request)).images
    assert difference(drawn(request, net), theirs) == 0


@pytest.mark.parametrize("guidance,negative", [(1.0, ""), (5.0, ""), (5.0, "blue cat")])
def test_sdxl(guidance: float, negative: str) -> None:
    """Wider than high, so that the sizes in the condition are told apart; an absent negative prompt is zeros."""
    folder = folder_of("sdxl")
    pipe, net = library("StableDiffusionXLPipeline", folder), loaded("sdxl", folder)
    request = ask("sdxl", "euler", 3, guidance=guidance, negative=negative, size=(48, 32), **NOISE)
    theirs = pipe(PROMPT, negative_prompt=negative or None, guidance_scale=guidance, num_inference_steps=3, width=48, height=32,
                  **seeded(request)).images
    assert difference(drawn(request, net), theirs) <= (0 if guidance == 1 else ROUNDING)


@pytest.mark.parametrize("t5", [True, False])
@pytest.mark.parametrize("sampler,guidance", [("euler", 1.0), ("euler", 4.5), ("heun", 1.0)])
def test_sd3(t5: bool, sampler: str, guidance: float) -> None:
    folder = folder_of("sd3", t5=t5)
    missing = {} if t5 else {"text_encoder_3": None, "tokenizer_3": None}
    pipe, net = library("StableDiffusion3Pipeline", folder, **missing), loaded("sd3", folder)
    if sampler == "heun":
        pipe.scheduler = diffusers.FlowMatchHeunDiscreteScheduler(shift=pipe.scheduler.config.shift)
    request = ask("sd3", sampler, 4, guidance=guidance)
    theirs = pipe(PROMPT, guidance_scale=guidance, num_inference_steps=4, **seeded(request)).images
    assert difference(drawn(request, net), theirs) <= (0 if guidance == 1 else ROUNDING)


@pytest.mark.parametrize("dev", [True, False])
def test_flux(dev: bool) -> None:
    """Guidance is told to the network in "dev", which also shifts its noise levels by the size of the picture."""
    folder = folder_of("flux", guidance_embeds=dev)
    pipe, net, request = library("FluxPipeline", folder), loaded("flux", folder), ask("flux", "euler", 4, guidance=3.0, size=(48, 32))
    theirs = pipe(PROMPT, guidance_scale=3.0, num_inference_steps=4, width=48, height=32, **seeded(request)).images
    ours = drawn(request, net)
    assert difference(ours, theirs) == 0
    other = drawn(ask("flux", "euler", 4, guidance=1.5, size=(48, 32)), net)
    assert torch.equal(ours, other) is not dev


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_dit(guidance: float) -> None:
    folder = folder_of("dit")
    pipe, net = library("DiTPipeline", folder), loaded("dit", folder)
    request = ask("dit", "ddim", 4, prompt="Item 7", guidance=guidance, **NOISE)
    theirs = pipe([7], guidance_scale=guidance, num_inference_steps=4, **seeded(request)).images
    assert difference(drawn(request, net), theirs) <= (0 if guidance == 1 else ROUNDING)
    assert torch.equal(net.words(["7", ""])[0], torch.tensor([[7], [1000]]))


def test_ddpm() -> None:
    """Two pictures, each with its own seed; the noise of every step comes from it too."""
    folder = folder_of("ddpm")
    request = ask("ddpm", "ddpm", 5, count=2, variance="beta", spacing="leading", clip=True)
    theirs = library("DDPMPipeline", folder)(2, num_inference_steps=5, **seeded(request)).images
    assert difference(drawn(request, loaded("ddpm", folder)), torch.from_numpy(theirs) if not torch.is_tensor(theirs) else theirs) == 0


def test_ldm() -> None:
    folder, request = folder_of("ldm"), ask("ldm", "ddim", 4, **NOISE)
    theirs = library("LDMPipeline", folder)(num_inference_steps=4, **seeded(request) | {"output_type": "np"}).images
    assert difference(drawn(request, loaded("ldm", folder)), torch.from_numpy(theirs).permute(0, 3, 1, 2)) == 0


def test_ncsnpp() -> None:
    """The library's corrector and predictor from the first level to the picture; it looks the variances of a step up at a time about
    1e-5 beside the one that it tells the network, which is what they are apart. With several pictures its corrector takes the mean of
    their norms; ours is a row's. Our bound of a corrector step is never met by a score that has learnt something; the random one is
    made as long as such a score for that."""
    folder = folder_of("ncsnpp")
    defaults = Pretrained("n", folder, "local", None).metadata["defaults"]
    assert defaults["sampler"] == "corrector_predictor"
    request = ask("ncsnpp", "corrector_predictor", 6, **{name: defaults[name] for name in ("snr", "corrector_steps", "t_end")})
    pipe, net = library("ScoreSdeVePipeline", folder), load("ncsnpp", folder, CPU, torch.float32)
    with torch.no_grad():
        for last in (pipe.unet.conv_out, net.unet.conv_out):                 # type: ignore[union-attr]
            last.weight *= 8
            last.bias *= 8
    means, step = [], pipe.scheduler.step_pred                               # it returns them clipped

    def recorded(*arguments: Any, **named: Any) -> Any:
        means.append((found := step(*arguments, **named)).prev_sample_mean)
        return found

    pipe.scheduler.step_pred = recorded
    pipe(num_inference_steps=6, **seeded(request))
    ours, theirs = (drawn(request, net) + 1) / 2, means[-1]
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < AMONG


KINDS: list[tuple[str, str, dict[str, Any]]] = [
    ("sd", "sd", {}), ("sdxl", "sdxl", {}), ("ddpm", "ddpm", {}), ("ldm", "ldm", {}), ("dit", "dit", {}), ("ncsnpp", "ncsnpp", {}),
    ("sd3", "sd3", {"t5": True}), ("flux", "flux", {"guidance_embeds": True})]
LIKE_ANOTHER = ("sdxl", "flux")        # drawn by the code of "sd" and "sd3" but for what a test of their own checks


@pytest.mark.parametrize("adapter,builder,options", [
    pytest.param(*kind, marks=[pytest.mark.long] if kind[0] in LIKE_ANOTHER else [], id=kind[0]) for kind in KINDS])
def test_each_sampler_runs(adapter: str, builder: str, options: dict[str, Any]) -> None:
    """At 1 step and at 5, with which a solver of order 4 has all of its memory: finite pictures, and previews that hold a picture each
    and as many steps as they say."""
    net = loaded(adapter, folder_of(builder, **options))
    nets, info = nets_of(net), ADAPTERS[adapter]
    assert set(info.samplers) <= set(registry.face(info.family).every)
    for sampler in info.samplers:
        for steps in (1, 5):
            request = ask(adapter, sampler, steps, prompt="7", guidance=2.0, size=own_size(adapter))
            yielded: list[Any] = []
            with torch.inference_mode():
                found = run_alone(net.drawing.start(request, "w", net, CPU), nets, yielded.append)
            previews = [one for one in yielded if isinstance(one, Preview)]
            found = getattr(found, "x", found)
            assert found.shape[:2] == (1, 3) and torch.isfinite(found).all(), (sampler, steps)
            assert previews[-1].step == previews[-1].total or sampler in ("rk45", "ode_rk45"), (sampler, steps)
            assert all(seen.x_t.shape[1] == seen.x0.shape[1] == 3 for seen in previews), (sampler, steps)


# One of each family that is in latents; how the others' networks are called makes no difference to it.
@pytest.mark.parametrize("adapter", ["dit", "sd3", *(pytest.param(name, marks=pytest.mark.long) for name in ("sd", "ldm", *LIKE_ANOTHER))])
def test_the_reference_is_near(adapter: str) -> None:
    """60 steps of another solver come near to it; in pixels, random networks lead too far away for that."""
    net, sampler = loaded(adapter, folder_of(adapter)), "midpoint" if ADAPTERS[adapter].family == "flow" else "ddim"
    request = ask(adapter, sampler, 60, prompt="7", size=own_size(adapter), clip=False)
    assert float((drawn(request, net) - drawn(reference_solution(request), net)).abs().mean()) < 0.05


@pytest.mark.parametrize("adapter,size,told", [
    ("sd", (33, 32), "width must be a multiple of 2"), ("sd3", (32, 34), "height must be a multiple of 4"),
    ("flux", (30, 32), "width must be a multiple of 4"), ("dit", (32, 0), "16 by 16 pixels only")])
def test_wrong_sizes(adapter: str, size: tuple[int, int], told: str) -> None:
    with pytest.raises(OptionError, match=told):
        loaded(adapter, folder_of(adapter)).checked((size[1], size[0]))


@pytest.mark.parametrize("label,told", [("", "no sentences"), ("1000", "from 0 to 999"), ("thing 2000", "for example thing 200 or")])
def test_wrong_labels(label: str, told: str) -> None:
    with pytest.raises(OptionError, match=told):
        loaded("dit", folder_of("dit")).words([label])


def test_a_bare_unet_with_its_files_in_the_root(tmp_path: Path) -> None:
    """With model_index.json, without it, and without any scheduler, which is then that of the paper."""
    tiny_models.ddpm(tmp_path)
    request = ask("ddpm", "ddim", 2)
    expected = drawn(request, load("ddpm", tmp_path, CPU, torch.float32))
    tiny_models.flattened(tmp_path)
    for name in ("", "model_index.json", "scheduler_config.json"):
        (tmp_path / name).unlink() if name else None
        assert torch.equal(drawn(request, load("ddpm", tmp_path, CPU, torch.float32)), expected)


@bfloat16_in_attention
def test_half_precision_files(tmp_path: Path) -> None:
    """They are read where there are no others: to the bit, and pictures move by what rounding makes of them."""
    pipe: Any = tiny_models.ddpm(tmp_path)
    request, whole = ask("ddpm", "ddim", 2), load("ddpm", tmp_path, CPU, torch.float32)
    expected = drawn(request, whole)
    written = pipe.unet.half()
    written.save_pretrained(tmp_path / "unet", variant="fp16")
    (tmp_path / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    net, half = (load("ddpm", tmp_path, CPU, dtype) for dtype in (torch.float32, torch.bfloat16))
    for p, own, rounded in zip(written.parameters(), net.parameters(), half.parameters(), strict=True):
        assert torch.equal(own, p.float()) and torch.equal(rounded, p.to(torch.bfloat16))
    assert drawn(request, half).dtype == torch.float32
    # The weights alone are rounded in the first, and each of them by less than it is shaken.
    assert 0 < apart(drawn(request, net), expected) < apart(drawn(request, shaken(whole, torch.float16)), expected)
    assert 0 < apart(drawn(request, half), expected) < TIMES * apart(drawn(request, shaken(whole, torch.bfloat16)), expected)


def test_what_is_not_loaded(tmp_path: Path) -> None:
    shutil.copytree(folder_of("ddpm"), tmp_path / "model")
    index, unet = tmp_path / "model" / "model_index.json", tmp_path / "model" / "unet"
    entries, config = json.loads(index.read_text()), json.loads((unet / "config.json").read_text())

    def refused(told: str) -> None:
        with pytest.raises(LoadError, match=told):
            load("ddpm", tmp_path / "model", CPU, torch.float32)

    index.write_text(json.dumps(entries | {"unet": ["diffusers", "UNet3DConditionModel"]}))
    refused("UNet3DConditionModel, which is not loaded here")
    index.write_text(json.dumps(entries | {"unet": ["os", "system"]}))
    refused("os.system, which is not loaded here")
    index.write_text(json.dumps(entries | {"unet": [None, None]}))
    refused("lacks its unet")
    index.write_text(json.dumps(entries))
    (unet / "config.json").write_text(json.dumps(config | {"quantization_config": {"quant_method": "other"}}))
    refused("asks for more than its own weights")
    (unet / "config.json").write_text(json.dumps(config))
    (unet / "adapter_config.json").write_text("{}")
    refused("adapter_config.json")
    (unet / "adapter_config.json").unlink()
    (unet / "diffusion_pytorch_model.safetensors").rename(unet / "diffusion_pytorch_model.bin")
    refused("UNet2DModel in unet/ could not be loaded")
