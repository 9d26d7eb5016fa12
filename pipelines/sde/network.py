"""What the network stands for: the score s_theta(x, t, c) = grad_x log p_t(x | c) of pictures under noise."""
from __future__ import annotations

from typing import Protocol

from torch import Tensor

from pipelines.numerics.gaussian import estimates
from pipelines.protocol import Cond
from pipelines.sde.processes import Process


class Net(Protocol):
    """A denoiser of any size: `nets.denoiser.Denoiser`, or the small one of the 2-D laboratory."""
    def predict(self, z: Tensor, phi: Tensor, cond: Cond) -> Tensor: ...


def score(net: Net, process: Process, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
    """s_theta = -eps / sigma(t), shaped like x (B, ...), at t (B,).

    The score of a noisy picture is the direction in which it becomes more likely: away from its noise (Vincent 2011).
    """
    point = process.at(t)
    z, phi = point.normalised(x)
    _, eps = estimates(z, phi, net.predict(z, phi, cond))
    return point.score(eps)
