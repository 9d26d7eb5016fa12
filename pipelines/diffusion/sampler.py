"""How a picture is drawn: from white noise x_T step by step to x_0, as the papers' algorithm boxes say.

In all of them eps_theta is a predictor to `yield from` (guidance and clipping are already in it), `x` is x_T (B, C, H, W),
`source` a picture (C, H, W) to start from instead, and `schedule` gives abar_t.
Times run from T-1 down to 0; s is the time after t, and abar_s = 1 after the last.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.diffusion.limits import ode_without_eta
from pipelines.diffusion.options import DiffusionOptions, one_a_step
from pipelines.family import Scheduler, sampler
from pipelines.late import Tensor, torch
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import NoiseSchedule, timesteps
from pipelines.options import option
from pipelines.protocol import Predict, Preview, Sampler


@dataclass(frozen=True)
class DDIMOptions(DiffusionOptions):
    eta: float = option(0.0, "Eta", "Noise added back by a step, from none (0) to as much as the ancestral sampler "
                        "(1).", symbol="η", low=0, high=1)


@sampler("ddim", "DDIM", "Deterministic at eta 0; smooth and reliable from 20 steps on.", DDIMOptions, one_a_step, order=1,
         limit=ode_without_eta, scheduler=Scheduler("DDIMScheduler", noise="streams", clips=True), source="Song, Meng, Ermon 2021, eq. 12",
         formula=r"x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1-\bar\alpha_s-\sigma_t^2}\;\hat\epsilon + \sigma_t z")
def ddim(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DDIMOptions,
         source: Tensor | None = None) -> Sampler:
    """Denoising diffusion implicit models (Song et al. 2021, eq. 12 and 16); eta = 0 is deterministic."""
    x = _begun(x, source, schedule, options)
    for step, t, abar_t, abar_s in _steps(schedule, options):
        eps = yield from eps_theta(x, torch.full((len(x),), float(t), device=x.device))
        sigma = options.eta * ((1 - abar_s) / (1 - abar_t) * (1 - abar_t / abar_s)) ** 0.5
        x0 = (x - (1 - abar_t) ** 0.5 * eps) / abar_t**0.5
        yield _preview(x, x0, eps, step, t, abar_t, abar_s, sigma, options)
        x = abar_s**0.5 * x0 + (1 - abar_s - sigma**2) ** 0.5 * eps
        if sigma > 0:
            x = x + sigma * noise.normal()
    return x


@dataclass(frozen=True)
class DDPMOptions(DiffusionOptions):
    variance: str = option("posterior", "Variance", "Noise added back by a step: the variance of the posterior, or "
                           "the larger beta.", symbol="σ²", choices=("posterior", "beta"))


@sampler("ddpm", "DDPM ancestral", "The paper's own sampler; adds fresh noise at each step and wants many.", DDPMOptions, one_a_step,
         scheduler=Scheduler("DDPMScheduler", noise="streams", clips=True), source="Ho, Jain, Abbeel 2020, Algorithm 2",
         formula=r"x_s = \frac{1}{\sqrt{\alpha_t}}\left(x_t - \frac{\beta_t}{\sqrt{1-\bar\alpha_t}}\,\hat\epsilon\right) + \sigma_t z")
def ddpm(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DDPMOptions,
         source: Tensor | None = None) -> Sampler:
    """Ancestral sampling (Ho et al. 2020, Algorithm 2), over a subset of the times (Nichol & Dhariwal 2021, eq. 19).

    x_s = (x_t - beta_t / sqrt(1 - abar_t) eps) / sqrt(alpha_t) + sigma_t z, with alpha_t = abar_t / abar_s.
    """
    x = _begun(x, source, schedule, options)
    for step, t, abar_t, abar_s in _steps(schedule, options):
        eps = yield from eps_theta(x, torch.full((len(x),), float(t), device=x.device))
        alpha, beta = abar_t / abar_s, 1 - abar_t / abar_s
        x0 = (x - (1 - abar_t) ** 0.5 * eps) / abar_t**0.5
        sigma = (beta if options.variance == "beta" else beta * (1 - abar_s) / (1 - abar_t)) ** 0.5
        yield _preview(x, x0, eps, step, t, abar_t, abar_s, sigma, options)
        x = (x - beta / (1 - abar_t) ** 0.5 * eps) / alpha**0.5
        if abar_s < 1:
            x = x + sigma * noise.normal()
    return x


def _begun(x: Tensor, source: Tensor | None, schedule: NoiseSchedule, options: DiffusionOptions) -> Tensor:
    """x_T; or x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) eps of a picture x_0 at the first time that is visited, eps being x_T."""
    if source is None:
        return x
    _, _, abar_t, _ = next(_steps(schedule, options))
    return abar_t**0.5 * source + (1 - abar_t) ** 0.5 * x


def _steps(schedule: NoiseSchedule, options: DiffusionOptions) -> Iterator[tuple[int, int, float, float]]:
    """(number of the step from 1, t, abar_t, abar_s) of every step."""
    times = timesteps(options.steps, schedule.visited(options.steps), options.spacing)
    abar = [*(float(schedule.alpha_bar[t]) for t in times), 1.0]
    begin = options.skipped
    return ((i + 1 - begin, times[i], abar[i], abar[i + 1]) for i in range(begin, len(times)))


def _preview(x: Tensor, x0: Tensor, eps: Tensor, step: int, t: int, abar_t: float, abar_s: float, sigma: float,
             options: DiffusionOptions) -> Preview:
    numbers = {"t": float(t), r"\bar\alpha_t": abar_t, r"\bar\alpha_s": abar_s, r"\alpha_t": abar_t / abar_s,
               r"\beta_t": 1 - abar_t / abar_s, r"\sigma_t": sigma}
    return Preview(x, x0, step, options.steps - options.skipped, float(t), ((1 - abar_t) / abar_t) ** 0.5, numbers, eps)
