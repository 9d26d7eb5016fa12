"""How a picture is drawn: solve dx/dt = v_theta(x, t) from noise at t = 0 to the picture at t = 1 (Chen et al. 2018)."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.family import Limit, calls_a_step, sampler
from pipelines.flow.options import FlowOptions
from pipelines.late import Tensor, torch
from pipelines.numerics.gaussian import estimates
from pipelines.numerics.ode import EULER, HEUN, MIDPOINT, RK4, Control, PreviewFn, Tableau, adaptive, fixed
from pipelines.numerics.paths import Path, per_row
from pipelines.options import Tolerances
from pipelines.protocol import Predict, Preview, Sampler

ODE = Limit("ODE", "rk4", {"steps": 50}, ("path", "clip", "t_start", "source"))
_FILE = "pipelines/numerics/ode.py"


def runge_kutta(table: Tableau, v_theta: Predict, x: Tensor, path: Path, options: FlowOptions) -> Sampler:
    """N equal steps of an explicit method, x <- x + h sum_i b_i k_i with k_i = v_theta(x + h sum_j a_ij k_j, t + c_i h)."""
    begin = options.t_start
    times = [begin + k / options.steps * (1 - begin) for k in range(options.steps + 1)]
    return (yield from fixed(table, v_theta, x, times, preview_of(path, options.steps)))


@sampler("midpoint", "Midpoint", "Second order: looks half a step ahead; two calls a step.", FlowOptions, calls_a_step(2), order=2,
         limit=ODE.of, source="Runge 1895", file=_FILE,
         formula=r"x_{t+h} = x_t + h\,v_\theta\!\left(x_t + \tfrac h2 v_\theta,\; t + \tfrac h2\right)")
def midpoint(v_theta: Predict, x: Tensor, path: Path, options: FlowOptions) -> Sampler:
    return runge_kutta(MIDPOINT, v_theta, x, path, options)


@sampler("euler", "Euler", "The plainest solver; one call a step, and on straight paths hardly worse than others.", FlowOptions,
         calls_a_step(1), order=1, limit=ODE.of, source="Euler 1768", file=_FILE,
         formula=r"x_{t+h} = x_t + h\,v_\theta(x_t, t)")
def euler(v_theta: Predict, x: Tensor, path: Path, options: FlowOptions) -> Sampler:
    return runge_kutta(EULER, v_theta, x, path, options)


@sampler("heun", "Heun", "Second order: averages the slopes at both ends; two calls a step.", FlowOptions, calls_a_step(2), order=2,
         limit=ODE.of, source="Heun 1900", file=_FILE,
         formula=r"x_{t+h} = x_t + \tfrac h2\left(k_1 + k_2\right) \\ k_2 = v_\theta(x_t + h\,k_1, t + h)")
def heun(v_theta: Predict, x: Tensor, path: Path, options: FlowOptions) -> Sampler:
    return runge_kutta(HEUN, v_theta, x, path, options)


@sampler("rk4", "RK4", "Fourth order; four calls a step.", FlowOptions, calls_a_step(4), order=4,
         limit=ODE.of, source="Kutta 1901", file=_FILE,
         formula=r"x_{t+h} = x_t + \tfrac h6\left(k_1 + 2k_2 + 2k_3 + k_4\right)")
def rk4(v_theta: Predict, x: Tensor, path: Path, options: FlowOptions) -> Sampler:
    return runge_kutta(RK4, v_theta, x, path, options)


@dataclass(frozen=True)
class AdaptiveOptions(Tolerances, FlowOptions):
    """Those of a solver that chooses its own steps."""


@sampler("rk45", "RK45", "Chooses its own steps, for each picture by its own error; stops at the tolerance you set.", AdaptiveOptions,
         lambda options: 2 + 6 * options.steps, order=5, adaptive=True, limit=ODE.of, source="Dormand & Prince 1980", file=_FILE,
         formula=r"x_{t+h} = x_t + h\sum_i b_i k_i \\ e = h \sum_i (b_i - b_i^*)\,k_i")
def rk45(v_theta: Predict, x: Tensor, path: Path, options: AdaptiveOptions) -> Sampler:
    """Dormand and Prince's method; every picture chooses its steps by its own error."""
    control = Control(options.rtol, options.atol, options.steps)
    return (yield from adaptive(v_theta, x, options.t_start, 1.0, control, preview_of(path, options.steps)))


def preview_of(path: Path, steps: int) -> PreviewFn:
    """The preview of a step: the estimates of x1 and eps follow from the velocity a x + b v.

    Its straightness is the distance from the noise as the crow flies over the length of the way so far: 1 is straight.
    """
    way: list[Tensor] = []                                             # the noise, the last point, the length so far

    def preview(step: int, x: Tensor, t: Tensor, h: Tensor, slope: Tensor) -> Preview:
        point = path.at(t)
        x1, _ = estimates(*point.normalised(x), point.v_of_velocity(x, slope))
        start, last, length = way or (x, x, torch.zeros(len(x), device=x.device))
        length = length + (x - last).flatten(1).norm(dim=1)
        way[:] = start, x, length
        ahead = per_row(h, x) * slope                                  # the step that is about to be made counts too
        whole = length + ahead.flatten(1).norm(dim=1)
        straight = torch.where(whole > 0, (x + ahead - start).flatten(1).norm(dim=1) / whole.clamp(min=1e-12), 1.0)
        numbers = {"t": t, "h": h, r"\alpha(t)": point.alpha, r"\sigma(t)": point.sigma,
                   r"\|v_\theta\|": slope.flatten(1).norm(dim=1), "straightness": straight}
        sigma = float(point.sigma[0] / point.alpha[0].clamp(min=1e-6))
        return Preview(x, x1, step, steps, float(t[0]), sigma, numbers, slope)
    return preview
