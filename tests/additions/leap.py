"""A sampler of the flow family as a file that adds one has it."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.family import calls_a_step, sampler
from pipelines.flow.options import FlowOptions
from pipelines.late import Tensor, torch
from pipelines.numerics.paths import Path
from pipelines.options import option
from pipelines.protocol import Predict, Sampler


@dataclass(frozen=True)
class LeapOptions(FlowOptions):
    reach: float = option(1.0, "Reach", "How far a step goes along its slope.", symbol="ρ", low=0.5, high=1)


@sampler("leap", "Leap", "Euler's method, with less than a whole step.", LeapOptions, calls_a_step(1), source="nobody",
         formula=r"x_{t+h} = x_t + \rho h\,v_\theta(x_t, t)")
def leap(v_theta: Predict, x: Tensor, path: Path, options: LeapOptions) -> Sampler:
    for k in range(options.steps):
        t = torch.full((len(x),), k / options.steps, dtype=x.dtype, device=x.device)
        x = x + options.reach / options.steps * (yield from v_theta(x, t))
    return x
