"""Likelihoods of Gaussian data against the exact density, along every process and path."""
from __future__ import annotations

import math

import pytest
import torch

from pipelines.flow.paths import PATHS
from pipelines.numerics.likelihood import bits_per_dim, exact, hutchinson, log_likelihood, signs
from pipelines.numerics.ode import Control
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Outcome, run_alone
from pipelines.sde.processes import PROCESSES
from tests.pipelines.gaussian import KEY_VJP, Gaussian

pytestmark = pytest.mark.slow

DATA = Gaussian()
SHAPE = (3, 4, 4)
X0 = DATA.mu + DATA.s * torch.randn(4, *SHAPE, generator=torch.Generator().manual_seed(0))
# path, time of data, time of noise, standard deviation of the prior
CASES = {**{name: (p, 1e-5, 1.0, p.prior_std) for name, p in PROCESSES.items()},
         **{f"flow-{name}": (p, 1.0, 0.0, 1.0) for name, p in PATHS.items()}}


def difference(case: str, how: str, solver: Control) -> float:
    """Largest error in bits per dimension."""
    path, data, noise, std = CASES[case]
    vectors = signs(RowNoise((0, 1, 2, 3), SHAPE), 2)
    divergence = exact(KEY_VJP, {}) if how == "exact" else hutchinson(KEY_VJP, {}, vectors)
    outcome: Outcome = run_alone(log_likelihood(path, divergence, X0, data, noise, std, solver), DATA.nets)
    d = math.prod(SHAPE)
    return (bits_per_dim(outcome.x[:, 0], d) - bits_per_dim(DATA.log_density(X0), d)).abs().max().item()


@pytest.mark.parametrize("how", ["exact", "hutchinson"])
@pytest.mark.parametrize("case", CASES)
def test_within_a_hundredth_of_a_bit(case: str, how: str) -> None:
    assert difference(case, how, Control(1e-5, 1e-5, 500)) < 1e-2


def test_bits_of_pictures_that_are_equally_likely_everywhere() -> None:
    """The uniform density on [-1, 1]^D gives each of the 256 levels of a pixel the same probability, up to its edges."""
    assert bits_per_dim(torch.tensor([-10 * math.log(2)]), 10).item() == pytest.approx(math.log2(255))


def test_hutchinson_is_unbiased_for_a_full_jacobian() -> None:
    matrix = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    nets = {KEY_VJP: lambda z, phi, cond: {"value": z @ matrix.T, "product": cond["vector"] @ matrix}}
    z, phi = torch.zeros(1, 6), torch.zeros(1)
    _, one = run_alone(exact(KEY_VJP, {})(z, phi, None), nets)
    _, many = run_alone(hutchinson(KEY_VJP, {}, signs(RowNoise((0,), (6,)), 4000))(z, phi, None), nets)
    assert one.item() == pytest.approx(matrix.trace().item(), abs=1e-5)
    assert many.item() == pytest.approx(matrix.trace().item(), abs=0.5)
