"""NCSN++ of the variance exploding SDE (Song et al. 2021): a UNet over pixels that answers the score itself and takes sigma as its time.

Its pictures lie in [0, 1]. The samplers run on [-1, 1], y = 2 x - 1, where noise levels are twice and the score is half as large,
and the prior's mean is -1.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.family import GenerativeModel
from pipelines.hub.about import ADAPTERS
from pipelines.hub.ddpm import Pixels
from pipelines.hub.sampler import predictor
from pipelines.numerics.paths import Point, per_row
from pipelines.protocol import Predict, Sampler, Steps
from pipelines.request import Request
from pipelines.sde.family import ready, solved
from pipelines.sde.processes import VE


@dataclass(frozen=True)
class WholeVE(VE):
    """VE whose noise level is s(t) itself and not what has come in since t = 0: with it these networks were trained."""

    def at(self, t: Tensor) -> Point:
        sigma = self.s(t)
        return Point(torch.ones_like(t), sigma, torch.zeros_like(t), self.rate * sigma)

    @property
    def prior_std(self) -> float:
        return self.sigma_max


def start(request: Request, weights: str, net: ScoreNet, device: torch.device, source: Tensor | None = None,
          previews: bool = True) -> Sampler:
    """The sampler of a request. source: a picture (3, H, W) in [-1, 1] to start from in place of the prior, noised to t_start."""
    size, process = net.checked((request.height, request.width)), net.process
    score = scaled(predictor(request, weights, {}, {}, net), process)
    if request.options.clip:
        score = clipped(score, process)
    return (yield from solved(score, process, request, net.latent(size), device, source, prior_mean=-1.0))


def scaled(s_theta: Predict, process: WholeVE) -> Predict:
    """The score of pictures in [-1, 1] at times t (B,) from the network's, which is that of pictures in [0, 1]."""
    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        score = yield from s_theta((x + 1) / 2, process.s(t) / 2, rows)
        return score / 2
    return predict


def clipped(s_theta: Predict, process: WholeVE) -> Predict:
    """The same with its estimate of the picture, x + sigma^2 s, held inside [-1, 1]."""
    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        score = yield from s_theta(x, t, rows)
        variance = per_row(process.s(t) ** 2, x)
        return ((x + variance * score).clamp(-1, 1) - x) / variance
    return predict


class ScoreNet(Pixels):
    """parts: unet, scheduler, of which sigma_min and sigma_max are used here."""
    info, drawing = ADAPTERS["ncsnpp"], GenerativeModel(start=start, ready=ready, methods=("predict",))

    @property
    def process(self) -> WholeVE:
        """In units of pictures in [-1, 1]."""
        config = self.scheduler.config
        return WholeVE(2 * config.sigma_min, 2 * config.sigma_max)
