"""Labels as networks of one and of several sets count them."""
from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines.data.contract import DataSet
from pipelines.data.shapes.data_set import DATA_SET as SHAPES
from pipelines.nets.config import inherited
from pipelines.vqvae.network import VQVAE, VQVAEConfig

FACTORS = (3, 2, 4)


@pytest.fixture(scope="module")
def parted() -> DataSet:
    return replace(SHAPES, name="parted", labels=replace(SHAPES.labels, count=24, factors=FACTORS))


def network(data: DataSet) -> VQVAE:
    torch.manual_seed(0)
    return VQVAE(VQVAEConfig.of(data, {})).eval()


def test_a_label_with_parts_is_the_sum_of_what_they_are(parted: DataSet) -> None:
    net = network(parted)
    config, rows = net.config, net.prior.embed.weight
    assert config.labels == 2 + 1 + 3 and len(rows) == config.codes.codes + 6 + 1
    first, none = config.codes.codes, config.codes.codes + 6
    for digits in ((0, 0, 0), (2, 0, 0), (1, 1, 3), (0, 1, 2)):
        label = digits[0] + 3 * (digits[1] + 2 * digits[2])
        found = net.prior.embed(net.start(torch.tensor([config.number(parted, label)])))[0, 0]
        wanted = rows[none] + sum(rows[first + offset + digit - 1] for offset, digit in zip((0, 2, 3), digits, strict=True) if digit)
        torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(net.prior.embed(net.start(torch.tensor([config.labels])))[0, 0], rows[none])         # as of no label


def test_parts_are_learnt_one_by_one(parted: DataSet) -> None:
    net = network(parted)
    tokens = torch.cat([net.start(torch.tensor([net.config.number(parted, 1 + 3 * 2 * 2)])), torch.zeros(1, 3, dtype=torch.int64)], 1)
    net.prior(tokens).sum().backward()
    grad: Any = net.prior.embed.weight.grad
    touched = (grad[net.config.codes.codes:].abs().sum(1) > 0).tolist()
    assert touched == [True, False, False, False, True, False, True]


def test_a_network_of_two_sets_answers_for_the_first_as_the_one_that_it_begins_with(parted: DataSet) -> None:
    one, both = network(SHAPES), network(replace(SHAPES, together=(SHAPES, parted)))
    both.load_state_dict(both.state_dict() | inherited(both.state_dict(), one.state_dict(), one.config.tables))
    codes = torch.randint(one.config.codes.codes, (2, 5), generator=torch.Generator().manual_seed(0))
    for label in (0, 47, one.config.labels):                       # the last one is none
        read = [torch.cat([net.start(torch.tensor([net.config.labels if label == one.config.labels else net.config.number(SHAPES, label)]
                                                  ).expand(2)), codes], 1) for net in (one, both)]
        with torch.no_grad():
            torch.testing.assert_close(both.prior(read[1]), one.prior(read[0]), rtol=0, atol=1e-6)


def test_what_is_stored_builds_it_again(parted: DataSet) -> None:
    config = VQVAEConfig.of(replace(SHAPES, together=(SHAPES, parted)), {})
    again = VQVAEConfig.from_dict(config.to_dict())
    assert again == config and again.number(parted, 5) == config.number(parted, 5) > config.number(SHAPES, 47) == 47
    assert VQVAEConfig.of(SHAPES, {}).sets == {}                   # as files of before are written
