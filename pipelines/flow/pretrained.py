"""Samplers for pretrained models alone: what their makers save them with."""
from __future__ import annotations

from functools import partial

from pipelines.family import SamplerSpec, Scheduler, calls_a_step
from pipelines.flow.options import FlowOptions
from pipelines.flow.sampler import ODE

_spec = partial(SamplerSpec, options=FlowOptions, nfe=calls_a_step(1), file="pipelines/hub/flow.py", order=2, limit=ODE.of)

DPMPP_2M = _spec(
    "dpmpp_2m", "DPM++ 2M", "Remembers the step before, one call a step; what Sana is published with.", "Lu et al. 2022b, Algorithm 2",
    r"\lambda = \ln\tfrac{1-\sigma}{\sigma} \\ x_s = \tfrac{\sigma_s}{\sigma_t}x_t - (1-\sigma_s)(e^{-h}-1) \\ \cdot "
    r"\left[(1+\tfrac{1}{2r})\hat x_1 - \tfrac{1}{2r}\hat x_1^{\,prev}\right]",
    scheduler=Scheduler("DPMSolverMultistepScheduler", {"algorithm_type": "dpmsolver++", "solver_order": 2}, in_sigma=True))
UNIPC = _spec(
    "unipc", "UniPC", "Predictor and corrector for one call a step; strong below 10 steps.", "Zhao et al. 2023, Algorithm 1",
    r"x_s^{c} = \tfrac{\sigma_s}{\sigma_t}x_t - (1-\sigma_s)(e^{-h}-1)\hat x_1 \\ {}- (1-\sigma_s)\,B(h)\sum_m \tfrac{c_m}{r_m}D_m",
    scheduler=Scheduler("UniPCMultistepScheduler", in_sigma=True))
