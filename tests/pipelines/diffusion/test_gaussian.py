"""On Gaussian data the exact network is known, and so is where every sampler must end."""
from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import pytest
import torch

from pipelines.numerics.guidance import guided
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Preview
from pipelines.registry import face, reference_solution
from pipelines.request import Request
from tests.pipelines.diffusion.gaussian import KEY, Gaussian, draw

pytestmark = pytest.mark.slow

SAMPLERS = face("diffusion").samplers
DATA = {kind: Gaussian(0.3, 0.5, NoiseSchedule(kind)) for kind in ("linear", "cosine")}


@pytest.mark.parametrize("kind", DATA)
@pytest.mark.parametrize("name", SAMPLERS)
def test_mean_and_variance_at_50_steps(name: str, kind: str) -> None:
    samples, _, _ = draw(name, DATA[kind], 50)
    assert samples.mean().item() == pytest.approx(0.3, abs=0.02)
    # Ancestral samplers and first-order solvers lose some variance at 50 steps; none more than 12 %.
    assert samples.std().item() == pytest.approx(0.5, rel=0.12)


@pytest.mark.parametrize("name", SAMPLERS)
def test_calls_are_the_declared_ones(name: str) -> None:
    spec = SAMPLERS[name]
    for steps in (1, 2, 5, 13):
        _, _, calls = draw(name, DATA["linear"], steps, rows=1, side=4)
        assert calls == spec.nfe(spec.options(steps=steps))


def error_before_last_step(name: str, data: Gaussian, steps: int) -> float:
    """Root mean square distance to the exact ODE solution at the lowest noise level before zero."""
    noise = RowNoise((0, 1, 2, 3), (3, 8, 8))
    x_T = noise.normal()
    options = SAMPLERS[name].options(steps=steps, spacing="linspace", clip=False, karras=True)
    sampler = SAMPLERS[name](guided(KEY, {}, {}, 1.0), x_T, noise, data.schedule, options)
    yielded, last = next(sampler), None
    while True:
        try:
            if isinstance(yielded, Preview):
                last, yielded = yielded, sampler.send(None)
            else:
                yielded = sampler.send(tuple(data.eps(call.x, call.t, {}) for call in yielded))
        except StopIteration:
            break
    assert last is not None
    y = last.x_t * (1 + last.sigma**2) ** 0.5
    return (y - data.flow_to(x_T, last.sigma)).square().mean().sqrt().item()


@pytest.mark.parametrize("name", [spec.name for spec in SAMPLERS.values() if spec.order and spec.name != "ddim"])
def test_order_of_convergence(name: str) -> None:
    errors = [error_before_last_step(name, DATA["linear"], steps) for steps in (16, 32, 64, 128)]
    slope = math.log2(errors[0] / errors[-1]) / 3
    tolerance = {"euler": 0.2, "heun": 0.2, "dpmpp_2m": 0.25, "lms": 0.5}.get(name, 0.4)
    assert slope == pytest.approx(SAMPLERS[name].order, abs=tolerance), errors


def test_ddim_is_first_order() -> None:
    errors = []
    for steps in (16, 32, 64, 128):
        samples, x_T, _ = draw("ddim", DATA["cosine"], steps, rows=4, side=8)
        errors.append((samples - DATA["cosine"].flow_to(x_T, 0.0)).square().mean().sqrt().item())
    assert math.log2(errors[0] / errors[-1]) / 3 == pytest.approx(SAMPLERS["ddim"].order, abs=0.15), errors


def test_more_steps_of_an_sde_solver_follow_the_same_brownian_path() -> None:
    coarse, fine, finer = (draw("dpmpp_2m_sde", DATA["cosine"], steps, rows=2, side=8)[0] for steps in (50, 100, 200))
    other = draw("dpmpp_2m_sde", Gaussian(0.3, 0.5, DATA["cosine"].schedule), 100, rows=4, side=8)[0][2:]
    refinement = (finer - fine).square().mean().sqrt()
    assert refinement < (fine - coarse).square().mean().sqrt()
    assert refinement < 0.35 * (other - fine).square().mean().sqrt()          # another seed is another path


@pytest.mark.parametrize("name", ["ddim", "ddpm"])
@pytest.mark.parametrize("spacing", ["trailing", "leading"])
def test_equal_to_the_librarys_scheduler(name: str, spacing: str) -> None:
    import diffusers
    data = DATA["linear"]
    samples, x_T, _ = draw(name, data, 20, rows=2, side=8, spacing=spacing)
    noise = RowNoise((0, 1), (3, 8, 8))
    x = noise.normal()
    assert torch.equal(x, x_T[:2])
    common = {"num_train_timesteps": 1000, "trained_betas": data.schedule.betas.numpy(), "clip_sample": False,
              "timestep_spacing": spacing}
    scheduler = (diffusers.DDIMScheduler(**common, set_alpha_to_one=True) if name == "ddim"
                 else diffusers.DDPMScheduler(**common, variance_type="fixed_small"))
    scheduler.set_timesteps(20)
    for t in scheduler.timesteps:
        eps = data.eps(x, torch.full((2,), float(t)), {})
        # A list of generators draws each row's noise from its own stream, as ours does.
        x = scheduler.step(eps, t, x, generator=noise.generators).prev_sample
    assert (x - samples).abs().max() < 1e-5


@cache
def solution(run: Request) -> torch.Tensor:
    return draw(run.sampler, DATA["linear"], run.options.steps, rows=1, side=8, karras=run.options.karras)[0]


@pytest.mark.parametrize("name", SAMPLERS)
def test_more_steps_come_near_to_the_samplers_own_limit(name: str) -> None:
    run, samples = reference_solution(Request("diffusion", "", name, SAMPLERS[name].options())), {}
    for steps in (10, 40):
        samples[steps], x_T, _ = draw(name, DATA["linear"], steps, rows=1, side=8)
    if run is None:
        assert name in ("ddpm", "euler_a") and (samples[10] - samples[40]).square().mean().sqrt() > 0.2
        return
    limit = solution(run)
    near, far = ((samples[steps] - limit).square().mean().sqrt() for steps in (40, 10))
    assert near < 0.5 * far
    exact = (limit - DATA["linear"].flow_to(x_T, 0.0)).square().mean().sqrt()
    assert exact > 0.2 if "sde" in name else exact < 0.002


def test_what_has_no_limit() -> None:
    asked = Request("diffusion", "", "ddim", SAMPLERS["ddim"].options(eta=0.5))
    assert reference_solution(asked) is None                                            # its noise is new at each step
    part = Request("diffusion", "", "heun", SAMPLERS["heun"].options(strength=0.5, source="x", karras=True))
    assert reference_solution(part) is None                                             # it starts at a noise level that no other has
    run = reference_solution(replace(part, options=replace(part.options, karras=False)))
    assert run is not None and (run.options.strength, run.options.source, run.options.karras) == (0.5, "x", False)
