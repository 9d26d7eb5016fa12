"""The orders that the page says of its solvers, measured against the exact ODE; and every sampler as the page runs it by default."""
from __future__ import annotations

import math
import re

import diffusers
import pytest
import torch

from pipelines.diffusion.options import SolverOptions
from pipelines.hub.schedulers import scheduler_for
from pipelines.numerics.guidance import clipped, guided
from pipelines.numerics.library import stepped
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import run_alone
from pipelines.registry import face
from tests.pipelines.diffusion.gaussian import KEY, WIDTHS, Gaussian, draw

pytestmark = pytest.mark.slow

SAMPLERS = face("diffusion").samplers
SAID = {name: found.groups() for name, spec in face("diffusion").every.items()
        if (found := re.search("Measured order (.*) with trailing spacing, (.*) with Karras's", spec.summary))}
DATA = Gaussian(0.3, WIDTHS, NoiseSchedule("linear"))                        # type: ignore[arg-type]


def end(name: str, steps: int, karras: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """(where a solver ends, the noise that it began with); those for pretrained models alone run as these do."""
    if name in SAMPLERS:
        return draw(name, DATA, steps, rows=4, side=8, karras=karras)[:2]
    x_T = RowNoise((0, 1, 2, 3), (3, 8, 8)).normal()
    scheduler = scheduler_for(diffusers.DDPMScheduler(clip_sample=False), name, SolverOptions(steps=steps, karras=karras))
    return run_alone(stepped(scheduler, guided(KEY, {}, {}, 1.0), x_T, lambda *step: None), {KEY: DATA.eps}), x_T


@pytest.mark.parametrize("name", SAID)
def test_measured_orders(name: str) -> None:
    """From 10 to 80 steps; they are said with one digit."""
    for said, karras in zip(map(float, SAID[name]), (False, True), strict=True):
        errors = []
        for steps in (10, 80):
            found, x_T = end(name, steps, karras)
            errors.append((found - DATA.flow_to(x_T, 0.0, steps)).square().mean().sqrt().item())
        assert math.log2(errors[0] / errors[1]) / 3 == pytest.approx(said, abs=0.06), (karras, errors)


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_as_the_page_runs_it(name: str) -> None:
    """With every option at its default, the estimate held in the range of images too, on data that lie within it."""
    data, options = Gaussian(0.1, 0.3, NoiseSchedule("linear")), SAMPLERS[name].options()
    noise = RowNoise(tuple(range(16)), (3, 16, 16))
    eps_theta = clipped(guided(KEY, {}, {}, 1.0), data.schedule)
    with torch.inference_mode():
        found = run_alone(SAMPLERS[name](eps_theta, noise.normal(), noise, data.schedule, options), {KEY: data.eps})
    # The last step, from sigma = 0.1, alone takes a twentieth of this width away; first-order solvers lose as much again before it, and
    # those with fresh noise twice that.
    assert found.mean().item() == pytest.approx(0.1, abs=0.02) and found.std().item() == pytest.approx(0.3, rel=0.2)
