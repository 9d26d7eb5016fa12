"""The losses on logits made by hand, R1 where it is known, and who learns from what."""
from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from pipelines.gan.network import GAN, GANConfig, alikeness
from pipelines.gan.objective import GAMES, held, loss, mismatched, r1
from pipelines.nets.text import TextConfig
from tests.tiny import TEXT

CONFIG = GANConfig(TextConfig(TEXT.vocabulary, TEXT.length, 16, 1, 2), latent=8, width=16, heads=2)


@pytest.fixture
def net() -> GAN:
    torch.manual_seed(0)
    return GAN(CONFIG)


def condition(net: GAN, rows: int = 4) -> dict[str, torch.Tensor]:
    tokens = torch.randint(1, TEXT.vocabulary, (rows, TEXT.length), generator=torch.Generator().manual_seed(0))
    return {name: z.detach() for name, z in net.encode(tokens).items()}


def test_losses_on_logits() -> None:
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([0.5, -3.0])
    p, q = real.sigmoid(), fake.sigmoid()
    cross = -(p.log().mean() + (1 - q).log().mean())
    for name in ("minimax", "non-saturating"):
        assert torch.allclose(GAMES[name].discriminator(real, fake), cross)
    assert torch.allclose(GAMES["minimax"].generator(fake), (1 - q).log().mean())
    assert torch.allclose(GAMES["non-saturating"].generator(fake), -q.log().mean())
    assert float(GAMES["hinge"].discriminator(real, fake)) == pytest.approx((0 + 2) / 2 + (1.5 + 0) / 2)
    assert float(GAMES["hinge"].generator(fake)) == pytest.approx(1.25)


def test_minimax_is_flat_where_the_generator_loses() -> None:
    lost = torch.tensor([-9.0], requires_grad=True)
    slopes = {name: abs(float(torch.autograd.grad(GAMES[name].generator(lost), lost)[0])) for name in GAMES}
    assert slopes["minimax"] < 1e-3 and slopes["non-saturating"] > 0.99 and slopes["hinge"] == 1


def test_at_the_optimum_both_are_undecided() -> None:
    """D = 1/2 everywhere: the value of the game is - log 4 (Goodfellow et al. 2014, theorem 1)."""
    assert float(GAMES["minimax"].discriminator(torch.zeros(3), torch.zeros(3))) == pytest.approx(math.log(4))


def test_r1_of_a_linear_discriminator() -> None:
    w = torch.randn(3, 4, 4)
    found = r1(lambda x, cond: (w * x).flatten(1).sum(1), torch.randn(5, 3, 4, 4), {})
    assert torch.allclose(found, w.square().sum())
    assert torch.allclose(r1(lambda x, cond: x.square().flatten(1).sum(1) / 2, torch.ones(2, 3, 4, 4), {}), torch.tensor(48.0))


@pytest.mark.parametrize("game", GAMES)
def test_each_network_learns_from_its_own_loss(net: GAN, game: str) -> None:
    rng, x = torch.Generator().manual_seed(0), torch.rand(4, 3, 32, 32) * 2 - 1
    cond = condition(net)
    loss(net, x, cond, torch.arange(4).roll(1), rng, game).backward()
    z = torch.randn(4, 2, 8, generator=torch.Generator().manual_seed(0))
    own = {name: p.grad.clone() for name, p in net.generator.named_parameters() if p.grad is not None}
    net.zero_grad()
    GAMES[game].generator(net.discriminator(net.generate(z, cond), cond)).backward()
    for name, p in net.generator.named_parameters():
        assert p.grad is None or torch.allclose(p.grad, own[name], atol=1e-6)
    net.zero_grad()
    fake = net.generate(z, cond).detach()
    GAMES[game].generator(held(net.discriminator)(fake, cond))
    assert all(p.grad is None for p in net.discriminator.parameters())


def test_wrong_captions_have_the_right_colour_where_possible() -> None:
    labels = torch.randint(48, (64,), generator=torch.Generator().manual_seed(0))
    wrong = mismatched(labels, 8)
    assert sorted(wrong.tolist()) == list(range(64)) and (wrong != torch.arange(64)).all()
    assert (labels[wrong] % 8 == labels % 8).sum() == 64 - len(set((labels % 8).tolist()))       # all but the last of each colour


def test_pictures_and_scores_have_their_shapes(net: GAN) -> None:
    cond = condition(net)
    x = net.generate(torch.randn(4, 2, 8), cond)
    assert x.shape == (4, 3, 32, 32) and x.abs().max() <= 1 and net.judge(x, cond).shape == (4, 1)


def test_alikeness_sees_a_collapse() -> None:
    same, different = torch.ones(8, 3, 2, 2), torch.randn(8, 3, 2, 2)
    assert alikeness(same).max() < 1e-3 and alikeness(different).min() > 0.3
    assert alikeness(torch.randn(3, 2, 2, 2)).shape == (3, 1, 2, 2)                 # a batch that four does not divide


@pytest.mark.slow
def test_a_short_training_moves_the_generator_towards_the_data(net: GAN) -> None:
    """All pictures are one colour: the generator finds it."""
    torch.manual_seed(0)
    rng, cond = torch.Generator().manual_seed(0), condition(net, 8)
    x = torch.tensor([0.8, -0.6, 0.1])[None, :, None, None].expand(8, 3, 32, 32).contiguous()
    parts = [*net.generator.parameters(), *net.discriminator.parameters()]
    optimizer = torch.optim.Adam(parts, lr=1e-3, betas=(0.0, 0.99))

    def distance() -> float:
        with torch.no_grad():
            return float((net.generate(torch.randn(8, 2, 8, generator=torch.Generator().manual_seed(1)), cond) - x).abs().mean())

    before = distance()
    for _ in range(40):
        optimizer.zero_grad()
        loss(net, x, cond, torch.arange(8).roll(1), rng).backward()
        nn.utils.clip_grad_norm_(parts, 1.0)
        optimizer.step()
    assert distance() < 0.5 * before
