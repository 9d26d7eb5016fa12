"""A sampler of the page for a pretrained model: a scheduler of the library on the model's own noise schedule."""
from __future__ import annotations

import copy
import math
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor

from pipelines import registry
from pipelines.family import Scheduler
from pipelines.numerics.library import visit
from pipelines.numerics.schedules import NoiseSchedule, karras_times, timesteps

TIMES = 50                         # on which distilled models were taught, and from which their samplers choose
VARIANCES = {"posterior": "fixed_small", "beta": "fixed_large"}


def described(name: str) -> Scheduler:
    """What the library draws with in place of a sampler of the diffusion family."""
    found = registry.face("diffusion").every[name].scheduler
    assert found is not None
    return found


def scheduler_for(saved: Any, name: str, options: Any) -> Any:
    """A fresh scheduler, its timesteps set: the saved one's noise schedule and conventions, with the algorithm and its options.

    Where these conventions say another number of steps than was asked for, or the end of Karras's levels, ours are in force.
    """
    import diffusers
    ours = described(name)
    kind = getattr(diffusers, ours.name)
    config = {key: value for key, value in saved.config.items() if key != "_use_default_values"}      # else they are dropped
    settings = {**ours.settings, "timestep_spacing": options.spacing}
    if ours.clips:
        settings |= {"clip_sample": options.clip}
    if hasattr(options, "karras"):
        settings |= {"use_karras_sigmas": options.karras}
    if hasattr(options, "variance"):
        settings |= {"variance_type": VARIANCES[options.variance]}
    changed = {key: value for key, value in settings.items() if saved.config.get(key, value) != value or key not in saved.config}
    scheduler = copy.deepcopy(saved) if type(saved) is kind and not changed else kind.from_config(config, **settings)
    apart = name == "lcm" or (name == "tcd" and options.steps > TIMES)
    more = {"original_inference_steps": max(TIMES, options.steps)} if apart else {}
    scheduler.set_timesteps(options.steps, **more)
    _correct(scheduler, name, options)
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(0)                     # neighbouring noise levels can round to the same time
    return scheduler


def _correct(scheduler: Any, name: str, options: Any) -> None:
    """Set the steps again where the library's are not those that were asked for (see `visit`)."""
    karras = getattr(options, "karras", False)
    if described(name).in_sigma and (karras or len(scheduler.timesteps) != scheduler.order * (options.steps - 1) + 1):
        schedule = GivenSchedule(scheduler)
        times = karras_times(options.steps, schedule) if karras else timesteps(options.steps, schedule.visited(options.steps), "trailing")
        visit(scheduler, schedule, times)
    else:
        scheduler.timesteps = scheduler.timesteps[scheduler.timesteps >= 0]


class GivenSchedule(NoiseSchedule):
    """The noise schedule that a scheduler of the library was saved with."""

    def __init__(self, scheduler: Any) -> None:
        object.__setattr__(self, "given", scheduler)
        super().__init__(T=len(scheduler.alphas_cumprod))

    @cached_property
    def alpha_bar(self) -> Tensor:
        return self.given.alphas_cumprod.double()                            # type: ignore[attr-defined]

    def visited(self, steps: int) -> int:
        """All times, unless the model was saved with a limit of its own, whose usual one is ours."""
        limited = self.given.config.get("lambda_min_clipped", -math.inf) > -math.inf         # type: ignore[attr-defined]
        return super().visited(steps) if limited else self.T


def estimate(kind: str, x: Tensor, answer: Tensor, signal: float | Tensor, sigma: float | Tensor) -> Tensor:
    """x0 from x_t = signal x0 + sigma eps and the network's answer, which is eps, v or x0 itself (`prediction_type`)."""
    if kind == "epsilon":
        return (x - sigma * answer) / signal
    return signal * x - sigma * answer if kind == "v_prediction" else answer


def colours(z: Tensor) -> Tensor:
    """Latents (B, C, h, w) as colours (B, 3, h, w) to look at: a fixed map of the channels, their own where there are three."""
    channels = z.shape[1]
    if channels == 3:
        return z
    return torch.einsum("bchw,cd->bdhw", z.float(), _mix(channels).to(z.device))


@cache
def _mix(channels: int) -> Tensor:
    return torch.randn(channels, 3, generator=torch.Generator().manual_seed(5)) * (0.5 / channels**0.5)
