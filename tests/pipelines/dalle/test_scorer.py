"""The scorer learns which caption belongs to which picture, and the best candidate is the one it says."""
from __future__ import annotations

import pytest
import torch

from pipelines.dalle.sampler import best, seeds_of
from pipelines.dalle.scorer import Scorer, ScorerConfig, loss
from pipelines.data.shapes.tokenizer import tokenizer
from pipelines.protocol import NetKey, Outcome, run_alone
from pipelines.request import MAX_SEED
from tests.tiny import TEXT

COLOURS = {"red": (0.9, -0.9, -0.9), "green": (-0.9, 0.9, -0.9), "blue": (-0.9, -0.9, 0.9), "black": (-0.9, -0.9, -0.9)}


@pytest.mark.slow
def test_it_learns_pairs() -> None:
    torch.manual_seed(0)
    net = Scorer(ScorerConfig(TEXT, width=8))
    x = torch.tensor(list(COLOURS.values()))[:, :, None, None].expand(4, 3, 32, 32).contiguous()
    tokens = tokenizer().batch([f"a {name} circle" for name in COLOURS])
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    losses = []
    for _ in range(120):
        value = loss(net, x, tokens)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    scores = torch.stack([net(x, tokens.roll(k, 0)) for k in range(4)])
    assert losses[-1] < 0.3 * losses[0] and (scores[0] > scores[1:].amax(0)).all()
    assert scores.abs().max() <= 1 + 1e-5


def test_the_loss_of_perfect_and_of_blind_encoders() -> None:
    class Fixed(Scorer):
        def encode(self, x: torch.Tensor, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return x, x.roll(self.turn, 0)
    net = Fixed(ScorerConfig(TEXT, width=4))
    net.scale.data.fill_(3.0)
    net.turn = 0
    perfect = loss(net, torch.eye(4), torch.zeros(4, 1))
    s = torch.tensor(3.0).exp()
    assert torch.allclose(perfect, torch.log1p(3 * (-s).exp()), atol=1e-6)
    net.turn = 1
    assert torch.allclose(loss(net, torch.eye(4), torch.zeros(4, 1)), torch.log(s.exp() + 3), atol=1e-4)


def test_the_best_candidate_is_kept() -> None:
    x = torch.arange(6.0)[:, None, None, None].expand(6, 3, 2, 2)
    drawn = Outcome(x, (64,) * 6, (None,) * 6, torch.arange(6)[:, None])
    scores = torch.tensor([0.1, 0.9, 0.3, 0.2, 0.1, 0.8])[:, None]
    found = run_alone(best("t", drawn, torch.zeros(6, 24), 3), {NetKey("t", "score"): lambda x, cond: scores})
    assert found.x[:, 0, 0, 0].tolist() == [1, 5] and found.nfe == (192, 192) and found.tokens[:, 0].tolist() == [1, 5]
    assert found.captions[0] == "best of 3: 0.90, worst 0.10"


def test_candidates_have_seeds_of_their_own() -> None:
    seeds = seeds_of((7, 8), 4)
    assert seeds[0] == 7 and seeds[4] == 8 and len(set(seeds)) == 8 and max(seeds_of((MAX_SEED,), 16)) <= MAX_SEED
    assert seeds_of((7,), 1) == (7,)
