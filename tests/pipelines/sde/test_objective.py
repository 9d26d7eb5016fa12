"""Both ways to learn a score have the same minimiser."""
from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from pipelines.numerics.paths import per_row
from pipelines.sde.objective import denoising, sliced
from pipelines.sde.processes import PROCESSES, Process
from tests.pipelines.gaussian import Gaussian

DATA = Gaussian(0.4, 0.6)


class Linear(nn.Module):
    """s = -(x - alpha m) / (alpha^2 q + sigma^2): the right form, with m and q to be found."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self.process, self.m, self.log_q = process, nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        level = self.process.at(t)
        alpha, sigma = per_row(level.alpha, x), per_row(level.sigma, x)
        return -(x - alpha * self.m) / (alpha**2 * self.log_q.exp() + sigma**2)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["variance", "likelihood", "sliced"])
def test_the_minimiser_is_the_score_of_the_data(objective: str) -> None:
    process = PROCESSES["vp"]
    net, rng = Linear(process), torch.Generator().manual_seed(0)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.03)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    for _ in range(400):
        x0 = DATA.mu + DATA.s * torch.randn(2048, 2, generator=rng)
        value = sliced(net, process, x0, rng) if objective == "sliced" else denoising(net, process, x0, rng, objective)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        decay.step()
    assert net.m.item() == pytest.approx(DATA.mu, abs=0.05)
    assert net.log_q.exp().item() == pytest.approx(DATA.s**2, abs=0.05)


def test_sliced_is_half_of_denoising_up_to_a_constant() -> None:
    """Their difference must be the same for two different networks."""
    process, rng = PROCESSES["vp"], torch.Generator()
    x0 = DATA.mu + DATA.s * torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1))
    constants = []
    for m, log_q in ((0.0, 0.0), (0.6, -1.0)):
        net = Linear(process)
        net.m.data.fill_(m)
        net.log_q.data.fill_(log_q)
        values = [sliced(net, process, x0, rng.manual_seed(2)), denoising(net, process, x0, rng.manual_seed(2), "variance") / 2]
        constants.append((values[1] - values[0]).item())
    assert constants[0] == pytest.approx(constants[1], abs=0.02)
    assert constants[0] == pytest.approx(0.5, abs=0.02)                # E ||z||^2 / 2 per dimension
