"""All samplers of the family by name."""
from __future__ import annotations

from collections.abc import Callable

from pipelines.diffusion.sampler import ddim, ddpm
from pipelines.diffusion.solvers import deis, dpmpp_2m, dpmpp_2m_sde, dpmpp_sde, euler, euler_ancestral, heun, lms, unipc
from pipelines.protocol import Sampler

RUN: dict[str, Callable[..., Sampler]] = {
    "ddpm": ddpm, "ddim": ddim, "euler": euler, "euler_a": euler_ancestral, "heun": heun, "dpmpp_2m": dpmpp_2m,
    "dpmpp_2m_sde": dpmpp_2m_sde, "dpmpp_sde": dpmpp_sde, "unipc": unipc, "deis": deis, "lms": lms}
