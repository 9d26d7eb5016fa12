"""All samplers of the family by name: the papers' own, and the library's behind one generator."""
from __future__ import annotations

from collections.abc import Callable
from functools import partial

from pipelines.diffusion.sampler import ddim, ddpm
from pipelines.diffusion.solvers import solver
from pipelines.numerics.library import SCHEDULERS
from pipelines.protocol import Sampler

RUN: dict[str, Callable[..., Sampler]] = {"ddpm": ddpm, "ddim": ddim, **{name: partial(solver, name) for name in SCHEDULERS}}
