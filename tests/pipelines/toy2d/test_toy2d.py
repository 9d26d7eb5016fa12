"""The 2-D laboratory: every family learns a density in the plane by its own objective and draws it by its own samplers."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import nn

from pipelines import registry
from pipelines.numerics.likelihood import bits_per_dim
from pipelines.options import options_of
from pipelines.protocol import run_alone
from pipelines.toy2d.toy2d import DENSITIES, KEY_VJP, Training, sample_density
from tests.pipelines.gaussian import Gaussian
from tests.pipelines.toy2d.clouds import draw, fresh, off

pytestmark = pytest.mark.slow

FIELDS = tuple(name for name in registry.NAMES if registry.family(name).toy2d.field is not None)
# Steps of training, and the points of each.
TRAININGS = {"diffusion": (500, 256), "sde": (700, 384), "flow": (500, 256), "vqvae": (250, 256), "dalle": (100, 128), "gan": (400, 256)}
COUNT = 400                # of points that are drawn: their mean distance to a centre, which spreads by 0.05, is known to 0.0025
LIKELY = tuple(name for name in registry.NAMES if registry.family(name).toy2d.log_density is not None)


@pytest.fixture(scope="module")
def learnt() -> Mapping[str, nn.Module]:
    nets = {}
    for family in registry.NAMES:
        steps, batch = TRAININGS[family]
        toy2d = dataclasses.replace(registry.family(family).toy2d, batch=batch)
        nets[family] = fresh(family)
        for _ in Training(nets[family], toy2d, "gaussians").run(steps):
            pass
    return nets


@pytest.mark.parametrize("family", registry.NAMES)
def test_every_sampler_finds_the_eight_gaussians(family: str, learnt: Mapping[str, nn.Module]) -> None:
    samplers = registry.face(family).samplers
    for name in samplers:
        points = draw(family, name, learnt[family], COUNT)
        # A generator bridges gaps, since it is continuous; corrector-predictor ends with taking the last level's noise off and no more.
        assert off(points) < (0.2 if family == "gan" or name == "corrector_predictor" else 0.16), name
        nearest = torch.atan2(points[:, 1], points[:, 0]).div(torch.pi / 4).round().remainder(8)
        assert len(nearest.unique()) == (1 if name == "greedy" else 8), name              # none of them is forgotten
    assert off(draw(family, next(iter(samplers)), fresh(family), COUNT)) > 0.25                  # it is learnt


@pytest.mark.parametrize("family", LIKELY)
def test_the_likelihood_integrates_to_one_and_is_high_where_data_is(family: str) -> None:
    """Of a wide cloud, after little training: such a density has no ridges between the points of the grid."""
    cloud = 0.35 * np.random.default_rng(1).standard_normal((2000, 2))
    toy2d, options = registry.family(family).toy2d, next(iter(registry.face(family).samplers.values())).options()
    assert toy2d.log_density is not None
    net = fresh(family)
    for _ in Training(net, dataclasses.replace(toy2d, batch=128), "drawn", cloud).run(100):
        pass
    side = 48 if family == "dalle" else 30                                 # bins need a point each
    line = torch.linspace(-1.5, 1.5, side)
    grid = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(-1, 2)
    data = torch.from_numpy(cloud[:100]).float()
    there, where_data_is = (run_alone(toy2d.log_density(x, options), toy2d.nets(net)).x[:, 0].detach() for x in (grid, data))
    assert there.exp().sum().item() * (3 / (side - 1)) ** 2 == pytest.approx(1, abs=0.05)
    assert where_data_is.mean() > there.mean() + 3


@pytest.mark.parametrize("family", [name for name in LIKELY if name != "dalle"])
def test_the_likelihood_is_exact_for_what_is_as_narrow_as_the_densities_here(family: str) -> None:
    """Along every process and path, on the exact network; within a hundredth of a bit a dimension."""
    spec, data = next(iter(registry.face(family).samplers.values())), Gaussian(0.3, 0.03)
    ways = [{o.name: choice} for o in options_of(spec.options) if o.name in ("process", "path") for choice in o.choices]
    points = data.mu + data.s * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    log_density = registry.family(family).toy2d.log_density
    assert log_density is not None
    for way in ways or [{}]:
        found = run_alone(log_density(points, spec.options(**way)), {KEY_VJP: data.predict_vjp}).x[:, 0]
        error = bits_per_dim(found, 2) - bits_per_dim(data.log_density(points), 2)
        assert error.square().mean().sqrt() < 1e-2, way


@pytest.mark.parametrize("family", FIELDS)
def test_fields_point_and_are_finite_at_all_times(family: str, learnt: Mapping[str, nn.Module]) -> None:
    toy2d, spec = registry.family(family).toy2d, next(iter(registry.face(family).samplers.values()))
    assert toy2d.field is not None
    for share in (0.0, 0.5, 1.0):
        t = toy2d.noise_at + share * (toy2d.data_at - toy2d.noise_at)
        arrows = toy2d.field(learnt[family], torch.randn(50, 2), t, spec.options())
        assert arrows.shape == (50, 2) and torch.isfinite(arrows).all() and arrows.abs().max() > 1e-3


@pytest.mark.parametrize("family", [name for name in registry.NAMES if len(registry.family(name).toy2d.parts) > 1])
def test_a_step_of_a_part_moves_that_part_alone(family: str) -> None:
    toy2d, net = registry.family(family).toy2d, fresh(family)
    training = Training(net, toy2d, "moons")
    for name, part in toy2d.parts.items():
        before = {n: p.clone() for n, p in net.named_parameters()}
        training.step([name])
        moved = {n for n, p in net.named_parameters() if not torch.equal(p, before[n])}
        assert moved and all(n.startswith(part.prefix) for n in moved), name


def test_parts_learn_in_their_own_time() -> None:
    toy2d = registry.family("vqvae").toy2d
    names = [list(losses) for _, losses in Training(fresh("vqvae"), toy2d, "moons").run(10)]
    assert names == [["codes"]] * 6 + [["prior"]] * 4
    assert [list(losses) for _, losses in Training(fresh("gan"), registry.family("gan").toy2d, "moons").run(2)] == [["D", "G"]] * 2


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
