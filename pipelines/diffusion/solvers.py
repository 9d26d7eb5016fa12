"""Solvers of the diffusion ODE and SDE written in the noise level sigma = sqrt((1 - abar_t) / abar_t).

In all of them eps_theta is a predictor to `yield from` (guidance and clipping are already in it), `x` is x_T (B, C, H, W), and `source`
a picture (C, H, W) to start from instead. Inside, x stands for x_t / sqrt(abar_t), so that x = x_0 + sigma eps and the ODE is
dx/dsigma = eps; `sigma` falls to `after` in a step and to 0 in the last.
"""
from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise

from pipelines.diffusion.limits import ode, sde
from pipelines.diffusion.options import DiffusionOptions, SolverOptions, one_a_step, two_a_step
from pipelines.family import Scheduler, sampler
from pipelines.late import Tensor, np, torch
from pipelines.numerics.rng import LOG_SIGMA, RowNoise
from pipelines.numerics.schedules import NoiseSchedule, karras_times, timesteps
from pipelines.protocol import Predict, Preview, Sampler

SIGMA = r"\sigma = \sqrt{(1-\bar\alpha_t)/\bar\alpha_t},\quad x = x_t/\sqrt{\bar\alpha_t}"          # as the formulas begin
FEW = 15                           # below so many steps DEIS ends with one of first order, as the diffusers library has it


def measured(trailing: float, karras: float) -> str:
    """What a summary says of the order of convergence: of the error against the exact ODE, from 10 to 80 steps, on Gaussian data of
    widths from 0.05 to 1 under the linear schedule."""
    return f"Measured order {trailing:g} with trailing spacing, {karras:g} with Karras's."


def times_of(schedule: NoiseSchedule, options: DiffusionOptions) -> list[float]:
    """Where the steps begin, falling: by Karras's rule, or by the spacing."""
    if getattr(options, "karras", False):
        return karras_times(options.steps, schedule)
    return [float(t) for t in timesteps(options.steps, schedule.visited(options.steps), options.spacing)]


class Walk:
    """The levels that a run visits, and the network at them."""

    def __init__(self, eps_theta: Predict, schedule: NoiseSchedule, options: DiffusionOptions, calls_a_step: int = 1) -> None:
        self.eps_theta, self.schedule = eps_theta, schedule
        times = times_of(schedule, options)[options.skipped:]
        self.sigmas = [*(schedule.sigma(t) for t in times), 0.0]
        self.time = dict(zip(self.sigmas, times, strict=False))
        self.asked, self.calls = 0, calls_a_step * (len(times) - 1) + 1          # the last step is always plain

    def begun(self, x_T: Tensor, source: Tensor | None) -> Tensor:
        """White noise x_T at the first level; or a picture with so much of it (SDEdit, Meng et al. 2022)."""
        sigma = self.sigmas[0]
        return x_T * (1 + sigma**2) ** 0.5 if source is None else source + sigma * x_T

    def steps(self) -> Iterator[tuple[float, float]]:
        """(sigma, after) of every step."""
        return pairwise(self.sigmas)

    def eps(self, x: Tensor, sigma: float) -> Sampler:
        """eps_theta at a level, which may lie between two that are visited."""
        t = self.time[sigma] if sigma in self.time else float(self.schedule.time_of(np.array(sigma)))
        abar = 1 / (1 + sigma**2)
        x_t = abar**0.5 * x
        eps = yield from self.eps_theta(x_t, torch.full((len(x),), t, dtype=torch.float32, device=x.device))
        self.asked += 1
        numbers = {"t": t, r"\sigma_t": sigma, r"\bar\alpha_t": abar, r"\lambda": -math.log(sigma)}
        yield Preview(x_t, x - sigma * eps, self.asked, self.calls, t, sigma, numbers, eps)
        return eps

    def denoised(self, x: Tensor, sigma: float) -> Sampler:
        """The estimate of x_0 at a level."""
        return x - sigma * (yield from self.eps(x, sigma))


@sampler("euler", "Euler", "The plainest solver of the same ODE; one call a step, first order.", SolverOptions, one_a_step, order=1,
         limit=ode, source="Karras et al. 2022, Algorithm 1 without correction",
         scheduler=Scheduler("EulerDiscreteScheduler", in_sigma=True),
         formula=rf"{SIGMA},\\ x \leftarrow x + (\sigma_s - \sigma_t)\,\hat\epsilon")
def euler(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
          source: Tensor | None = None) -> Sampler:
    """Euler's method (Karras et al. 2022, Algorithm 1 without its correction)."""
    walk = Walk(eps_theta, schedule, options)
    x = walk.begun(x, source)
    for sigma, after in walk.steps():
        x = x + (after - sigma) * (yield from walk.eps(x, sigma))
    return x


@sampler("euler_a", "Euler ancestral", "Euler with fresh noise at each step; never settles, more varied.", DiffusionOptions, one_a_step,
         source="k-diffusion, ancestral step", scheduler=Scheduler("EulerAncestralDiscreteScheduler", noise="streams", in_sigma=True),
         formula=rf"{SIGMA},\\ x \leftarrow x + (\sigma_\downarrow - \sigma_t)\,\hat\epsilon + \sigma_\uparrow z")
def euler_ancestral(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
                    source: Tensor | None = None) -> Sampler:
    """Euler's method to a level below the next one, then noise up to it (k-diffusion's ancestral step)."""
    walk = Walk(eps_theta, schedule, options)
    x = walk.begun(x, source)
    for sigma, after in walk.steps():
        down, up = ancestral(sigma, after)
        x = x + (down - sigma) * (yield from walk.eps(x, sigma))
        if after > 0:
            x = x + up * noise.normal()
    return x


@sampler("heun", "Heun", f"Looks ahead and averages; two calls a step. {measured(1.1, 2.2)}", SolverOptions, two_a_step, order=2, limit=ode,
         source="Karras et al. 2022, Algorithm 1", scheduler=Scheduler("HeunDiscreteScheduler", in_sigma=True),
         formula=rf"{SIGMA},\\ x \leftarrow x + \tfrac12(\sigma_s - \sigma_t)\,(\hat\epsilon_t + \hat\epsilon_s)")
def heun(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
         source: Tensor | None = None) -> Sampler:
    """Heun's method: the mean of the slopes at both ends of a step (Karras et al. 2022, Algorithm 1)."""
    walk = Walk(eps_theta, schedule, options, calls_a_step=2)
    x = walk.begun(x, source)
    for sigma, after in walk.steps():
        eps = yield from walk.eps(x, sigma)
        if after > 0:
            ahead = yield from walk.eps(x + (after - sigma) * eps, after)
            eps = (eps + ahead) / 2
        x = x + (after - sigma) * eps
    return x


@sampler("dpmpp_2m", "DPM++ 2M", f"Remembers the step before, one call a step; a good choice at 10 to 25 steps. {measured(1.2, 1.9)}",
         SolverOptions, one_a_step, order=2, limit=ode, source="Lu et al. 2022b, Algorithm 2",
         scheduler=Scheduler("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}, in_sigma=True),
         formula=r"\lambda = \ln\frac{\sqrt{\bar\alpha}}{\sqrt{1-\bar\alpha}} \\ x_s = \tfrac{\sigma_s}{\sigma_t}x_t - "
                 r"\sqrt{\bar\alpha_s}\,(e^{-h}-1) \\ \cdot \left[(1+\tfrac{1}{2r})\hat x_0 - \tfrac{1}{2r}\hat x_0^{\,prev}\right]")
def dpmpp_2m(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
             source: Tensor | None = None) -> Sampler:
    """DPM-Solver++ (Lu et al. 2022b, Algorithm 2): x_0 is carried on along the line in lambda = -log sigma through its last two
    estimates."""
    walk = Walk(eps_theta, schedule, options)
    x, before = walk.begun(x, source), None
    for sigma, after in walk.steps():
        x0 = yield from walk.denoised(x, sigma)
        x = after / sigma * x + (1 - after / sigma) * _ahead(x0, before, sigma, after)
        before = sigma, x0
    return x


@sampler("dpmpp_2m_sde", "DPM++ 2M SDE", "The same with noise from a fixed Brownian path; one call a step.", SolverOptions, one_a_step,
         limit=sde, source="Lu et al. 2022b, SDE form",
         scheduler=Scheduler("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++", "solver_order": 2}, "paths", True),
         formula=r"x_s = e^{-h}\tfrac{\sigma_s}{\sigma_t}x_t + \sqrt{\bar\alpha_s}\,(1-e^{-2h})\,D \\ {} + \sigma_s\sqrt{1-e^{-2h}}\;z")
def dpmpp_2m_sde(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
                 source: Tensor | None = None) -> Sampler:
    """The same for the SDE (Lu et al. 2022b, SDE-DPM-Solver++(2M)), its noise from a Brownian path in log sigma: e^{-h} = after / sigma."""
    walk, paths = Walk(eps_theta, schedule, options), noise.brownian(*LOG_SIGMA)
    x, before = walk.begun(x, source), None
    for sigma, after in walk.steps():
        x0 = yield from walk.denoised(x, sigma)
        left = (after / sigma) ** 2
        x = left * x + (1 - left) * _ahead(x0, before, sigma, after)
        if after > 0:
            x = x + after * (1 - left) ** 0.5 * paths.increment(math.log(sigma), math.log(after))
        before = sigma, x0
    return x


@sampler("dpmpp_sde", "DPM++ SDE", "Stochastic, with a midpoint; two calls a step.", SolverOptions, two_a_step, limit=sde,
         source="Lu et al. 2022b; k-diffusion", scheduler=Scheduler("DPMSolverSDEScheduler", noise="paths", in_sigma=True),
         formula=r"x_s \leftarrow \text{midpoint}(x_t,\hat x_0) \\ {}+ \sigma_\uparrow\,"
                 r"\tfrac{W(\ln\sigma_s)-W(\ln\sigma_t)}{\sqrt{|\ln\sigma_s-\ln\sigma_t|}}")
def dpmpp_sde(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
              source: Tensor | None = None) -> Sampler:
    """DPM-Solver++ for the SDE with a midpoint (k-diffusion): an ancestral step half-way in log sigma, whose estimate of x_0 makes the
    whole one; both follow one Brownian path."""
    walk, paths = Walk(eps_theta, schedule, options, calls_a_step=2), noise.brownian(*LOG_SIGMA)
    x = walk.begun(x, source)

    def ancestral_step(x0: Tensor, sigma: float, after: float) -> Tensor:
        down, up = ancestral(sigma, after)
        return down / sigma * x + (1 - down / sigma) * x0 + up * paths.increment(math.log(sigma), math.log(after))

    for sigma, after in walk.steps():
        x0 = yield from walk.denoised(x, sigma)
        if after > 0:
            middle = (sigma * after) ** 0.5
            x0 = yield from walk.denoised(ancestral_step(x0, sigma, middle), middle)
            x = ancestral_step(x0, sigma, after)
    return x0


@sampler("unipc", "UniPC", f"Predictor and corrector for one call; strong below 10 steps. {measured(1.2, 2.5)}", SolverOptions, one_a_step,
         order=3, limit=ode, source="Zhao et al. 2023, Algorithm 1", scheduler=Scheduler("UniPCMultistepScheduler", in_sigma=True),
         formula=r"x_s^{c} = \tfrac{\sigma_s}{\sigma_t}x_t - \sqrt{\bar\alpha_s}\,(e^{-h}-1)\hat x_0 \\ {}- \sqrt{\bar\alpha_s}\,B(h)"
                 r"\sum_m \tfrac{c_m}{r_m}D_m")
def unipc(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
          source: Tensor | None = None) -> Sampler:
    """UniPC (Zhao et al. 2023, Algorithm 1, B_2, order 2): each new estimate of x_0 first corrects the step that led to it, then
    predicts the next; one call does both."""
    walk = Walk(eps_theta, schedule, options)
    x, past = walk.begun(x, source), list[tuple[float, Tensor]]()             # the last two levels and estimates of x_0 there
    begun = x
    for sigma, after in walk.steps():
        x0 = yield from walk.denoised(x, sigma)
        if past:
            x = sigma / past[0][0] * begun + (1 - sigma / past[0][0]) * _corrected(x0, sigma, past)
        begun = x                                       # where this step begins
        x = after / sigma * x + (1 - after / sigma) * _ahead(x0, past[0] if past else None, sigma, after)
        past = [(sigma, x0), *past[:1]]
    return x


@sampler("deis", "DEIS", f"Exponential integrator with a polynomial through past answers; one call a step. {measured(1.3, 2.1)}",
         SolverOptions, one_a_step, order=2, limit=ode, source="Zhang & Chen 2023",
         scheduler=Scheduler("DEISMultistepScheduler", in_sigma=True),
         formula=r"x_s = \Psi(s,t)\,x_t + \sum_j C_{j}\,\hat\epsilon_{t_j}")
def deis(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
         source: Tensor | None = None) -> Sampler:
    """Exponential integrator with the line in log sigma through the last two answers (Zhang & Chen 2023, log-rho, order 2)."""
    walk = Walk(eps_theta, schedule, options)
    x, before = walk.begun(x, source), None
    for sigma, after in walk.steps():
        eps = yield from walk.eps(x, sigma)
        if before is None or (after == 0 and options.steps < FEW):
            x = x + (after - sigma) * eps
        else:
            # Integrals over the step of the two lines that are 1 at one of the levels and 0 at the other.
            x = x + _line(sigma, after, sigma, before[0]) * eps + _line(sigma, after, before[0], sigma) * before[1]
        before = sigma, eps
    return x


@sampler("lms", "LMS", f"Linear multistep: four past slopes, one call a step; sensitive at few steps. {measured(1.8, 3)}", SolverOptions,
         one_a_step, order=3, limit=ode, source="k-diffusion, Adams-Bashforth", scheduler=Scheduler("LMSDiscreteScheduler", in_sigma=True),
         formula=rf"{SIGMA},\\ x \leftarrow x + \sum_{{j=0}}^{{3}} b_j\,\hat\epsilon_{{t_j}}")
def lms(eps_theta: Predict, x: Tensor, noise: RowNoise, schedule: NoiseSchedule, options: DiffusionOptions,
        source: Tensor | None = None) -> Sampler:
    """Linear multistep (Adams-Bashforth on unequal steps; k-diffusion): the polynomial in sigma through the last four slopes,
    integrated over the step."""
    walk = Walk(eps_theta, schedule, options)
    x, past = walk.begun(x, source), list[tuple[float, Tensor]]()
    for sigma, after in walk.steps():
        past = [(sigma, (yield from walk.eps(x, sigma))), *past[:3]]
        levels = [level for level, _ in past]
        x = x + sum(_weight(levels, j, sigma, after) * eps for j, (_, eps) in enumerate(past))
    return x


def ancestral(sigma: float, after: float) -> tuple[float, float]:
    """(level to go down to, noise to add) of a step whose variance is that of q(x_after | x_sigma, x_0)."""
    up = after * (1 - (after / sigma) ** 2) ** 0.5
    return (after**2 - up**2) ** 0.5, up


def _ahead(x0: Tensor, before: tuple[float, Tensor] | None, sigma: float, after: float) -> Tensor:
    """x_0 half a step ahead on the line in lambda through the last two estimates; the latest alone in the first and the last step."""
    if before is None or after == 0:
        return x0
    r = math.log(before[0] / sigma) / math.log(sigma / after)
    return x0 + (x0 - before[1]) / (2 * r)


def _corrected(x0: Tensor, sigma: float, past: list[tuple[float, Tensor]]) -> Tensor:
    """The mean of x_0 over the step that ended at sigma, by the line (or the parabola, with two past estimates) in lambda through the
    estimates at its ends and before it. Its weights match the first moments of e^{lambda} over the step."""
    start, first = past[0]
    h = math.log(start / sigma)
    grown = math.expm1(-h)
    moments = [(grown / -h - 1) / grown]
    if len(past) == 1:
        return first + 0.5 * (x0 - first)
    moments.append(((grown / -h - 1) / -h - 0.5) * 2 / grown)
    r = -math.log(past[1][0] / start) / h
    older = (moments[0] - moments[1]) / (1 - r)
    return first + (moments[0] - older) * (x0 - first) + older / r * (past[1][1] - first)


def _weight(levels: list[float], j: int, sigma: float, after: float) -> float:
    """The integral from sigma to after of the polynomial that is 1 at levels[j] and 0 at the others; at most of degree 3, for which two
    Gauss points are enough."""
    middle, half = (after + sigma) / 2, (after - sigma) / 2
    return sum(half * math.prod((tau - other) / (levels[j] - other) for k, other in enumerate(levels) if k != j)
               for tau in (middle - half / 3**0.5, middle + half / 3**0.5))


def _line(sigma: float, after: float, one: float, zero: float) -> float:
    """The integral from sigma to after of the line in log sigma that is 1 at level `one` and 0 at level `zero`."""
    def primitive(s: float) -> float:
        return s * (math.log(s / zero) - 1) / math.log(one / zero) if s > 0 else 0.0
    return primitive(after) - primitive(sigma)
