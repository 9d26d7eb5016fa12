"""How the score s_theta(x, t) = grad log p_t(x) is learned from samples."""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipelines.numerics.paths import per_row
from pipelines.protocol import Cond
from pipelines.sde.network import Net, score
from pipelines.sde.options import T_MIN
from pipelines.sde.processes import Process

Score = Callable[[Tensor, Tensor], Tensor]


def noised(process: Process, x0: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """(x_t, t, z) with t ~ U(T_MIN, 1), z ~ N(0, I) and x_t = alpha(t) x0 + sigma(t) z; drawn on the CPU."""
    t = (T_MIN + (1 - T_MIN) * torch.rand(len(x0), generator=rng)).to(x0.device)
    z = torch.randn(x0.shape, generator=rng).to(x0.device)
    return process.at(t).mixed(x0, z), t, z


def denoising(s_theta: Score, process: Process, x0: Tensor, rng: torch.Generator, weighting: str) -> Tensor:
    """Denoising score matching, E lambda(t) ||s_theta(x_t, t) - grad log p_t(x_t | x0)||^2 (Song et al. 2021, eq. 7).

    grad log p_t(x_t | x0) = -z / sigma(t). lambda is sigma(t)^2 ("variance", eq. 7) or g(t)^2 ("likelihood", Song et al.
    2021b, theorem 1). The mean is over dimensions too.
    """
    x_t, t, z = noised(process, x0, rng)
    level = process.at(t)
    weight = level.sigma if weighting == "variance" else process.g(t)
    return (per_row(weight, x0) * (s_theta(x_t, t) - level.score(z))).square().mean()


def sliced(s_theta: Score, process: Process, x0: Tensor, rng: torch.Generator) -> Tensor:
    """Sliced score matching, E sigma(t)^2 [ v^T (ds_theta/dx) v + ||s_theta||^2 / 2 ] with random directions v (Song et al.
    2019, eq. 8 with the variance of the second term reduced), which needs no density p_t(x | x0).

    v is of +-1, so that E v v^T = I. Up to a constant the expectation is half that of `denoising` by variance; both
    have the same minimiser. Costs a second backward pass.
    """
    x_t, t, _ = noised(process, x0, rng)
    v = (2.0 * torch.randint(2, x0.shape, generator=rng) - 1).to(x0)
    with sdpa_kernel(SDPBackend.MATH):                       # the fused attention has no second derivative
        x_t.requires_grad_()
        s = s_theta(x_t, t)
        (product,) = torch.autograd.grad((s * v).sum(), x_t, create_graph=True)
        return (per_row(process.at(t).sigma, x0) ** 2 * (v * product + 0.5 * s.square())).mean()


def loss(net: Net, process: Process, x0: Tensor, cond: Cond, rng: torch.Generator, objective: str) -> Tensor:
    """The objective of that name for the network's score of captioned pictures x0 (B, C, H, W) in [-1, 1]."""
    def s_theta(x: Tensor, t: Tensor) -> Tensor:
        return score(net, process, x, t, cond)
    if objective == "sliced":
        return sliced(s_theta, process, x0, rng)
    return denoising(s_theta, process, x0, rng, objective)
