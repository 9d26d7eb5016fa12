"""The 2-D laboratory: every family learns a density in the plane by its own objective and draws it by its own samplers."""
from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines import registry
from pipelines.plane import DENSITIES, CloudNoise, PlaneNet, sample_density, train
from pipelines.protocol import Outcome, run_alone


@pytest.fixture(scope="module")
def learnt() -> dict[str, PlaneNet]:
    nets = {}
    for family in registry.NAMES:
        torch.manual_seed(0)
        nets[family] = PlaneNet()
        for _ in train(nets[family], registry.family(family).plane, "gaussians", steps=800):
            pass
    return nets


def draw(family: str, name: str, net: PlaneNet, steps: int = 40, count: int = 800) -> Tensor:
    options = dataclasses.replace(registry.face(family).samplers[name].options(), steps=steps, clip=False)
    noise = CloudNoise(0, count)
    with torch.inference_mode():
        result = run_alone(registry.family(family).plane.start(name, options, noise.normal(), noise), net.nets)
    return result.x if isinstance(result, Outcome) else result


def off(points: Tensor) -> float:
    """Mean distance to the nearest of the eight centres; 0.075 for the density itself."""
    angles = torch.arange(8) * torch.pi / 4
    return torch.cdist(points, 0.8 * torch.stack([angles.cos(), angles.sin()], 1)).min(1).values.mean().item()


@pytest.mark.parametrize("family", registry.NAMES)
def test_every_sampler_finds_the_eight_gaussians(family: str, learnt: dict[str, PlaneNet]) -> None:
    for name in registry.face(family).samplers:
        points = draw(family, name, learnt[family])
        assert off(points) < 0.16, name
        nearest = torch.atan2(points[:, 1], points[:, 0]).div(torch.pi / 4).round().remainder(8)
        assert len(nearest.unique()) == 8, name                       # none of them is forgotten
    assert off(torch.randn(800, 2)) > 0.3


@pytest.mark.parametrize("family", registry.NAMES)
def test_the_likelihood_integrates_to_one_and_is_high_where_data_is(family: str, learnt: dict[str, PlaneNet]) -> None:
    log_density, options = registry.family(family).plane.log_density, next(iter(registry.face(family).samplers.values())).options()
    line = torch.linspace(-1.5, 1.5, 60)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 2)
    log_p = run_alone(log_density(grid, options), learnt[family].nets).x[:, 0]
    assert log_p.exp().sum().item() * (3 / 59) ** 2 == pytest.approx(1, abs=0.1)
    data = sample_density("gaussians", 500, np.random.default_rng(1))
    assert run_alone(log_density(data, options), learnt[family].nets).x.mean() > log_p.mean() + 3


@pytest.mark.parametrize("family", registry.NAMES)
def test_fields_point_and_are_finite_at_all_times(family: str, learnt: dict[str, PlaneNet]) -> None:
    plane, spec = registry.family(family).plane, next(iter(registry.face(family).samplers.values()))
    for share in (0.0, 0.5, 1.0):
        t = plane.noise_at + share * (plane.data_at - plane.noise_at)
        arrows = plane.field(learnt[family], torch.randn(50, 2), t, spec.options())
        assert arrows.shape == (50, 2) and torch.isfinite(arrows).all() and arrows.abs().max() > 1e-3


def test_densities() -> None:
    rng = np.random.default_rng(0)
    for name in DENSITIES[:-1]:
        points = sample_density(name, 2000, rng)
        assert points.shape == (2000, 2) and points.abs().max() < 1.3
    drawn = sample_density("drawn", 100, rng, np.array([[0.5, -0.5]]))
    assert drawn.mean(0).tolist() == pytest.approx([0.5, -0.5], abs=0.02)
    for wrong in ("cube", "drawn"):
        with pytest.raises(ValueError, match="There is no density"):
            sample_density(wrong, 5, rng)
