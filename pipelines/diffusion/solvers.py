"""The solvers of the diffusers library behind one small generator: a fresh scheduler for every run (they hold state)."""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pipelines.diffusion.options import DiffusionOptions
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule, per_row
from pipelines.protocol import Predict, Preview, Sampler

# Name of the sampler -> (class in diffusers, settings of its own)
SCHEDULERS: dict[str, tuple[str, dict[str, Any]]] = {
    "euler": ("EulerDiscreteScheduler", {}),
    "euler_a": ("EulerAncestralDiscreteScheduler", {}),
    "heun": ("HeunDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}),
    "dpmpp_2m_sde": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}),
    "dpmpp_sde": ("DPMSolverSDEScheduler", {}),
    "unipc": ("UniPCMultistepScheduler", {}),
    "deis": ("DEISMultistepScheduler", {}),
    "lms": ("LMSDiscreteScheduler", {}),
}
TWO_CALLS = ("heun", "dpmpp_sde")      # these evaluate the network twice a step, but once in the last


def make_scheduler(name: str, schedule: NoiseSchedule, options: DiffusionOptions) -> Any:
    """A fresh scheduler of the library for eps predictions on this noise schedule, its timesteps set."""
    import diffusers
    class_name, settings = SCHEDULERS[name]
    if getattr(options, "karras", False):
        settings = settings | {"use_karras_sigmas": True}
    times = schedule.visited(options.steps)
    scheduler = getattr(diffusers, class_name)(
        num_train_timesteps=times, trained_betas=schedule.betas[:times].float().numpy(), prediction_type="epsilon",
        timestep_spacing=options.spacing, **settings)
    scheduler.set_timesteps(options.steps)
    # Neighbouring noise levels can round to the same time, so the scheduler must not look up where it starts.
    scheduler.set_begin_index(0)
    return scheduler


def solver(name: str, eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule,
           options: DiffusionOptions) -> Sampler:
    """Run a scheduler of the library from white noise x (B, C, H, W).

    Its stochastic steps draw from the rows' own streams: the SDE solvers from Brownian paths in log sigma, the
    ancestral one from the rows' generators.
    """
    scheduler = make_scheduler(name, schedule, options)
    x = x * float(scheduler.init_noise_sigma)
    extra = _own_noise(name, scheduler, noise)
    total = len(scheduler.timesteps)
    for i, t in enumerate(scheduler.timesteps):
        x_t = scheduler.scale_model_input(x, t)
        times = torch.full((len(x),), float(t), device=x.device)
        eps = yield from eps_theta(x_t, times)
        signal, sigma = schedule.at(times)
        x0 = (x_t - per_row(sigma, x) * eps) / per_row(signal, x)
        level = float(sigma[0] / signal[0])
        numbers = {"t": float(t), r"\sigma_t": level, r"\bar\alpha_t": float(signal[0]) ** 2, r"\lambda": -math.log(level)}
        yield Preview(x_t, x0, i + 1, total, float(t), level, numbers, eps)
        x = scheduler.step(eps, t, x, **extra(i)).prev_sample
    return x


def _own_noise(name: str, scheduler: Any, noise: RowNoise) -> Any:
    """What to hand to the scheduler's step i so that its noise is the rows' own."""
    if name == "euler_a":
        return lambda i: {"generator": noise.generators}
    if name not in ("dpmpp_sde", "dpmpp_2m_sde"):
        return lambda i: {}
    sigmas = [float(s) for s in scheduler.sigmas]
    paths = noise.brownian(-7.0, 12.0)                   # log sigma of every schedule that is offered lies within

    def increment(sigma: Any, sigma_next: Any) -> Tensor:
        return paths.increment(math.log(float(sigma)), math.log(float(sigma_next)))

    if name == "dpmpp_sde":
        scheduler.noise_sampler = increment
        return lambda i: {}
    zeros = torch.zeros(len(noise.seeds), *noise.shape, device=noise.device)
    return lambda i: {"variance_noise": increment(sigmas[i], sigmas[i + 1]) if sigmas[i + 1] > 0 else zeros}
