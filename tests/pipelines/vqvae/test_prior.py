"""The prior is a distribution, and sampling draws from it."""
from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product
from typing import Any

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from pipelines.engine import Engine
from pipelines.family import samplers_in
from pipelines.nets.codes import UNKNOWN, CodeAutoencoder, CodesConfig, reconstruction
from pipelines.nets.transformer import TransformerConfig
from pipelines.numerics.logits import guided_logits
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import NetKey, Remembering, Sampler, run_alone
from pipelines.tokens import samplers
from pipelines.tokens.samplers import Ancestral, Greedy, Rule, TopK, TopP
from pipelines.tokens.sampling import Drawn, continued
from pipelines.vqvae import objective
from pipelines.vqvae.network import VQVAE, VQVAEConfig

KEY = NetKey("t", "read")
CONFIG = VQVAEConfig(CodesConfig(3, 4, (8, 8)), TransformerConfig(4, 16, 2, 2), size=8)
EVERY = torch.tensor(list(product(range(3), repeat=4)))              # all 81 sequences of codes


@pytest.fixture(scope="module")
def net() -> VQVAE:
    torch.manual_seed(0)
    net = VQVAE(CONFIG).eval()
    for p in net.prior.parameters():
        torch.nn.init.normal_(p, std=0.5) if p.dim() > 1 else None
    return net


def nothing(drawn: Drawn) -> Iterator[Any]:
    return iter(())


def rule(options: object) -> Rule:
    """That of the sampler which has these options."""
    return next(partial(spec, options=options) for spec in samplers_in(samplers).values() if spec.options is type(options))


def sampling(net: VQVAE, label: int, scale: float, seeds: tuple[int, ...], options: object, given: Tensor | None = None) -> Sampler:
    rows = len(seeds)
    start, null = (net.start(torch.full((rows,), which)) for which in (label, CONFIG.labels))
    given = torch.full((rows, 4), UNKNOWN) if given is None else given
    return continued(KEY, start, null, scale, given, RowNoise(seeds, (1,)), rule(options), nothing)


def nets(net: VQVAE) -> dict:
    return {KEY: Remembering(net.read, CONFIG.prior.memory)}


def exact(net: VQVAE, label: int, scale: float = 1.0, options: object | None = None) -> Tensor:
    """p of every sequence, by reading it as a whole: no memory, no sampler."""
    options = options or Ancestral()
    with torch.inference_mode():
        logits = [net.prior(torch.cat([net.start(torch.full((81,), which)), EVERY[:, :-1]], 1)) for which in (label, CONFIG.labels)]
        log_p = torch.zeros(81)
        for i in range(4):
            own = logits[0 if scale else 1][:, i]
            guided = guided_logits(logits[0][:, i], logits[1][:, i], scale)
            log_p += rule(options)(guided, own).log_softmax(1).gather(1, EVERY[:, i:i + 1])[:, 0]
        return log_p.exp()


def test_likelihoods_of_all_sequences_sum_to_one(net: VQVAE) -> None:
    with torch.inference_mode():
        log_p = objective.log_likelihood(net, EVERY.reshape(81, 2, 2), torch.full((81,), 5))
    assert abs(float(log_p.exp().sum()) - 1) < 1e-5 and torch.allclose(log_p.exp(), exact(net, 5), atol=1e-6)
    assert torch.allclose(objective.bits_per_code(log_p, 4), -log_p / 4 / 0.6931472)


@pytest.mark.parametrize(("scale", "options"), [
    (1.0, Ancestral()), (0.0, Ancestral()), (3.0, Ancestral(temperature=1.5)), (1.0, TopK(top_k=2)),
    (2.0, TopP(temperature=2.5, top_p=0.97))])
def test_frequencies_are_the_probabilities(net: VQVAE, scale: float, options: object) -> None:
    with torch.inference_mode():
        drawn = run_alone(sampling(net, 7, scale, tuple(range(6000)), options), nets(net))
    counts = torch.bincount(drawn @ torch.tensor([27, 9, 3, 1]), minlength=81).double()
    expected = 6000 * exact(net, 7, scale, options).double()
    assert counts[expected == 0].sum() == 0
    rare = expected < 5                                              # together, as the test asks for
    observed, wanted = (torch.cat([z[~rare], z[rare].sum()[None]]) for z in (counts, expected))
    keep = wanted > 0
    wanted = wanted[keep] * observed.sum() / wanted.sum()
    assert chisquare(observed[keep].numpy(), wanted.numpy()).pvalue > 0.001


def test_greedy_takes_the_likeliest(net: VQVAE) -> None:
    with torch.inference_mode():
        found = run_alone(sampling(net, 3, 1.0, (1, 2), Greedy()), nets(net))
        tokens = net.start(torch.tensor([3]))
        for _ in range(4):
            tokens = torch.cat([tokens, net.prior(tokens)[:, -1].argmax(1, keepdim=True)], 1)
    assert torch.equal(found, tokens[:, 1:].expand(2, 4))


def test_given_tokens_stay_and_rows_are_their_own(net: VQVAE) -> None:
    given = torch.tensor([[2, 0, UNKNOWN, UNKNOWN], [1, 1, UNKNOWN, UNKNOWN], [0, 2, UNKNOWN, UNKNOWN]])
    engine = Engine(nets(net), cores=2)
    three = engine.submit(sampling(net, 9, 2.0, (4, 5, 6), Ancestral(), given)).result()
    alone = engine.submit(sampling(net, 9, 2.0, (5,), Ancestral(), given[1:2])).result()
    engine.close()
    assert torch.equal(three[:, :2], given[:, :2]) and torch.equal(three[1:2], alone)


def test_given_tokens_may_lie_between_drawn_ones(net: VQVAE) -> None:
    """With the second and the last token given, the others are drawn from what came before each, and no more calls are made."""
    given = torch.tensor([[UNKNOWN, 2, UNKNOWN, 1]]).expand(6000, 4)
    calls = []

    def counting(*arguments: Any) -> Tensor:
        calls.append(arguments[0].shape[1])
        return net.read(*arguments)
    with torch.inference_mode():
        found = run_alone(sampling(net, 7, 1.0, tuple(range(6000)), Ancestral(), given), {KEY: Remembering(counting, CONFIG.prior.memory)})
        start = net.start(torch.tensor([7]))
        first = net.prior(start)[0, -1].softmax(0)
        third = [net.prior(torch.cat([start, torch.tensor([[z, 2]])], 1))[0, -1].softmax(0) for z in range(3)]
    assert calls == [1, 2] and (found[:, 1] == 2).all() and (found[:, 3] == 1).all()
    expected = torch.stack([first[z] * third[z] for z in range(3)]).flatten().double()
    counts = torch.bincount(3 * found[:, 0] + found[:, 2], minlength=9)
    assert chisquare(counts.numpy(), (6000 * expected / expected.sum()).numpy()).pvalue > 0.001


@pytest.mark.slow
def test_training_the_prior_lowers_its_objective(net: VQVAE) -> None:
    """Sequences that repeat their label's number: after training the prior knows them."""
    torch.manual_seed(0)
    learner, rng = VQVAE(CONFIG).train(), torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(learner.prior.parameters(), lr=1e-2)
    losses = []
    for _ in range(200):
        labels = torch.randint(3, (32,), generator=rng)
        codes = labels[:, None].expand(32, 4).reshape(32, 2, 2)
        loss = objective.prior(learner, codes, labels, rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    with torch.inference_mode():
        p = objective.log_likelihood(learner.eval(), torch.full((1, 2, 2), 2), torch.tensor([2])).exp()
    assert losses[0] > 0.9 and losses[-1] < 0.2 and p > 0.9


def test_the_reconstruction_objective_by_its_terms() -> None:
    torch.manual_seed(0)
    net, x = CodeAutoencoder(CONFIG.codes).eval(), torch.rand(2, 3, 8, 8) * 2 - 1
    z_e = net.encoder(x)
    z_q = net.quantizer.vectors(net.codes(x))
    expected = (net.decoder(z_q) - x).square().mean() + 1.25 * (z_e - z_q).square().mean()
    assert torch.allclose(reconstruction(net, x, torch.Generator()), expected, atol=1e-6)
    assert torch.allclose(net.decode(net.codes(x)), net.decoder(z_q), atol=1e-6)
    assert torch.isfinite(net.decode(torch.full((1, 2, 2), UNKNOWN))).all()
