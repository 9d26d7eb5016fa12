"""The flow models that came after FLUX: what the library's pipelines draw, and alone what they draw among others."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch

from pipelines.engine import Engine
from pipelines.hub.about import ADAPTERS
from pipelines.hub.load import load
from pipelines.options import OptionError
from pipelines.protocol import Outcome
from tests.pipelines.hub import tiny_more
from tests.pipelines.hub.models import AMONG, CPU, PROMPT, ROUNDING, ask, difference, drawn, folder_of, library, loaded, nets_of, seeded
from tests.rounding import TIMES, apart, bfloat16_in_attention, shaken
from tests.weights import tiny_models
from weights.pretrained import Pretrained

pytestmark = pytest.mark.slow

KINDS = {"zimage": "ZImagePipeline", "sana": "SanaPipeline", "auraflow": "AuraFlowPipeline", "lumina2": "Lumina2Pipeline"}
SIZES = {"zimage": (32, 32), "lumina2": (32, 32)}        # width and height, where the models' own are large
WIDE = {"zimage": (48, 32), "sana": (64, 32), "auraflow": (48, 32), "lumina2": (64, 32)}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {name: tmp_path_factory.mktemp(name) for name in KINDS}
    for name, folder in found.items():
        getattr(tiny_more, name)(folder)
    return found


def theirs(adapter: str, folder: Path, request: Any, prompt: str, negative: str) -> torch.Tensor:
    """Pictures of the library's own pipeline, with the request's solver in place of the one that the model comes with."""
    pipe = library(KINDS[adapter], folder)
    shift = pipe.scheduler.config.get("flow_shift", pipe.scheduler.config.get("shift"))
    flow: dict[str, Any] = {"prediction_type": "flow_prediction", "use_flow_sigmas": True, "flow_shift": shift}
    if request.sampler == "unipc":
        pipe.scheduler = diffusers.UniPCMultistepScheduler(**flow)
    elif request.sampler == "dpmpp_2m" and adapter != "sana":
        pipe.scheduler = diffusers.DPMSolverMultistepScheduler(**flow)
    elif request.sampler == "euler" and adapter == "sana":
        pipe.scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=shift)
    scale = request.guidance_scale - (adapter == "zimage")                    # which counts it from 0
    more = {"use_resolution_binning": False} if adapter == "sana" else {}     # else it draws the nearest of its sizes, and cuts
    width, height = request.width or 32, request.height or 32
    return pipe(prompt, negative_prompt=negative, guidance_scale=scale, num_inference_steps=request.options.steps, width=width,
                height=height, **more, **seeded(request)).images


@pytest.mark.parametrize("adapter", KINDS)
@pytest.mark.parametrize(("guidance", "negative"), [(1.0, ""), (3.5, ""), (3.5, "a blue cat")])
def test_euler_is_the_librarys(folders: dict[str, Path], adapter: str, guidance: float, negative: str) -> None:
    """To the bit where each step is one call; with guidance the library joins both calls, which rounds otherwise."""
    net = loaded(adapter, folders[adapter])
    for size in (SIZES.get(adapter, (0, 0)), WIDE[adapter]):
        request = ask(adapter, "euler", 4, guidance=guidance, negative=negative, size=size)
        found = difference(drawn(request, net), theirs(adapter, folders[adapter], request, PROMPT, negative))
        assert found <= (0 if guidance == 1 else ROUNDING)


@pytest.mark.parametrize("sampler", ["dpmpp_2m", "unipc"])
@pytest.mark.parametrize("adapter", ["sana", "auraflow"])
def test_solvers_with_memory_are_the_librarys(folders: dict[str, Path], adapter: str, sampler: str) -> None:
    """Sana's own is the first; the other pipelines here tell their scheduler noise levels that these cannot be told."""
    net = loaded(adapter, folders[adapter])
    for guidance in (1.0, 3.5):
        request = ask(adapter, sampler, 6, guidance=guidance)
        assert difference(drawn(request, net), theirs(adapter, folders[adapter], request, PROMPT, "")) <= (0 if guidance == 1 else ROUNDING)


@pytest.mark.parametrize("adapter", ["sana", *(pytest.param(kind, marks=pytest.mark.long) for kind in KINDS if kind != "sana")])
def test_all_solvers_go_to_one_picture(folders: dict[str, Path], adapter: str) -> None:
    """Slowly, since random networks turn sharply with time; the smoothest of them shows that it is the same one."""
    net, size = loaded(adapter, folders[adapter]), SIZES.get(adapter, (0, 0))
    there = drawn(ask(adapter, "rk4", 50, size=size), net)
    for sampler in ("dpmpp_2m", "unipc", "heun"):
        few, many = (float((drawn(ask(adapter, sampler, steps, size=size), net) - there).abs().mean()) for steps in (5, 100))
        assert many < few / 2 and (adapter != "lumina2" or many < 1e-3)


@pytest.mark.parametrize("adapter", KINDS)
def test_what_is_read_matters(folders: dict[str, Path], adapter: str) -> None:
    """Else the comparison above would say nothing of prompts; a long one is cut where the library cuts it."""
    net, size = loaded(adapter, folders[adapter]), SIZES.get(adapter, (0, 0))
    pictures = [drawn(ask(adapter, "euler", 3, prompt=prompt, size=size, **more), net) for prompt, more in (
        (PROMPT, {}), ("green", {}), (PROMPT, {"guidance": 4.0}), (PROMPT, {"guidance": 4.0, "negative": "square"}))]
    for k, one in enumerate(pictures):
        assert all(float((one - other).abs().max()) > 1e-3 for other in pictures[:k])
    long = "a red circle, " * 60
    request = ask(adapter, "euler", 2, prompt=long, size=size)
    assert difference(drawn(request, net), theirs(adapter, folders[adapter], request, long, "")) == 0


def test_lumina2_with_a_shift_that_depends_on_size(tmp_path: Path) -> None:
    tiny_more.lumina2(tmp_path, dynamic=True)
    request = ask("lumina2", "euler", 4, size=(32, 32))
    assert difference(drawn(request, loaded("lumina2", tmp_path)), theirs("lumina2", tmp_path, request, PROMPT, "")) == 0


@pytest.mark.parametrize("adapter", KINDS)
def test_a_mixed_grid(folders: dict[str, Path], adapter: str) -> None:
    net, size = loaded(adapter, folders[adapter]), SIZES.get(adapter, (0, 0))
    grid = [ask(adapter, "euler", 6, guidance=4.5, size=size, count=2),
            ask(adapter, "heun", 4, prompt="a cat", guidance=2.0, seed=9, size=size),
            ask(adapter, "midpoint", 3, negative="blue", guidance=3.0, size=size), ask(adapter, "rk4", 2, size=WIDE[adapter])]
    alone = [drawn(request, net) for request in grid]
    engine = Engine(nets_of(net))
    try:
        together = [job.result() for job in [engine.submit(net.drawing.start(request, "w", net, CPU)) for request in grid]]
    finally:
        engine.close()
    for one, other in zip(alone, together, strict=True):
        assert float((one - (other.x if isinstance(other, Outcome) else other)).abs().max()) <= AMONG


@pytest.mark.parametrize("adapter", KINDS)
def test_every_sampler(folders: dict[str, Path], adapter: str) -> None:
    net = loaded(adapter, folders[adapter])
    for sampler in ADAPTERS[adapter].samplers:
        for steps in (1, 5):
            assert drawn(ask(adapter, sampler, steps, guidance=2.0, size=SIZES.get(adapter, (0, 0))), net).isfinite().all()


@bfloat16_in_attention
@pytest.mark.parametrize("adapter", KINDS)
def test_in_half_precision(folders: dict[str, Path], adapter: str) -> None:
    """As near to what it draws in fp32 as rounding allows: nothing overflows and no time is rounded where it must not be."""
    net, request = load(adapter, folders[adapter], CPU, torch.bfloat16), ask(adapter, "euler", 4, size=SIZES.get(adapter, (0, 0)))
    picture, whole = drawn(request, net), loaded(adapter, folders[adapter])
    expected = drawn(request, whole)
    assert picture.dtype == torch.float32
    assert apart(picture, expected) < TIMES * apart(drawn(request, shaken(whole, torch.bfloat16)), expected)


@pytest.mark.parametrize("adapter", KINDS)
def test_a_picture_to_start_from(folders: dict[str, Path], adapter: str) -> None:
    """Latents of a picture are those of the library's encoder, scaled as its decoder scales them back."""
    net: Any = loaded(adapter, folders[adapter])
    picture = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.inference_mode():
        latents = net.embed(picture, {})
        encoded = net.vae.encode(picture)
        z = encoded.latent if adapter == "sana" else encoded.latent_dist.mode()
        again = net.vae.decode(z).sample
        assert torch.allclose(net.decode(latents, {}), again, atol=1e-5)
    if adapter != "lumina2":                             # whose tiny VAE does not shrink as much as the model takes for granted
        assert latents.shape[1:] == net.latent((32, 32))


@pytest.mark.parametrize("adapter", ["sd", "sdxl", "sd3", "dit", "ddpm", "ldm", "sana"])
def test_the_size_is_known_before_it_is_loaded(folders: dict[str, Path], adapter: str) -> None:
    folder = folders.get(adapter) or folder_of(adapter)
    assert Pretrained("m", folder, "local", None).metadata["config"]["size"] == loaded(adapter, folder).size > 0


def test_what_is_usual_follows_from_how_a_model_was_distilled(tmp_path: Path) -> None:
    def defaults(name: str, folder: Path) -> tuple[str, int, float]:
        found = Pretrained(name, folder, "local", None).metadata["defaults"]
        return found["sampler"], found["steps"], found["guidance_scale"]

    assert defaults("schnell", folder_of("flux")) == ("euler", 4, 3.5)
    assert defaults("dev", folder_of("flux", guidance_embeds=True)) == ("euler", 28, 3.5)
    assert defaults("sd", folder_of("sd")) == ("dpmpp_2m", 25, 7.5)
    pipe: Any = tiny_models.sd(tmp_path)
    pipe.scheduler = diffusers.LCMScheduler.from_config(pipe.scheduler.config)
    tiny_models.saved(pipe, tmp_path)
    assert defaults("lcm", tmp_path) == ("lcm", 4, 1.0)


@pytest.mark.parametrize("adapter", KINDS)
def test_a_size_that_does_not_fit(folders: dict[str, Path], adapter: str) -> None:
    with pytest.raises(OptionError, match="multiple of"):
        drawn(ask(adapter, "euler", 1, size=(33, 32)), loaded(adapter, folders[adapter]))


def test_sana_reads_instructions_before_a_prompt_only(folders: dict[str, Path]) -> None:
    net = loaded("sana", folders["sana"])
    ids, more = net.words(["A Cat ", "blue"])
    said = net.tokenizer.decode(ids[0][more["mask"][0].bool()])
    assert said.endswith("a cat") and "Enhanced" in said and "Enhanced" not in net.tokenizer.decode(ids[1])
    assert more["places"].shape == (2, 300) and more["mask"][1].sum() < 8
