"""How a picture is drawn: solve dx/dt = v_theta(x, t) from noise at t = 0 to the picture at t = 1 (Chen et al. 2018)."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pipelines.flow.options import AdaptiveOptions, FlowOptions
from pipelines.numerics.gaussian import estimates
from pipelines.numerics.ode import EULER, HEUN, MIDPOINT, RK4, Control, Look, Tableau, adaptive, fixed
from pipelines.numerics.paths import Path, per_row
from pipelines.protocol import Predict, Preview, Sampler


def runge_kutta(table: Tableau, v_theta: Predict, x: Tensor, path: Path, options: FlowOptions) -> Sampler:
    """N equal steps of an explicit method, x <- x + h sum_i b_i k_i with k_i = v_theta(x + h sum_j a_ij k_j, t + c_i h)."""
    begin = options.t_start
    times = [begin + k / options.steps * (1 - begin) for k in range(options.steps + 1)]
    return (yield from fixed(table, v_theta, x, times, look(path, options.steps)))


def rk45(v_theta: Predict, x: Tensor, path: Path, options: AdaptiveOptions) -> Sampler:
    """Dormand and Prince's method; every picture chooses its steps by its own error."""
    control = Control(options.rtol, options.atol, options.steps)
    return (yield from adaptive(v_theta, x, options.t_start, 1.0, control, look(path, options.steps)))


def look(path: Path, steps: int) -> Look:
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


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "midpoint": lambda *a: runge_kutta(MIDPOINT, *a), "euler": lambda *a: runge_kutta(EULER, *a),
    "heun": lambda *a: runge_kutta(HEUN, *a), "rk4": lambda *a: runge_kutta(RK4, *a), "rk45": rk45,
}
