"""A Gaussian mixture along every process and path: score, velocity, likelihood, and what the samplers make of it."""
from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from pipelines.flow.network import velocity
from pipelines.flow.paths import PATHS
from pipelines.numerics.gaussian import velocity as field_of
from pipelines.numerics.likelihood import bits_per_dim, exact, log_likelihood
from pipelines.numerics.ode import Control
from pipelines.protocol import Outcome, run_alone
from pipelines.registry import face
from pipelines.sde.network import score
from pipelines.sde.processes import PROCESSES
from pipelines.sde.sampler import score_of
from pipelines.toy2d.toy2d import CloudNoise
from tests.pipelines.gaussian import KEY_VJP
from tests.pipelines.gaussian import exact as predictor
from tests.pipelines.mixture import Mixture, log_marginal

DATA = Mixture()
RNG = torch.Generator().manual_seed(0)
TIMES = torch.linspace(0.1, 0.9, 12, dtype=torch.float64)
CASES = {**{name: (p, 1e-5, 1.0, p.prior_std) for name, p in PROCESSES.items()},
         **{f"flow-{name}": (p, 1.0, 0.0, 1.0) for name, p in PATHS.items()}}


def points(path) -> Tensor:
    """One for each of TIMES, where the path has some mass."""
    x0 = DATA.sample(len(TIMES), torch.Generator().manual_seed(1)).double()
    eps = torch.randn(x0.shape, generator=torch.Generator().manual_seed(2)).double()
    return path.at(TIMES).mixed(x0, eps)


@pytest.mark.parametrize("name", PROCESSES)
def test_score(name: str) -> None:
    process = PROCESSES[name]
    x = points(process).requires_grad_()
    (expected,) = torch.autograd.grad(log_marginal(DATA, process, x, TIMES).sum(), x)
    found = score(DATA, process, x.detach(), TIMES, {})
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", PATHS)
def test_velocity_carries_the_density(name: str) -> None:
    """The continuity equation: d log p / dt + u . grad log p + div u = 0."""
    path = PATHS[name]
    x, t = points(path).requires_grad_(), TIMES.clone().requires_grad_()
    u = velocity(DATA, path, x, t, {})
    grad_x, grad_t = torch.autograd.grad(log_marginal(DATA, path, x, t).sum(), (x, t))
    divergence = sum(torch.autograd.grad(u[:, d].sum(), x, retain_graph=True)[0][:, d] for d in range(2))
    left = grad_t + (u.detach() * grad_x).sum(1) + divergence
    assert left.abs().max() < 1e-6 * grad_t.abs().max()                    # in fp64, through two derivatives


@pytest.mark.parametrize("case", CASES)
def test_likelihood_within_a_hundredth_of_a_bit(case: str) -> None:
    path, data, noise, std = CASES[case]
    x0 = DATA.sample(6, torch.Generator().manual_seed(3))
    outcome: Outcome = run_alone(log_likelihood(path, exact(KEY_VJP, {}), x0, data, noise, std, Control(1e-5, 1e-5, 500)), DATA.nets)
    error = bits_per_dim(outcome.x[:, 0], 2) - bits_per_dim(DATA.log_density(x0), 2)
    assert error.abs().max() < 1e-2                                        # what is promised; the solver's tolerance is 1e-5


def nearest_mode(x: Tensor) -> Tensor:
    """How many samples belong to each mode."""
    joint = DATA._joint(x.double(), torch.ones(len(x), dtype=torch.float64), torch.zeros(len(x), dtype=torch.float64))
    return torch.bincount(joint.argmax(1), minlength=3).double()


@pytest.mark.slow
@pytest.mark.parametrize("name", [*face("sde").samplers, *(f"flow-{name}" for name in face("flow").samplers)])
def test_samplers_visit_the_modes_as_often_as_they_should(name: str) -> None:
    rows, specs = 600, face("flow" if name.startswith("flow-") else "sde").samplers
    noise = CloudNoise(0, rows)
    options = specs[name.removeprefix("flow-")].options(steps=100)
    if name.startswith("flow-"):
        path = PATHS[options.path]
        sampler = specs[name[5:]](field_of(predictor(), path), noise.normal(), path, options)
    else:
        process = PROCESSES[options.process]
        sampler = specs[name](score_of(predictor(), process), noise.normal(), noise, process, options)
    with torch.inference_mode():
        result = run_alone(sampler, DATA.nets)
    x = result.x if isinstance(result, Outcome) else result
    reference = nearest_mode(DATA.sample(200_000, torch.Generator().manual_seed(5)))
    assert chisquare(nearest_mode(x).numpy(), (rows * reference / reference.sum()).numpy()).pvalue > 0.001
    assert math.isclose(float(x[:, 0].std()), float(DATA.sample(200_000, RNG)[:, 0].std()), rel_tol=0.08)
