"""How the velocity is learned: conditional flow matching (Lipman et al. 2023, eq. 14 and theorem 2)."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.flow.network import Net, velocity
from pipelines.numerics.paths import Path
from pipelines.protocol import Cond


def loss(net: Net, path: Path, x1: Tensor, cond: Cond, rng: torch.Generator, coupling: str = "independent",
         times: str = "uniform", noise: Tensor | None = None) -> Tensor:
    """E || v_theta(x_t, t, c) - u_t(x_t | x1) ||^2 with x_t = alpha x1 + sigma eps, u_t = alpha' x1 + sigma' eps (eq. 15) and t ~ U(0, 1).

    x1 (B, ...) are pictures in [-1, 1]; rng draws t and eps on the CPU, unless `noise` says which eps belongs to each x1.
    Regressing on u_t(. | x1) of one picture has the same gradient as regressing on the velocity of all of them, which
    nobody knows.
    """
    if coupling == "reflow" and noise is None:
        raise ValueError("Reflow learns from couples of noise and picture; give the noise that belongs to each picture.")
    t = (torch.sigmoid(torch.randn(len(x1), generator=rng)) if times == "logit-normal"
         else torch.rand(len(x1), generator=rng)).to(x1.device)
    eps = torch.randn(x1.shape, generator=rng).to(x1.device) if noise is None else noise
    if coupling == "minibatch-ot":
        eps = eps[nearest(x1, eps)]
    point = path.at(t)
    return F.mse_loss(velocity(net, path, point.mixed(x1, eps), t, cond), point.velocity(x1, eps))


def nearest(x1: Tensor, eps: Tensor) -> Tensor:
    """The permutation (B,) of the noise that is nearest to the pictures in sum of squares: optimal transport within the
    batch (Pooladian et al. 2023, section 3; Tong et al. 2024, section 3.2), so that paths cross less."""
    from scipy.optimize import linear_sum_assignment
    distances = torch.cdist(x1.flatten(1).float(), eps.flatten(1).float()).square()
    return torch.from_numpy(linear_sum_assignment(distances.cpu().numpy())[1]).to(x1.device)
