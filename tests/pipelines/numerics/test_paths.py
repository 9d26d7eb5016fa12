"""Gaussian paths: derivatives against differences, and every conversion against the mixture that it is about."""
from __future__ import annotations

import pytest
import torch

from pipelines.flow.paths import PATHS
from pipelines.numerics.paths import Arc, Path, Reversed, at
from pipelines.numerics.schedules import NoiseSchedule
from pipelines.sde.processes import PROCESSES

ALL: dict[str, Path] = {**{f"flow {name}": path for name, path in PATHS.items()},
                        **{f"sde {name}": path for name, path in PROCESSES.items()}, "arc": Arc()}
TIMES = torch.tensor([0.05, 0.3, 0.5, 0.8, 0.95], dtype=torch.float64)


def pair() -> tuple[torch.Tensor, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    x0, eps = (torch.randn(5, 3, generator=rng, dtype=torch.float64) for _ in range(2))
    return x0, eps


@pytest.mark.parametrize("name", ALL)
def test_derivatives(name: str) -> None:
    path, h = ALL[name], 1e-6
    here, after, before = path.at(TIMES), path.at(TIMES + h), path.at(TIMES - h)
    assert torch.allclose(here.d_alpha, (after.alpha - before.alpha) / (2 * h), rtol=1e-4, atol=1e-7)
    assert torch.allclose(here.d_sigma, (after.sigma - before.sigma) / (2 * h), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("name", ALL)
def test_the_velocity_is_that_of_the_mixture(name: str) -> None:
    path, (x0, eps), h = ALL[name], pair(), 1e-6
    moved = (path.at(TIMES + h).mixed(x0, eps) - path.at(TIMES - h).mixed(x0, eps)) / (2 * h)
    assert torch.allclose(path.at(TIMES).velocity(x0, eps), moved, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ALL)
def test_conversions_go_there_and_back(name: str) -> None:
    point, (x0, eps) = ALL[name].at(TIMES), pair()
    x = point.mixed(x0, eps)
    assert torch.allclose(point.x0(x, eps), x0) and torch.allclose(point.eps(x, x0), eps)
    assert torch.allclose(point.tweedie(x, point.score(eps)), x0)
    z, phi = point.normalised(x)
    cos, sin = phi.cos()[:, None], phi.sin()[:, None]
    assert torch.allclose(z, cos * x0 + sin * eps)
    v = cos * eps - sin * x0
    assert torch.allclose(point.velocity_of_v(x, v), point.velocity(x0, eps))
    assert torch.allclose(point.v_of_velocity(x, point.velocity(x0, eps)), v)


@pytest.mark.parametrize("kind", ["linear", "cosine"])
def test_v_of_a_schedule_names_the_noise(kind: str) -> None:
    level, (x0, eps) = NoiseSchedule(kind).at(torch.tensor([0.0, 10.0, 400.5, 800.0, 999.0], dtype=torch.float64)), pair()
    assert torch.allclose(level.eps_of_v(level.mixed(x0, eps), level.v(x0, eps)), eps, atol=1e-5)        # the schedule is in fp32


def test_a_reversed_path_is_the_other_read_backwards() -> None:
    path = Reversed(Arc(), cut=0.1)
    there, here = Arc().at(1 - 0.9 * TIMES), path.at(TIMES)
    assert torch.equal(here.alpha, there.alpha) and torch.equal(here.sigma, there.sigma)
    assert float(at(path, 1.0, TIMES).sigma) == pytest.approx(float(Arc().at(torch.tensor([0.1])).sigma))
