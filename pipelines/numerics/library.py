"""The schedulers of the diffusers library behind one generator: a fresh one for every run, since they hold state."""
from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.numerics.rng import LOG_SIGMA, RowNoise
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Predict, Preview, Sampler

# (x_t, the network's answer, time, number of the step from 0) -> what is to be seen of the step, if anything is
PreviewFn = Callable[[Tensor, Tensor, float, int], Preview | None]


NO_NOISE = 1e-6                    # sigma at the end, for solvers that take its logarithm


def visit(scheduler: Any, schedule: NoiseSchedule, times: Sequence[float]) -> None:
    """Set the steps of a scheduler that works in sigma: they begin at these times of the schedule, which fall, and the last ends
    without noise.

    The library's own choice of times differs from solver to solver. "trailing" makes one step too many for some counts, the last at
    t = -1; solvers with a memory leave out the end of the other spacings; Karras's levels keep the last level of the spacing in
    some, and are told to the network as rounded times in others. So for as long as it chooses, the scheduler sees a noise schedule
    that consists of the levels to be visited and nothing else.
    """
    sigmas, full, config = [schedule.sigma(t) for t in times], scheduler.alphas_cumprod, dict(scheduler.config)
    scheduler.alphas_cumprod = 1 / (1 + torch.tensor(sigmas[::-1], dtype=torch.float64) ** 2)
    scheduler.register_to_config(num_train_timesteps=len(times), use_karras_sigmas=False, lambda_min_clipped=-math.inf)
    if "timestep_spacing" in inspect.signature(type(scheduler)).parameters:
        scheduler.register_to_config(timestep_spacing="trailing")              # of as many steps as there are levels: all of them
        scheduler.set_timesteps(len(times))
    else:
        scheduler.set_timesteps(timesteps=list(range(len(times)))[::-1])
    scheduler.alphas_cumprod = full
    scheduler.register_to_config(**config)
    scheduler.sigmas[-1] = NO_NOISE if scheduler.sigmas[-1] > 0 else 0
    # The numbers of the levels, counted from the lowest, as times; a step that asks half-way has one between two levels.
    numbers, levels = scheduler.timesteps.double().numpy(), np.arange(len(times))
    between = schedule.time_of(np.exp(np.interp(numbers, levels, np.log(sigmas[::-1]))))
    scheduler.timesteps = torch.from_numpy(np.where(numbers % 1 == 0, np.interp(numbers, levels, times[::-1]), between)).float()


def stepped(scheduler: Any, predict: Predict, x: Tensor, preview: PreviewFn, extra: Callable[[int], dict[str, Any]] = lambda i: {},
            begin: int | None = None) -> Sampler:
    """Run a scheduler whose timesteps are set from white noise x (B, ...), which it scales as it needs.

    extra: what its step number i takes besides, such as the noise of the rows' own streams.
    begin: the number of the step to begin with, for an x that is a picture with as much noise as belongs there.
    """
    if begin is None:
        x = x * float(getattr(scheduler, "init_noise_sigma", 1.0))
    times = scheduler.timesteps.tolist()
    for i, t in list(enumerate(scheduler.timesteps))[begin:]:
        x_t = scheduler.scale_model_input(x, t) if hasattr(scheduler, "scale_model_input") else x
        answer = yield from predict(x_t, torch.full((len(x),), times[i], dtype=torch.float32, device=x.device))
        shown = preview(x_t, answer, times[i], i)
        if shown is not None:
            yield shown
        x = scheduler.step(answer, t, x, **extra(i)).prev_sample
    return x


def noised(scheduler: Any, x0: Tensor, noise: Tensor, skipped: int) -> tuple[Tensor, int]:
    """(x0 (C, H, W) noised (B, C, H, W) to the level at which the scheduler stands after so many of its steps, which timestep that is)."""
    begin = skipped * scheduler.order
    if hasattr(scheduler, "set_begin_index"):
        scheduler.set_begin_index(begin)
    return scheduler.add_noise(x0.expand_as(noise), noise, scheduler.timesteps[begin:begin + 1].repeat(len(noise))), begin


def own_noise(kind: str, scheduler: Any, noise: RowNoise) -> Callable[[int], dict[str, Any]]:
    """What to hand to the scheduler's step i so that its noise, if it adds any, is the rows' own: from their "streams", or from their
    Brownian "paths" in log sigma (`family.Scheduler.noise`)."""
    if kind == "streams":
        return lambda i: {"generator": noise.generators}
    if not kind:
        return lambda i: {}
    sigmas = [float(s) for s in scheduler.sigmas]
    paths = noise.brownian(*LOG_SIGMA)

    def increment(sigma: Any, sigma_next: Any) -> Tensor:
        return paths.increment(math.log(float(sigma)), math.log(float(sigma_next)))

    if hasattr(scheduler, "noise_sampler"):
        scheduler.noise_sampler = increment
        return lambda i: {}
    zeros = torch.zeros(len(noise.seeds), *noise.shape, device=noise.device)
    return lambda i: {"variance_noise": increment(sigmas[i], sigmas[i + 1]) if sigmas[i + 1] > 0 else zeros}
