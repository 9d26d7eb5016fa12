"""Runge-Kutta methods on fields whose solution is known, and against torchdiffeq."""
from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from pipelines.numerics.ode import DOPRI5, EULER, HEUN, MIDPOINT, RK4, Control, Tableau, adaptive, fixed
from pipelines.protocol import Call, NetKey, Outcome, run_alone
from tests.pipelines.gaussian import slope

KEY = NetKey("field", "predict")
TABLES = {"euler": (EULER, 1), "midpoint": (MIDPOINT, 2), "heun": (HEUN, 2), "rk4": (RK4, 4), "dopri5": (DOPRI5, 5)}


def ask(x, t, rows=None):
    (answer,) = yield (Call(KEY, x, t, {}),)
    return answer


def swing(x: Tensor, t: Tensor, cond: dict) -> Tensor:
    """x'' = -x + cos(2 t) for pairs (position, speed): x(t) = A cos t + B sin t - cos(2 t) / 3."""
    return torch.stack([x[:, 1], -x[:, 0] + torch.cos(2 * t)], dim=1)


def exact(start: Tensor, t: float) -> Tensor:
    a, b = start[:, 0] + 1 / 3, start[:, 1]
    return torch.stack([a * math.cos(t) + b * math.sin(t) - math.cos(2 * t) / 3,
                        -a * math.sin(t) + b * math.cos(t) + 2 * math.sin(2 * t) / 3], dim=1)


# Thirty times the tolerance, which is met step by step: errors of thirty steps add up at worst.
STEPS_ADD_UP = 30
START = torch.tensor([[1.0, 0.0], [0.3, -2.0], [5.0, 1.0]], dtype=torch.float64)


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_consistent(name: str) -> None:
    table: Tableau = TABLES[name][0]
    assert sum(table.b) == pytest.approx(1)
    assert [sum(row) for row in table.a] == pytest.approx(list(table.c))
    assert not table.error or sum(table.error) == pytest.approx(0)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("end", [2.0, -2.0])
def test_measured_order_of_convergence(name: str, end: float) -> None:
    table, order = TABLES[name]
    errors = []
    for steps in (16, 32, 64):
        times = [end * k / steps for k in range(steps + 1)]
        x = run_alone(fixed(table, ask, START, times), {KEY: swing})
        errors.append((x - exact(START, end)).abs().max().item())
    assert slope(errors) == pytest.approx(order, abs=0.3), errors


@pytest.mark.parametrize("tolerance", [1e-3, 1e-5, 1e-7])
def test_adaptive_meets_the_tolerance_and_agrees_with_torchdiffeq(tolerance: float) -> None:
    import torchdiffeq
    outcome: Outcome = run_alone(adaptive(ask, START, 0.0, 2.0, Control(tolerance, tolerance, 1000)), {KEY: swing})
    assert (outcome.x - exact(START, 2.0)).abs().max() < STEPS_ADD_UP * tolerance
    for k in range(len(START)):
        calls = 0

        def field(t: Tensor, x: Tensor) -> Tensor:
            nonlocal calls
            calls += 1
            return swing(x[None], t[None], {})[0]

        theirs = torchdiffeq.odeint(field, START[k], torch.tensor([0.0, 2.0], dtype=torch.float64), rtol=tolerance, atol=tolerance,
                                    method="dopri5")[-1]
        assert (outcome.x[k] - theirs).abs().max() < STEPS_ADD_UP * tolerance
        assert abs(outcome.nfe[k] - calls) <= 13                      # they step past the end and interpolate
    assert outcome.notes == (None,) * 3


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    control = Control(1e-4, 1e-4, 1000)
    together: Outcome = run_alone(adaptive(ask, START, 0.0, 2.0, control), {KEY: swing})
    for k in range(len(START)):
        alone: Outcome = run_alone(adaptive(ask, START[k:k + 1], 0.0, 2.0, control), {KEY: swing})
        assert torch.equal(alone.x[0], together.x[k])
        assert alone.nfe[0] == together.nfe[k]


def test_rows_that_are_done_are_not_evaluated() -> None:
    rows = 0

    def stiff(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        nonlocal rows
        rows += len(x)
        return -x

    start = torch.tensor([[1e-3], [1.0], [100.0]], dtype=torch.float64)
    outcome: Outcome = run_alone(adaptive(ask, start, 0.0, 5.0, Control(1e-6, 1e-6, 1000)), {KEY: stiff})
    assert len(set(outcome.nfe)) > 1
    assert rows == sum(outcome.nfe)


def test_a_row_that_used_its_steps_says_so() -> None:
    outcome: Outcome = run_alone(adaptive(ask, START, 0.0, 2.0, Control(1e-9, 1e-9, 3)), {KEY: swing})
    assert all(note is not None and "3 steps" in note for note in outcome.notes)
    assert outcome.nfe == (20, 20, 20)
    assert torch.isfinite(outcome.x).all()
