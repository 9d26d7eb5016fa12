"""Samplers for pretrained models alone: what their makers save them with, and what distilled ones need. A scheduler of the library
draws with them (`hub.schedulers`)."""
from __future__ import annotations

from functools import partial

from pipelines.diffusion.limits import ode, ode_without_eta
from pipelines.diffusion.options import DiffusionOptions, SolverOptions, one_a_step, two_a_step
from pipelines.diffusion.sampler import DDIMOptions
from pipelines.diffusion.solvers import SIGMA, measured
from pipelines.family import SamplerSpec, Scheduler

_spec = partial(SamplerSpec, file="pipelines/diffusion/solvers.py")

DPMPP_2S = _spec(
    "dpmpp_2s", "DPM++ 2S", f"No memory between its pairs of steps; one call a step. {measured(1.1, 1.7)}",
    "Lu et al. 2022b, Algorithm 1", r"x_s = \tfrac{\sigma_s}{\sigma_t}x_t - \sqrt{\bar\alpha_s}\,(e^{-h}-1)\,\hat x_0^{\,mid}",
    SolverOptions, one_a_step, order=2, limit=ode,
    scheduler=Scheduler("DPMSolverSinglestepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}, in_sigma=True))
PNDM = _spec(
    "pndm", "PNDM", "Linear multistep on the noise; what Stable Diffusion 1 was published with; one call more than steps.",
    "Liu et al. 2022", r"x_s = \phi(x_t,\ \tfrac{1}{24}(55\hat\epsilon_t - 59\hat\epsilon_{t_1} + 37\hat\epsilon_{t_2} - "
    r"9\hat\epsilon_{t_3}))", DiffusionOptions, lambda options: one_a_step(options) + (options.steps > 1), limit=ode,
    scheduler=Scheduler("PNDMScheduler", {"skip_prk_steps": True}))
DPM2 = _spec(
    "kdpm2", "DPM2", f"Asks again at a midpoint; two calls a step. {measured(1.1, 2.2)}", "Karras et al. 2022, Algorithm 2 without noise",
    rf"{SIGMA},\\ x \leftarrow x + (\sigma_s - \sigma_t)\,\hat\epsilon_{{mid}}", SolverOptions, two_a_step, order=2, limit=ode,
    scheduler=Scheduler("KDPM2DiscreteScheduler", in_sigma=True))
DPM2_ANCESTRAL = _spec(
    "kdpm2_a", "DPM2 ancestral", "The same with fresh noise at each step.", "k-diffusion, ancestral step",
    rf"{SIGMA},\\ x \leftarrow x + (\sigma_\downarrow - \sigma_t)\,\hat\epsilon_{{mid}} + \sigma_\uparrow z", SolverOptions, two_a_step,
    scheduler=Scheduler("KDPM2AncestralDiscreteScheduler", noise="streams", in_sigma=True))
LCM = _spec(
    "lcm", "LCM", "For models distilled to a few steps (LCM, or its LoRA).", "Luo et al. 2023, Algorithm 1",
    r"x_s = \sqrt{\bar\alpha_s}\,(c_{skip}\,x_t + c_{out}\,\hat x_0) + \sqrt{1-\bar\alpha_s}\;z", DiffusionOptions, one_a_step,
    scheduler=Scheduler("LCMScheduler", noise="streams"))
TCD = _spec(
    "tcd", "TCD", "For models distilled to a few steps (TCD, or its LoRA); eta sets the noise of a step.", "Zheng et al. 2024",
    r"x_s = \sqrt{\bar\alpha_s}\,\hat x_0 + \sqrt{1-\bar\alpha_s-\sigma_t^2}\;\hat\epsilon + \sigma_t z", DDIMOptions, one_a_step,
    limit=ode_without_eta, scheduler=Scheduler("TCDScheduler", noise="streams"))
