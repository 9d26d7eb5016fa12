"""The processes: closed-form marginals against simulation, and against the equation itself."""
from __future__ import annotations

import pytest
import torch

from pipelines.numerics.paths import per_row
from pipelines.sde.processes import PROCESSES

TIMES = torch.tensor([0.01, 0.1, 0.3, 0.5, 0.9, 1.0], dtype=torch.float64)


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSES)
def test_simulated_forward_marginals_are_the_closed_form(name: str) -> None:
    process = PROCESSES[name]
    rng = torch.Generator().manual_seed(0)
    rows, steps = 40_000, 1000
    x = torch.full((rows, 1), 0.7, dtype=torch.float64)
    for k in range(steps):
        t = torch.tensor([(k + 0.5) / steps], dtype=torch.float64)                 # of all rows
        noise = torch.randn(x.shape, generator=rng, dtype=torch.float64)
        x = x + process.f(x, t) / steps + per_row(process.g(t), x) * noise / steps**0.5
        if k + 1 in (100, 500, 1000):
            now = torch.tensor([(k + 1) / steps], dtype=torch.float64)
            level = process.at(now)
            sigma = float(level.sigma)
            assert x.mean().item() == pytest.approx(0.7 * float(level.alpha), abs=0.02 * sigma)
            assert x.std().item() == pytest.approx(sigma, rel=0.015)


@pytest.mark.parametrize("name", PROCESSES)
def test_the_link_between_marginals_and_sde(name: str) -> None:
    process = PROCESSES[name]
    # d(sigma^2)/dt = 2 f sigma^2 + g^2 for a drift f x
    rate = process.f(torch.ones(len(TIMES), 1, dtype=torch.float64), TIMES)[:, 0]
    point = process.at(TIMES)
    assert torch.allclose(2 * point.sigma * point.d_sigma, 2 * rate * point.sigma**2 + process.g(TIMES) ** 2, rtol=1e-6)
    assert torch.allclose(point.d_alpha, rate * point.alpha, rtol=1e-9)


@pytest.mark.parametrize("name", PROCESSES)
def test_small_times_are_exact_in_single_precision(name: str) -> None:
    process, t = PROCESSES[name], torch.tensor([1e-5, 1e-4, 1e-3])
    assert torch.allclose(process.at(t).sigma.double(), process.at(t.double()).sigma, rtol=1e-5)
