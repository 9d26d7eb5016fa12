"""Paths, solvers and the objective on Gaussian data, and against the flow-matching package."""
from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from pipelines.flow.network import velocity as network_velocity
from pipelines.flow.objective import loss, nearest
from pipelines.flow.options import FlowOptions
from pipelines.flow.paths import PATHS, VP
from pipelines.numerics.gaussian import clipped_v, velocity
from pipelines.numerics.paths import OptimalTransport
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Outcome, run_alone
from pipelines.registry import face, reference_solution
from pipelines.request import Request
from tests.pipelines.gaussian import KEY, Gaussian, exact, slope, within

DATA = Gaussian()
SPECS = face("flow").samplers
TIMES = torch.tensor([0.05, 0.3, 0.5, 0.8, 0.95], dtype=torch.float64)


def draw(name: str, options: FlowOptions, rows: int = 16, shape: tuple[int, ...] = (3, 16, 16),
         dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, int]:
    """(samples, the noise they came from, calls)."""
    calls = 0

    def net(z: Tensor, phi: Tensor, cond: dict) -> Tensor:
        nonlocal calls
        calls += 1
        return DATA.predict(z, phi, cond)

    path, x = PATHS[options.path], RowNoise(tuple(range(rows)), shape).normal().to(dtype)
    with torch.inference_mode():
        result = run_alone(SPECS[name](velocity(exact(), path), x, path, options), {KEY: net})
    return result.x if isinstance(result, Outcome) else result, x, calls


@pytest.mark.parametrize("name", PATHS)
def test_ends_of_the_paths(name: str) -> None:
    ends = PATHS[name].at(torch.tensor([0.0, 1.0]))
    assert ends.sigma.tolist() == pytest.approx([1, 0], abs=0.012)
    assert ends.alpha.tolist() == pytest.approx([0, 1], abs=0.007)


@pytest.mark.parametrize("name", PATHS)
def test_marginal_velocity_of_a_gaussian(name: str) -> None:
    path, x = PATHS[name], torch.randn(5, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.allclose(network_velocity(DATA, path, x, TIMES, {}), DATA.velocity(path, x, TIMES), atol=1e-9)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("name", SPECS)
def test_mean_and_variance(name: str, path: str) -> None:
    samples, _, _ = draw(name, SPECS[name].options(steps=80, path=path))
    assert samples.mean().item() == pytest.approx(0.3, abs=0.02)
    assert samples.std().item() == pytest.approx(0.5, rel=0.05)


@pytest.mark.parametrize("name", SPECS)
def test_every_sampler_as_the_page_runs_it(name: str) -> None:
    """With every option at its default, the estimate held in the range of images too, on data that lie within it."""
    options, data, x = SPECS[name].options(), Gaussian(0.1, 0.2), RowNoise((0, 1), (3, 16, 16)).normal()
    path = PATHS[options.path]
    with torch.inference_mode():
        result = run_alone(SPECS[name](velocity(clipped_v(exact()), path), x, path, options), {KEY: data.predict})
    found = result.x if isinstance(result, Outcome) else result
    assert (found - data.flow(path, x, 0.0, 1.0)).square().mean().sqrt().item() / data.s < within(name, options)


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if not spec.adaptive])
def test_order_of_convergence(name: str) -> None:
    errors = []
    for steps in (64, 128, 256):
        samples, x, _ = draw(name, FlowOptions(steps, "vp"), rows=2, shape=(1, 8, 8), dtype=torch.float64)
        errors.append((samples - DATA.flow(PATHS["vp"], x, 0.0, 1.0)).square().mean().sqrt().item())
    assert slope(errors) == pytest.approx(SPECS[name].order, abs=0.3), errors


@pytest.mark.parametrize("name", SPECS)
def test_calls_are_the_declared_ones(name: str) -> None:
    for steps in (1, 2, 7):
        options = SPECS[name].options(steps=steps)
        _, _, calls = draw(name, options, rows=1, shape=(1, 4, 4))
        assert calls <= SPECS[name].nfe(options) if SPECS[name].adaptive else calls == SPECS[name].nfe(options)


def test_path_and_solver_equal_the_flow_matching_package() -> None:
    from flow_matching.path import AffineProbPath, CondOTProbPath
    from flow_matching.path.scheduler import VPScheduler
    from flow_matching.solver import ODESolver
    rng = torch.Generator().manual_seed(0)
    x1, eps, t = torch.randn(8, 5, generator=rng), torch.randn(8, 5, generator=rng), torch.rand(8, generator=rng)
    theirs = CondOTProbPath().sample(x_0=eps, x_1=x1, t=t)
    point = OptimalTransport(sigma_min=0.0).at(t)
    assert torch.allclose(point.mixed(x1, eps), theirs.x_t, atol=1e-6)
    assert torch.allclose(point.velocity(x1, eps), theirs.dx_t, atol=1e-6)
    cut, point = 1e-3, PATHS["vp"].at(t)
    theirs = AffineProbPath(VPScheduler(VP.beta_min, VP.beta_max)).sample(x_0=eps, x_1=x1, t=(1 - cut) * t)
    assert torch.allclose(point.mixed(x1, eps), theirs.x_t, atol=1e-5)
    assert torch.allclose(point.velocity(x1, eps), (1 - cut) * theirs.dx_t, rtol=1e-3, atol=1e-4)
    for method, theirs_method in (("euler", "euler"), ("midpoint", "midpoint"), ("heun", "heun2")):
        ours, x, _ = draw(method, FlowOptions(20), rows=2, shape=(6,))
        solver = ODESolver(velocity_model=lambda x, t: network_velocity(DATA, PATHS["ot"], x, t.expand(len(x)), {}))
        ended = solver.sample(x_init=x, method=theirs_method, step_size=1 / 20)
        assert (ours - ended).abs().max() < 1e-4


def test_the_objective_is_least_for_the_exact_network() -> None:
    x1 = DATA.mu + DATA.s * torch.randn(20_000, 2, generator=torch.Generator().manual_seed(0))
    values = {mu: loss(Gaussian(mu, DATA.s), PATHS["ot"], x1, {}, torch.Generator().manual_seed(1)).item() for mu in (0.0, 0.3, 0.6)}
    assert min(values, key=values.__getitem__) == 0.3


def test_minibatch_coupling_is_a_permutation_that_shortens_the_paths() -> None:
    rng = torch.Generator().manual_seed(0)
    x1, eps = torch.randn(64, 2, generator=rng), torch.randn(64, 2, generator=rng)
    order = nearest(x1, eps)
    assert sorted(order.tolist()) == list(range(64))
    assert (x1 - eps[order]).square().sum() < 0.5 * (x1 - eps).square().sum()


@pytest.mark.parametrize("name", SPECS)
def test_more_steps_come_near_to_the_samplers_own_limit(name: str) -> None:
    def found(steps: int) -> Tensor:
        given = {"steps": 200, "rtol": steps**-2, "atol": steps**-2} if name == "rk45" else {"steps": steps}
        return draw(name, SPECS[name].options(**given), rows=2, shape=(1, 8, 8))[0]

    run = reference_solution(Request("flow", "", name, SPECS[name].options(path="vp")))
    assert run is not None and run.options.path == "vp"
    limit = draw(run.sampler, replace(run.options, path="ot"), rows=2, shape=(1, 8, 8))[0]
    near, far = ((found(steps) - limit).square().mean().sqrt() for steps in (80, 20))
    assert near < max(0.5 * far, 1e-3) and near < 0.02
