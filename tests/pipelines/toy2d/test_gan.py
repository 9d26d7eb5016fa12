"""The game in the plane: who moves whom, what the arrows are, and what happens when one player moves alone."""
from __future__ import annotations

import pytest
import torch

from pipelines.gan.network import GAN
from pipelines.gan.options import GAMES
from pipelines.gan.sampler import GeneratorOptions
from pipelines.gan.toy2d import TOY2D, forged
from pipelines.toy2d.toy2d import Training, sample_density
from tests.pipelines.toy2d.clouds import draw, fresh, off

pytestmark = pytest.mark.slow


def largest(net: GAN) -> float:
    """Share of the samples that lie nearest to one of the eight Gaussians; an eighth at least."""
    x = forged(net, 800, torch.Generator().manual_seed(3))
    nearest = torch.atan2(x[:, 1], x[:, 0]).div(torch.pi / 4).round().remainder(8).long()
    return torch.bincount(nearest, minlength=8).max().item() / len(x)


@pytest.mark.parametrize("game", GAMES)
def test_samples_come_nearer_in_every_game(game: str) -> None:
    net = fresh("gan", game=game)
    for _ in Training(net, TOY2D, "gaussians").run(80):
        pass
    assert off(draw("gan", "generator", net)) < 0.6 * off(draw("gan", "generator", fresh("gan")))


def test_the_discriminator_alone_learns_to_tell_data_from_samples() -> None:
    net = fresh("gan")
    training = Training(net, TOY2D, "gaussians")
    for _ in range(60):
        training.step(["D"])
    figures = TOY2D.figures(net, sample_density("gaussians", 500, training.data))
    assert figures["D(data)"] > 0.6 > 0.4 > figures["D(samples)"]


def test_the_generator_alone_collapses() -> None:
    """Against a discriminator that stands still it runs to where that is highest, and forgets the other Gaussians."""
    net = fresh("gan")
    assert isinstance(net, GAN)
    training = Training(net, TOY2D, "gaussians")
    for _ in training.run(150):
        pass
    assert largest(net) < 0.25
    for _ in range(100):
        training.step(["G"])
    assert largest(net) > 0.45


def test_arrows_are_the_slope_of_the_discriminator() -> None:
    net, step = fresh("gan").double(), 1e-5
    assert isinstance(net, GAN) and TOY2D.field is not None
    x = torch.randn(20, 2, generator=torch.Generator().manual_seed(0)).double()
    ahead = [(net.discriminator(x + step * e, {}) - net.discriminator(x - step * e, {})) / (2 * step) for e in torch.eye(2).double()]
    assert torch.allclose(TOY2D.field(net, x, 0.0, GeneratorOptions()), torch.stack(ahead, 1), atol=1e-6)
    shade = TOY2D.view(net, x, x, 0.0).shade
    assert shade is not None and torch.equal(shade > 0, net.discriminator(x, {}) > 0)


def test_truncation_draws_noise_and_points_together() -> None:
    wide, narrow = (draw("gan", "generator", fresh("gan"), truncation=limit) for limit in (4, 0.3))
    assert narrow.std(0).norm() < 0.5 * wide.std(0).norm()
