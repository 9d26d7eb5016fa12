"""Networks that know more words than those which they begin with."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines import registry
from pipelines.data.shapes.data_set import DATA_SET
from pipelines.data.tokenizer import CaptionTokenizer
from pipelines.nets.config import inherited
from tests.tiny import untrained

CAPTIONS = ["a red star", "a large blue ring above a small green square"]
MORE = 5                           # words


@pytest.fixture(scope="module")
def larger() -> Any:
    """The set with more words, whose captions are written with the same tokens as before."""
    from tokenizers import Tokenizer
    own = DATA_SET.tokenizer()
    bpe = Tokenizer.from_str(own.bpe.to_str())
    bpe.add_tokens([f"hair{k}" for k in range(MORE)])
    return replace(DATA_SET, tokenizer=lambda: CaptionTokenizer(bpe, own.length))


def answers(family: str, net: Any) -> torch.Tensor:
    """What a network answers to captions, or to labels."""
    torch.manual_seed(3)
    tokens = DATA_SET.tokenizer().batch(CAPTIONS)
    with torch.no_grad():
        if family == "vqvae":
            return net.prior(net.start(torch.tensor([0, 47, net.config.labels])))
        if family == "dalle":
            codes, words = net.config.codes.codes, net.words(tokens)
            return net.model(torch.cat([words, torch.arange(8).expand(2, -1)], 1))[:, words.shape[1] - 1:, :codes]
        cond = net.encode(tokens)
        if family == "gan":
            return net.generate(torch.randn(2, 2, net.config.latent), cond)
        return net.predict(torch.randn(2, *net.config.shape), torch.tensor([0.3, 0.9]), cond)


@pytest.mark.parametrize("family", registry.NAMES)
def test_a_network_with_more_words_answers_as_the_one_that_it_begins_with(family: str, larger: Any) -> None:
    small, large = untrained(family), untrained(family, data=larger)
    large.load_state_dict(large.state_dict() | inherited(large.state_dict(), small.state_dict(), small.config.tables))
    more = sum(p.numel() for p in large.parameters()) - sum(p.numel() for p in small.parameters())
    assert (more > 0) == (family != "vqvae")                       # which reads labels
    torch.testing.assert_close(answers(family, large.eval()), answers(family, small.eval()), rtol=0, atol=1e-6)


def test_new_rows_stand_before_those_that_close_a_table() -> None:
    old, new = torch.arange(5.0)[:, None], -torch.ones(8, 1)
    assert inherited({"t": new}, {"t": old}, {"t": 3})["t"][:, 0].tolist() == [0, 1, 2, -1, -1, -1, 3, 4]
    assert inherited({"t": new}, {"t": old}, {}) == inherited({"t": old}, {"t": new}, {"t": 3}) == {}
