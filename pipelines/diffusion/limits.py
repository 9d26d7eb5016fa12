"""Where a sampler's pictures go as its steps grow: to the solution of the probability-flow ODE, or of the SDE on the seed's path."""
from __future__ import annotations

from pipelines.diffusion.options import DiffusionOptions, SolverOptions
from pipelines.family import Limit

_EQUATION = ("clip", "strength", "source")
# Karras' levels, because a last step from a level that only shrinks as the root of the steps costs more than all others.
ODE = Limit("ODE", "heun", {"steps": 100, "karras": True}, _EQUATION)
# From a picture: part of those levels begins at another noise level than part of the times does, and so leads elsewhere.
ODE_OF_A_PICTURE = Limit("ODE", "dpmpp_2m", {"steps": 200}, _EQUATION)
SDE = Limit("SDE", "dpmpp_2m_sde", {"steps": 500}, _EQUATION)


def ode(options: DiffusionOptions) -> Limit | None:
    return ODE if options.strength == 1 else None if getattr(options, "karras", False) else ODE_OF_A_PICTURE


def ode_without_eta(options: DiffusionOptions) -> Limit | None:
    """Of a sampler whose option eta adds noise."""
    return None if getattr(options, "eta", 0.0) else ode(options)


def sde(options: SolverOptions) -> Limit | None:
    return None if options.strength < 1 and options.karras else SDE
