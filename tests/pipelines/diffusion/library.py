"""The diffusers library's own solvers on the family's noise schedules: what ours are compared with."""
from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from pipelines.diffusion.options import DiffusionOptions
from pipelines.diffusion.solvers import times_of
from pipelines.numerics.library import own_noise, visit
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.registry import face
from tests.pipelines.diffusion.gaussian import Gaussian

SCHEDULERS = {name: spec.scheduler for name, spec in face("diffusion").samplers.items() if spec.scheduler and spec.scheduler.in_sigma}


def make_scheduler(name: str, schedule: NoiseSchedule, options: DiffusionOptions) -> Any:
    """A fresh scheduler of the library for eps predictions on this noise schedule, its timesteps set."""
    import diffusers
    kind = SCHEDULERS[name]
    scheduler = getattr(diffusers, kind.name)(options.steps, prediction_type="epsilon", timestep_spacing=options.spacing, **kind.settings)
    visit(scheduler, schedule, times_of(schedule, options))
    # Neighbouring noise levels can round to the same time, so the scheduler must not look up where it starts.
    scheduler.set_begin_index(0)
    return scheduler


def reference(name: str, data: Gaussian, options: DiffusionOptions, x: Tensor, noise: RowNoise) -> Tensor:
    """Where the library's solver ends on the exact network, from white noise x."""
    scheduler = make_scheduler(name, data.schedule, options)
    if "Multistep" not in type(scheduler).__name__:            # the others count in x_t / sqrt(abar_t)
        x = x * (1 + float(scheduler.sigmas[0]) ** 2) ** 0.5
    extra = own_noise(SCHEDULERS[name].noise, scheduler, noise)
    for i, t in enumerate(scheduler.timesteps):
        eps = data.eps(scheduler.scale_model_input(x, t), torch.full((len(x),), float(t)), {})
        x = scheduler.step(eps, t, x, **extra(i)).prev_sample
    return x
