"""Explicit Runge-Kutta methods as coroutines: with fixed steps, and with steps that each row chooses for itself.

A field is `(x, t, rows) -> dx/dt` by `yield from`; x (B, ...), t (B,), and `rows` (B,) says which rows of the request x
holds (None: all), so that a field with a condition can pick theirs.
"""
from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from pipelines.late import Tensor, torch
from pipelines.numerics.paths import per_row
from pipelines.protocol import Outcome, Predict, Preview, Steps

PreviewFn = Callable[[int, Tensor, Tensor, Tensor, Tensor], Preview]      # (step from 1, x, t, h, slope) -> what to show


@dataclass(frozen=True)
class Tableau:
    """Butcher's table of an explicit method; `error` holds b minus the weights of the embedded method."""
    c: tuple[float, ...]
    a: tuple[tuple[float, ...], ...]
    b: tuple[float, ...]
    error: tuple[float, ...] = ()


EULER = Tableau((0,), ((),), (1,))
MIDPOINT = Tableau((0, 1 / 2), ((), (1 / 2,)), (0, 1))
HEUN = Tableau((0, 1), ((), (1,)), (1 / 2, 1 / 2))
RK4 = Tableau((0, 1 / 2, 1 / 2, 1), ((), (1 / 2,), (0, 1 / 2), (0, 0, 1)), (1 / 6, 1 / 3, 1 / 3, 1 / 6))
# Dormand & Prince 1980, table 2, "RK5(4)7M". The last stage is the next step's first.
DOPRI5 = Tableau(
    (0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1),
    ((), (1 / 5,), (3 / 40, 9 / 40), (44 / 45, -56 / 15, 32 / 9),
     (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
     (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
     (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)),
    (35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0),
    (71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40))


def _weighted(weights: Sequence[float], slopes: Sequence[Tensor]) -> Tensor:
    return torch.stack([w * k for w, k in zip(weights, slopes, strict=True) if w]).sum(0)


def _stages(table: Tableau, field: Predict, x: Tensor, t: Tensor, h: Tensor, first: Tensor, rows: Tensor | None) -> Steps:
    """k_i = f(x + h sum_j a_ij k_j, t + c_i h) for i = 1 .. s; the first is given."""
    slopes = [first]
    for c, a in zip(table.c[1:], table.a[1:], strict=True):
        slopes.append((yield from field(x + per_row(h, x) * _weighted(a, slopes), t + c * h, rows)))
    return slopes


def fixed(table: Tableau, field: Predict, x: Tensor, times: Sequence[float], preview: PreviewFn | None = None) -> Steps:
    """x at times[-1] from x at times[0], one step of the method between neighbours; times may rise or fall."""
    for i, (now, then) in enumerate(pairwise(times), start=1):
        t = torch.full((len(x),), now, device=x.device, dtype=x.dtype)
        h = torch.full_like(t, then - now)
        first = yield from field(x, t)
        if preview is not None:
            yield preview(i, x, t, h, first)
        slopes = yield from _stages(table, field, x, t, h, first, None)
        x = x + per_row(h, x) * _weighted(table.b, slopes)
    return x


@dataclass(frozen=True)
class Control:
    """How exact an adaptive solution has to be, and how much it may cost."""
    rtol: float
    atol: float
    max_steps: int                 # attempts of a row; each costs six evaluations


def adaptive(field: Predict, x: Tensor, start: float, end: float, control: Control, preview: PreviewFn | None = None) -> Steps:
    """x at `end` from x at `start` by DOPRI5, returned as an `Outcome`.

    Each row has its own time, step size and error (Hairer, Norsett & Wanner 1993, II.4), and takes part in a call
    only while it needs one: no row's result depends on its neighbours. A row that has used its steps stops where it
    is, and its note says so.
    """
    x, direction = x.clone(), 1.0 if end > start else -1.0
    t = torch.full((len(x),), float(start), device=x.device, dtype=x.dtype)
    slope = yield from field(x, t, torch.arange(len(x), device=x.device))
    h, steps = (yield from _first_step(field, x, t, slope, direction, abs(end - start), control)), torch.zeros_like(t)
    while len(rows := ((t != end) & (steps < control.max_steps)).nonzero()[:, 0]):
        left = (end - t[rows]).abs()
        last = h[rows] >= left * (1 - 1e-6)
        size = torch.where(last, left, h[rows])
        if preview is not None:
            # Copies, since what is shown is kept, while the rows here are written in place.
            yield preview(int(steps.max()) + 1, x.clone(), t.clone(), direction * torch.minimum(h, (end - t).abs()), slope.clone())
        x_row, slope_row, signed = x[rows], slope[rows], direction * size
        slopes = yield from _stages(DOPRI5, field, x_row, t[rows], signed, slope_row, rows)
        x_next = x_row + per_row(signed, x_row) * _weighted(DOPRI5.b, slopes)
        error = per_row(signed, x_row) * _weighted(DOPRI5.error, slopes)
        ratio = _norm(error, x_row, x_next, control)
        good = ratio <= 1
        steps[rows] += 1
        x[rows] = torch.where(per_row(good, x_row), x_next, x_row)
        slope[rows] = torch.where(per_row(good, x_row), slopes[-1], slope_row)
        # The last step lands on the end itself and not on a sum of roundings.
        t[rows] = torch.where(good & last, torch.full_like(size, end), torch.where(good, t[rows] + signed, t[rows]))
        factor = (0.9 * ratio.clamp(min=1e-10) ** -0.2).clamp(0.2, 10)
        h[rows] = size * torch.where(good, factor.clamp(min=1.0), factor)
    notes = [None if done else f"Stopped at t = {float(at):.3g} after {control.max_steps} steps, short of the tolerance; "
             "allow more steps or a larger tolerance." for at, done in zip(t, t == end, strict=True)]
    return Outcome(x, tuple(2 + 6 * int(n) for n in steps), tuple(notes))


def _first_step(field: Predict, x: Tensor, t: Tensor, slope: Tensor, direction: float, span: float, control: Control) -> Steps:
    """A first step size per row (Hairer, Norsett & Wanner 1993, II.4, "starting step size"); one evaluation."""
    d0, d1 = _norm(x, x, x, control), _norm(slope, x, x, control)
    h0 = torch.where((d0 < 1e-5) | (d1 < 1e-5), torch.full_like(d0, 1e-6), 0.01 * d0 / d1.clamp(min=1e-12)).clamp(max=span)
    probe = yield from field(x + per_row(direction * h0, x) * slope, t + direction * h0, torch.arange(len(x), device=x.device))
    d2 = _norm(probe - slope, x, x, control) / h0
    worst = torch.maximum(d1, d2)
    h1 = torch.where(worst <= 1e-15, (h0 * 1e-3).clamp(min=1e-6), (0.01 / worst.clamp(min=1e-15)) ** 0.2)
    return torch.minimum(100 * h0, h1).clamp(max=span)


def _norm(z: Tensor, x: Tensor, y: Tensor, control: Control) -> Tensor:
    """Root mean square of z per row, in units of the tolerance at x and y."""
    scale = control.atol + control.rtol * torch.maximum(x.abs(), y.abs())
    return (z / scale).flatten(1).square().mean(1).sqrt()
