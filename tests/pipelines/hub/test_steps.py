"""Schedulers of the library on a pretrained model's noise schedule ask as often as was ordered, at times that exist."""
from __future__ import annotations

from itertools import product
from typing import Any

import diffusers
import pytest

from pipelines.diffusion.options import SPACINGS
from pipelines.hub.schedulers import GivenSchedule, described, scheduler_for
from pipelines.registry import face

pytestmark = pytest.mark.slow

SAMPLERS = face("diffusion").every
SAVED: dict[str, Any] = {
    "stable diffusion": diffusers.PNDMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1,
                                                skip_prk_steps=True),
    "without signal at the end": diffusers.DDIMScheduler(beta_schedule="scaled_linear", rescale_betas_zero_snr=True),
    "cosine": diffusers.DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    "cosine, limited": diffusers.DPMSolverMultistepScheduler(beta_schedule="squaredcos_cap_v2", lambda_min_clipped=-5.1)}
TWICE = ("heun", "dpmpp_sde", "kdpm2", "kdpm2_a")
SLOW = ("dpmpp_sde", "kdpm2", "kdpm2_a")                 # to make: they look up the time of each of the thousand levels first
FINITE = {name: saved for name, saved in SAVED.items() if name != "without signal at the end"}


def checked(name: str, saved: Any, steps: int, **more: Any) -> None:
    options = SAMPLERS[name].options(steps=steps, **more)
    times = scheduler_for(saved, name, options).timesteps.tolist()
    assert len(times) == SAMPLERS[name].nfe(options), (steps, more)
    begun = times[::2 if name in TWICE else 1]
    assert min(times) >= 0 and max(times) <= 999 and sorted(begun, reverse=True) == begun, (steps, more)


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", SAMPLERS)
def test_each_count(name: str, every: int) -> None:
    """With one of nine models and spacings after the other: no stride has a divisor in common with nine."""
    cases = list(product(FINITE.values(), SPACINGS))
    for steps in range(1, 201, 29 if name in SLOW else every):
        saved, spacing = cases[steps % len(cases)]
        checked(name, saved, steps, spacing=spacing)


@pytest.mark.parametrize(("name", "steps"), [
    (name, steps) for name in SAMPLERS for steps in (61, 103, 121, 122) if name not in SLOW or steps == 61])
def test_counts_of_which_the_library_makes_one_more(name: str, steps: int) -> None:
    checked(name, SAVED["stable diffusion"], steps, spacing="trailing")


KARRAS = [(model, name) for model in SAVED for name in SAMPLERS if described(name).in_sigma and hasattr(SAMPLERS[name].options, "karras")]
QUICK = [("without signal at the end", "kdpm2_a"), ("cosine, limited", "kdpm2")]         # of the slow ones, each with an extreme


@pytest.mark.parametrize(("model", "name"), [
    pytest.param(*case, marks=[pytest.mark.long] if case[1] in SLOW and case not in QUICK else []) for case in KARRAS])
def test_karras_spacing_replaces_the_spacing(model: str, name: str) -> None:
    """Its levels are those of the whole noise schedule, and told to the network as they are."""
    schedule = GivenSchedule(SAVED[model])
    for steps in (2, 61):
        options = [SAMPLERS[name].options(steps=steps, karras=True, spacing=spacing) for spacing in SPACINGS]
        found = [scheduler_for(SAVED[model], name, chosen) for chosen in options]
        begun, *others = (scheduler.timesteps.tolist()[::2 if name in TWICE else 1] for scheduler in found)
        assert all(other == begun for other in others) and len(begun) == steps and begun[-1] == 0
        sigmas = [float(sigma) for sigma in dict.fromkeys(found[0].sigmas.tolist())][:steps]
        told = [GivenSchedule(found[0]).sigma(t) for t in begun]
        assert told == pytest.approx(sigmas, rel=1e-3)
        assert begun[0] == schedule.T - 1 or model == "cosine, limited"
