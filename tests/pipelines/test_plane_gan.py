"""The game in the plane: who moves whom, what the arrows are, and what happens when one player moves alone."""
from __future__ import annotations

import copy

import pytest
import torch

from pipelines.gan.network import GAN
from pipelines.gan.options import GAMES, GeneratorOptions
from pipelines.gan.plane import PLANE, forged
from pipelines.plane import Training, sample_density
from tests.pipelines.plane import draw, fresh, off


def spread(net: GAN) -> float:
    return forged(net, 500, torch.Generator().manual_seed(3)).std(0).norm().item()


@pytest.mark.parametrize("game", GAMES)
def test_samples_come_nearer_in_every_game(game: str) -> None:
    net = fresh("gan", game=game)
    for _ in Training(net, PLANE, "gaussians").run(80):
        pass
    assert off(draw("gan", "generator", net)) < 0.6 * off(draw("gan", "generator", fresh("gan")))


def test_one_player_alone() -> None:
    """D alone learns to tell data from samples; G alone runs to the place that D likes best, and collapses."""
    net = fresh("gan")
    assert isinstance(net, GAN)
    training = Training(net, PLANE, "gaussians")
    data = sample_density("gaussians", 500, training.data)
    for _ in range(60):
        training.step(["D"])
    figures = PLANE.figures(net, data)
    assert figures["D(data)"] > 0.6 > 0.4 > figures["D(samples)"]
    before = copy.deepcopy(net)
    for _ in range(60):
        training.step(["G"])
    assert PLANE.figures(net, data)["D(samples)"] > 0.6 and PLANE.figures(net, data)["D(data)"] == figures["D(data)"]
    assert spread(net) != spread(before)


def test_arrows_are_the_slope_of_the_discriminator() -> None:
    net, step = fresh("gan").double(), 1e-5
    assert isinstance(net, GAN) and PLANE.field is not None
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    ahead = [(net.discriminator(x + step * e, {}) - net.discriminator(x - step * e, {})) / (2 * step) for e in torch.eye(2).double()]
    assert torch.allclose(PLANE.field(net, x, 0.0, GeneratorOptions()), torch.stack(ahead, 1), atol=1e-6)
    shade = PLANE.view(net, x, x, 0.0).shade
    assert shade is not None and torch.equal(shade > 0, net.discriminator(x, {}) > 0)


def test_truncation_draws_noise_and_points_together() -> None:
    wide, narrow = (draw("gan", "generator", fresh("gan"), truncation=limit) for limit in (4, 0.3))
    assert narrow.std(0).norm() < 0.5 * wide.std(0).norm()
