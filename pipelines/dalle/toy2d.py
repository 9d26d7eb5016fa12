"""DALL-E in the plane, for the 2-D laboratory: a point is a sequence of two tokens, the column it lies in and its place there."""
from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from pipelines.dalle import objective
from pipelines.dalle.about import SPEC
from pipelines.dalle.network import DALLE, DALLEConfig
from pipelines.dalle.options import NetworkOptions
from pipelines.dalle.scorer import ScorerConfig
from pipelines.nets.codes import UNKNOWN, CodesConfig
from pipelines.nets.text import TextConfig
from pipelines.protocol import Call, Cond, Net, NetKey, Outcome, Sampler, Steps
from pipelines.toy2d.toy2d import KEY_LIKELIHOOD, SPAN, CloudNoise, Part, Toy2D, View, by_token, token_nets

BINS = 48                          # on each axis; as many as the laboratory's contours have points
WIDTH = 2 * SPAN / BINS            # of a bin
CAPTION = 2                        # tokens, both padding: a point has no caption


class Bins(nn.Module):
    """What the autoencoder is for pictures: points (B, 2) <-> the bins (B, 1, 2) of x and y, 0..BINS-1."""

    def codes(self, x: Tensor, cond: Cond | None = None) -> Tensor:
        """The bins of points; outside the window the outermost ones."""
        return ((x + SPAN) / WIDTH).floor().long().clamp(0, BINS - 1)[:, None]

    def decode(self, codes: Tensor, cond: Cond | None = None) -> Tensor:
        """The middles of bins; an `UNKNOWN` one is shown at the window's edge."""
        return torch.where(codes == UNKNOWN, -SPAN, (codes + 0.5) * WIDTH - SPAN)[:, 0]


def network(options: NetworkOptions) -> DALLE:
    """The family's own transformer, with bins in place of a picture's codes."""
    unused = ScorerConfig(TextConfig(1, CAPTION, 8, 1, 1), 8, 8)
    net = DALLE(DALLEConfig(1, CAPTION, 0, unused, CodesConfig(BINS, 8, (8, 8)), width=64, layers=2, heads=2, size=8))
    net.autoencoder, net.scorer = Bins(), nn.Identity()                      # type: ignore[assignment]
    return net


def captions(count: int) -> Tensor:
    """Empty ones, (B, CAPTION)."""
    return torch.zeros(count, CAPTION, dtype=torch.int64)


def loss(net: DALLE, x0: Tensor, rng: torch.Generator) -> Tensor:
    return objective.loss(net, captions(len(x0)), net.codes(x0))


def nets(net: DALLE) -> Mapping[NetKey, Net]:
    def likelihood(x: Tensor, cond: Cond) -> Tensor:
        return objective.log_likelihood(net, captions(len(x)), net.codes(x))[:, None]
    return token_nets(net, net.config.transformer.memory) | {KEY_LIKELIHOOD: likelihood}


def start(name: str, options: object, x: Tensor, noise: CloudNoise) -> Sampler:
    """A column, then a place in it; within the bin all places are alike, which is what the density says (Theis et al. 2016,
    section 3.1)."""
    prompt = BINS + 1 + torch.arange(CAPTION).expand(len(x), -1)                       # as DALLE.words numbers an empty caption
    middle = yield from by_token(prompt, 2, noise, partial(SPEC.samplers[name], options=options))
    return middle + WIDTH * (noise.rows().uniform(2) - 0.5)


def view(net: DALLE, x: Tensor, data: Tensor, t: float) -> View:
    """Where the token drawn last may have fallen: first p(column), then p(column, place), as shares of the largest."""
    if t < 1:
        return View()
    z, empty = net.codes(x), captions(len(x))
    if t < 2:
        p = net.model(net.words(empty))[:, -1, :BINS].softmax(1).gather(1, z[:, 0, :1])[:, 0]
    else:
        p = objective.log_likelihood(net, empty, z).exp()
    return View(shade=(p / p.max()).sqrt())


def figures(net: DALLE, data: Tensor) -> dict[str, float]:
    bits = -objective.log_likelihood(net, captions(len(data)), net.codes(data)) / (2 * math.log(2))
    return {"bits a token": bits.mean().item(), "bits a token_se": (bits.std() / len(bits) ** 0.5).item()}


def log_density(x: Tensor, options: object) -> Steps:
    """Exact: log p(bins) minus the logarithm of their area."""
    (log_p,) = yield (Call(KEY_LIKELIHOOD, x, None, {}),)
    return Outcome(log_p - 2 * math.log(WIDTH), (2,) * len(x), (None,) * len(x))


TOY2D = Toy2D({"": Part(loss, "model.", lr=3e-3)}, start, noise_at=0.0, data_at=2.0, pace=0.3, batch=256, log_density=log_density,
              network=network, nets=nets, view=view, figures=figures)
