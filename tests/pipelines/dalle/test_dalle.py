"""Padding, weights of the two parts, soft draws, and sampling that is what the transformer says."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from pipelines.dalle import objective
from pipelines.dalle.family import FAMILY
from pipelines.dalle.network import DALLE, DALLEConfig
from pipelines.data.shapes.tokenizer import LENGTH, tokenizer
from pipelines.engine.precision import keyed
from pipelines.nets import dvae
from pipelines.nets.codes import UNKNOWN, CodesConfig
from pipelines.nets.dvae import DiscreteVAE, gumbel_softmax
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import NetKey, Outcome, Preview, Remembering, run_alone
from pipelines.registry import face
from pipelines.request import Request
from pipelines.tokens.samplers import Greedy, greedy
from pipelines.tokens.sampling import Drawn, continued
from tests.tiny import SHAPES

CONFIG = replace(DALLEConfig.of(SHAPES, {}), codes=CodesConfig(8, 4, (8, 8)), width=32, layers=2, heads=2, size=16)
KEY = NetKey("t", "read")


@pytest.fixture(scope="module")
def net() -> DALLE:
    torch.manual_seed(0)
    net = DALLE(CONFIG).eval()
    for p in net.model.parameters():
        torch.nn.init.normal_(p, std=0.3) if p.dim() > 1 else None
    return net


def test_every_padding_has_a_token_of_its_own(net: DALLE) -> None:
    tokens = tokenizer().batch(["a red star", ""])
    words, base = net.words(tokens), 8 + tokenizer().vocabulary
    for row, ids in zip(words.tolist(), tokens.tolist(), strict=True):
        for position, (word, token) in enumerate(zip(row, ids, strict=True)):
            assert word == (base + position if token == tokenizer().pad else 8 + token)
    assert len(set(words[1].tolist())) == LENGTH and net.model.embed.num_embeddings == base + LENGTH


def test_the_loss_by_its_parts(net: DALLE) -> None:
    tokens, codes = tokenizer().batch(["a red star", "a blue ring"]), torch.randint(8, (2, 4, 4))
    sequence = torch.cat([net.words(tokens), codes.flatten(1)], 1)
    nll = F.cross_entropy(net.model(sequence)[:, :-1].transpose(1, 2), sequence[:, 1:], reduction="none")
    text, image = nll[:, :LENGTH - 1].mean(), nll[:, LENGTH - 1:].mean()
    assert torch.allclose(objective.loss(net, tokens, codes), text / 8 + image * 7 / 8, atol=1e-5)


def test_drawn_tokens_are_the_likeliest_of_the_uncached_reading(net: DALLE) -> None:
    tokens = tokenizer().batch(["a red star", "a large blue ring"])

    def preview(drawn: Drawn) -> Iterator[Any]:
        assert torch.equal(drawn.p, drawn.logits.softmax(1).amax(1))
        return iter(())

    def sampler():
        words, null = net.words(tokens), net.words(tokenizer().batch(["", ""]))
        choose = partial(greedy, options=Greedy())
        return continued(KEY, words, null, 1.0, torch.full((2, 16), UNKNOWN), RowNoise((0, 1), (1,)), choose, preview)

    with torch.inference_mode():
        found = run_alone(sampler(), {KEY: Remembering(net.read, CONFIG.transformer.memory)})
        sequence = net.words(tokens)
        for _ in range(16):
            sequence = torch.cat([sequence, net.model(sequence)[:, -1, :8].argmax(1, keepdim=True)], 1)
        assert torch.equal(found, sequence[:, LENGTH:])
        assert (objective.log_likelihood(net, tokens, found.reshape(2, 4, 4)) < 0).all()


def test_likelihoods_sum_to_one_over_a_pictures_last_token(net: DALLE) -> None:
    tokens, codes = tokenizer().batch(["a red star"] * 8), torch.randint(8, (1, 16)).repeat(8, 1)
    codes[:, -1] = torch.arange(8)
    with torch.inference_mode():
        log_p = objective.log_likelihood(net, tokens, codes.reshape(8, 4, 4))
        logits = net.model(torch.cat([net.words(tokens[:1]), codes[:1, :15]], 1))[0, LENGTH - 1:-1, :8].log_softmax(1)
    before = logits.gather(1, codes[0, :15, None]).sum()
    assert torch.allclose(torch.logsumexp(log_p, 0), before, atol=1e-4)


def test_of_several_candidates_the_first_is_watched(net: DALLE) -> None:
    """As it fills in alone: it has the picture's own seed."""
    def watched(candidates: int) -> tuple[list[Preview], Outcome]:
        request = Request("dalle", "m", "ancestral", face("dalle").samplers["ancestral"].options(candidates=candidates), "a red star", "",
                          guidance_scale=2.0, seed=5, count=2)
        seen: list[Preview] = []
        nets = keyed("t", net, FAMILY.methods, torch.device("cpu"), FAMILY.memory(net), own_dtype=True)
        nets[NetKey("t", "score")] = lambda x, *_: x.flatten(1).sum(1, keepdim=True)     # its own is for larger pictures
        with torch.inference_mode():
            done = run_alone(FAMILY.start(request, "t", net, torch.device("cpu")), nets,
                             lambda yielded: seen.append(yielded) if isinstance(yielded, Preview) else None)
        return seen, done

    (alone, _), (first, outcome) = watched(1), watched(3)
    assert len(alone) == len(first) == 4 and outcome.x.shape == (2, 3, 16, 16) and outcome.nfe == (48, 48)
    for one, other in zip(alone, first, strict=True):
        assert torch.equal(one.x_t, other.x_t) and torch.allclose(one.x0, other.x0, atol=1e-5) and len(other.numbers["p_i"]) == 2


def test_gumbel_softmax_at_low_temperature_is_argmax() -> None:
    logits = torch.randn(2, 8, 4, 4)
    uniform = torch.rand(2, 8, 4, 4)
    hard = gumbel_softmax(logits, 1e-4, uniform)
    gumbel = -(-uniform.log()).log()
    assert torch.allclose(hard, F.one_hot((logits + gumbel).argmax(1), 8).movedim(-1, 1).float(), atol=1e-4)
    many = gumbel_softmax(logits[:1].expand(4000, -1, -1, -1), 0.05, torch.rand(4000, 8, 4, 4)).round().mean(0)
    assert (many - logits[0].softmax(0)).abs().max() < 0.05
    soft = gumbel_softmax(logits, 1.0, uniform)
    assert torch.allclose(soft.sum(1), torch.ones(2, 4, 4), atol=1e-5)


@pytest.mark.long
def test_the_discrete_vae_learns() -> None:
    torch.manual_seed(0)
    net, rng = DiscreteVAE(CodesConfig(8, 4, (8, 8))).train(), torch.Generator().manual_seed(0)
    colours = torch.tensor([[0.9, -0.9, -0.9], [-0.9, 0.9, -0.9], [-0.9, -0.9, 0.9], [0.9, 0.9, 0.9]])
    x = colours[torch.arange(8) % 4][:, :, None, None].expand(8, 3, 16, 16).contiguous()
    optimizer = torch.optim.AdamW(net.parameters(), lr=5e-3)
    losses = []
    for step in range(150):
        value = dvae.loss(net, x, rng, temperature=max(0.3, 1 - step / 150), kl_weight=0.01)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(value.item())
    with torch.inference_mode():
        error = (net.decode(net.codes(x)) - x).square().mean()
    assert losses[-1] < 0.3 * losses[0] and error < 0.1
