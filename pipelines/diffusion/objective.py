"""How the network is trained: guess the noise that was added (Ho et al. 2020, Algorithm 1)."""
from __future__ import annotations

from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Cond


class Net(Protocol):
    """`network.DiffusionNet`, or the small one of the 2-D laboratory."""
    @property
    def prediction(self) -> str: ...
    @property
    def schedule(self) -> NoiseSchedule: ...
    def output(self, x_t: Tensor, t: Tensor, cond: Any) -> Tensor: ...


def loss(net: Net, x0: Tensor, cond: Cond, rng: torch.Generator) -> Tensor:
    """The simple loss, E || target - net(sqrt(abar_t) x0 + sqrt(1 - abar_t) eps, t, c) ||^2 with t ~ U(1..T) (eq. 14).

    x0 (B, ...) in [-1, 1] with condition c; rng draws t and eps (on the CPU, so that a device changes nothing).
    The target is eps, or v = sqrt(abar_t) eps - sqrt(1 - abar_t) x0 (Salimans & Ho 2022, section 4).
    """
    t = torch.randint(net.schedule.T, (len(x0),), generator=rng).to(x0.device)
    eps = torch.randn(x0.shape, generator=rng).to(x0.device)
    level = net.schedule.at(t)
    target = eps if net.prediction == "eps" else level.v(x0, eps)
    return F.mse_loss(net.output(level.mixed(x0, eps), t, cond).float(), target)
