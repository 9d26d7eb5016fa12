"""Draws follow the probabilities that were asked for."""
from __future__ import annotations

import torch
from scipy.stats import chisquare

from pipelines.numerics.logits import draw, guided_logits, gumbel_of, gumbels, restricted
from pipelines.numerics.rng import RowNoise

LOGITS = torch.tensor([[2.0, 1.0, 0.5, 0.0, -1.0, -3.0]])


def test_temperature_and_restrictions_by_hand() -> None:
    p = LOGITS.softmax(1)[0]
    assert torch.equal(restricted(LOGITS), LOGITS)
    assert torch.allclose(restricted(LOGITS, temperature=2.0), LOGITS / 2)
    two = restricted(LOGITS, top_k=2).softmax(1)[0]
    assert torch.allclose(two[:2], p[:2] / p[:2].sum()) and two[2:].sum() == 0
    share = float(p[:2].sum())
    assert (restricted(LOGITS, top_p=share - 0.01).exp()[0] > 0).sum() == 2
    assert (restricted(LOGITS, top_p=share + 0.01).exp()[0] > 0).sum() == 3
    assert (restricted(LOGITS, top_p=1e-6).exp()[0] > 0).sum() == 1
    assert restricted(LOGITS, temperature=0).exp()[0].tolist() == [1, 0, 0, 0, 0, 0]


def test_guidance_chooses_among_what_is_likely_without_it() -> None:
    pulled = LOGITS + torch.tensor([[0.0, 0.0, 5.0, 0.0, 0.0, 9.0]])                       # what is unlikely most of all
    expected = pulled[0, :3].softmax(0)
    share = float(LOGITS.softmax(1)[0, :3].sum()) - 0.01
    for kept in (restricted(pulled, top_k=3, own=LOGITS), restricted(pulled, top_p=share, own=LOGITS)):
        assert torch.allclose(kept.softmax(1)[0], torch.cat([expected, torch.zeros(3)]))
    cold = restricted(pulled, temperature=0.1, top_k=3, own=LOGITS)                         # what is likely stays so in the cold
    assert torch.allclose(cold.softmax(1)[0, :3], (pulled[0, :3] / 0.1).softmax(0)) and cold.argmax() == 2
    assert restricted(pulled, temperature=0, own=LOGITS).argmax() == 5                      # there is nothing to restrict


def test_draws_have_the_probabilities() -> None:
    logits = restricted(LOGITS, temperature=1.3, top_k=5)
    drawn = draw(logits.expand(20_000, -1), gumbel_of(torch.rand(20_000, 6, generator=torch.Generator().manual_seed(0))))
    counts = torch.bincount(drawn, minlength=6)
    assert counts[5] == 0
    assert chisquare(counts[:5].numpy(), 20_000 * logits[0, :5].double().softmax(0).numpy()).pvalue > 0.001


def test_guidance_on_logits() -> None:
    given, nothing = LOGITS, LOGITS.flip(1)
    assert torch.allclose(guided_logits(given, nothing, 1.0).softmax(1), given.softmax(1))
    assert torch.allclose(guided_logits(given, nothing, 0.0).softmax(1), nothing.softmax(1))
    expected = nothing.softmax(1) * (given.softmax(1) / nothing.softmax(1)) ** 3           # the formula on probabilities
    assert torch.allclose(guided_logits(given, nothing, 3.0).softmax(1), expected / expected.sum(), atol=1e-6)


def test_a_rows_numbers_are_its_own() -> None:
    three, alone = RowNoise((4, 5, 6), (2, 3)), RowNoise((5,), (2, 3))
    for _ in range(2):
        assert torch.equal(three.uniform(7)[1:2], alone.uniform(7))


def test_gumbel_noise_does_not_depend_on_how_far_ahead_it_is_drawn() -> None:
    ahead, single = gumbels(RowNoise((4, 5), (1,)), 7, 3), gumbels(RowNoise((4, 5), (1,)), 7, 1)
    for _ in range(5):
        assert torch.equal(next(ahead), next(single))
