"""Samplers that pretrained models alone have converge to the limit that they name, too."""
from __future__ import annotations

import diffusers
import pytest
import torch

from pipelines.hub.schedulers import described, scheduler_for
from pipelines.numerics.guidance import guided
from pipelines.numerics.library import own_noise, stepped
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import run_alone
from pipelines.registry import face
from tests.pipelines.diffusion.gaussian import KEY, Gaussian

pytestmark = pytest.mark.slow

DATA = Gaussian(0.3, 0.5, NoiseSchedule("linear"))
SPECS = face("diffusion").pretrained


def drawn(name: str, steps: int) -> torch.Tensor:
    saved = diffusers.DDPMScheduler(1000, trained_betas=DATA.schedule.betas.numpy(), prediction_type="epsilon", clip_sample=False)
    scheduler, noise = scheduler_for(saved, name, SPECS[name].options(steps=steps, clip=False)), RowNoise((0,), (3, 8, 8))
    x, own, eta = noise.normal(), own_noise(described(name).noise, scheduler, noise), {"eta": 0.0} if name == "tcd" else {}
    with torch.inference_mode():
        return run_alone(stepped(scheduler, guided(KEY, {}, {}, 1.0), x, lambda *_: None, lambda i: own(i) | eta), {KEY: DATA.eps})


@pytest.mark.parametrize("name", SPECS)
def test_more_steps_come_near_to_the_samplers_own_limit(name: str) -> None:
    limit = SPECS[name].limit(SPECS[name].options())
    solution = DATA.flow_to(RowNoise((0,), (3, 8, 8)).normal(), 0.0)
    far, near = ((drawn(name, steps) - solution).square().mean().sqrt() for steps in (10, 40))
    if limit is None:
        assert name in ("kdpm2_a", "lcm") and near > 0.2
    else:
        assert limit.equation == "ODE" and near < 0.5 * far
