"""What the network stands for: the velocity v_theta(x, t, c) whose flow carries noise (t = 0) to pictures (t = 1)."""
from __future__ import annotations

from typing import Protocol

from torch import Tensor

from pipelines.numerics.paths import Path
from pipelines.protocol import Cond


class Net(Protocol):
    """A denoiser of any size: `nets.denoiser.Denoiser`, or the small one of the 2-D laboratory."""
    def predict(self, z: Tensor, phi: Tensor, cond: Cond) -> Tensor: ...


def velocity(net: Net, path: Path, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
    """v_theta at x (B, ...) and t (B,): alpha' x1 + sigma' eps with the network's estimates of x1 and eps put in."""
    point = path.at(t)
    return point.velocity_of_v(x, net.predict(*point.normalised(x), cond))
