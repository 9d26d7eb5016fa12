"""What the network stands for: the velocity v_theta(x, t, c) whose flow carries noise (t = 0) to pictures (t = 1)."""
from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from pipelines.flow.paths import Path
from pipelines.numerics.gaussian import drift
from pipelines.numerics.schedules import per_row
from pipelines.protocol import Cond


class Net(Protocol):
    """A denoiser of any size: `nets.denoiser.Denoiser`, or the small one of the 2-D laboratory."""
    def predict(self, z: Tensor, phi: Tensor, cond: Cond) -> Tensor: ...


def velocity(net: Net, path: Path, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
    """v_theta at x (B, ...) and t (B,): alpha' x1 + sigma' eps with the network's estimates of x1 and eps put in."""
    a, b, r = drift(path, t)
    phi = torch.atan2(path.sigma(t), path.alpha(t))
    return per_row(a, x) * x + per_row(b, x) * net.predict(x / per_row(r, x), phi, cond)
