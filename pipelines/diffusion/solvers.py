"""The solvers of the diffusers library on the family's own noise schedules."""
from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from pipelines.diffusion.options import DiffusionOptions
from pipelines.numerics.library import SCHEDULERS, exact_lms, noised, own_noise, stepped, visit
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule, karras_times, timesteps
from pipelines.protocol import Predict, Preview, Sampler


def make_scheduler(name: str, schedule: NoiseSchedule, options: DiffusionOptions) -> Any:
    """A fresh scheduler of the library for eps predictions on this noise schedule, its timesteps set."""
    import diffusers
    class_name, settings = SCHEDULERS[name]
    scheduler = getattr(diffusers, class_name)(options.steps, prediction_type="epsilon", timestep_spacing=options.spacing, **settings)
    visit(scheduler, schedule, times_of(schedule, options))
    if name == "lms":
        exact_lms(scheduler)
    # Neighbouring noise levels can round to the same time, so the scheduler must not look up where it starts.
    scheduler.set_begin_index(0)
    return scheduler


def times_of(schedule: NoiseSchedule, options: DiffusionOptions) -> list[float]:
    """Where the steps begin, falling: by Karras's rule, or by the spacing."""
    if getattr(options, "karras", False):
        return karras_times(options.steps, schedule)
    return [float(t) for t in timesteps(options.steps, schedule.visited(options.steps), options.spacing)]


def solver(name: str, eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule,
           options: DiffusionOptions, source: Tensor | None = None) -> Sampler:
    """Run a scheduler of the library from white noise x (B, C, H, W), or from a noised picture source (C, H, W); its stochastic
    steps draw from the rows' own streams."""
    scheduler, begin = make_scheduler(name, schedule, options), None
    if source is not None:
        x, begin = noised(scheduler, source, x, options.skipped)
    total = len(scheduler.timesteps) - (begin or 0)

    def look(x_t: Tensor, eps: Tensor, t: float, i: int) -> Preview:
        signal, spread = schedule.levels(t)
        sigma = spread / signal
        numbers = {"t": t, r"\sigma_t": sigma, r"\bar\alpha_t": signal**2, r"\lambda": -math.log(sigma)}
        return Preview(x_t, (x_t - spread * eps) / signal, i + 1 - (begin or 0), total, t, sigma, numbers, eps)
    return (yield from stepped(scheduler, eps_theta, x, look, own_noise(name, scheduler, noise), begin))
