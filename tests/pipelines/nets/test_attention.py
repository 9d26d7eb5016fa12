"""Attention while a network learns in bfloat16 on a processor is calculated by plain products; it is the same attention."""
from __future__ import annotations

import pytest
import torch

from pipelines.nets.attention import attend
from tests.rounding import TIMES


def near(found: torch.Tensor, expected: torch.Tensor, ways: int = 1) -> bool:
    """As near as a calculation in bfloat16 comes, by the largest number that goes through it; of all numbers, the one furthest off."""
    unit = torch.finfo(torch.bfloat16).eps / 2
    return torch.allclose(found, expected, atol=2 * ways * TIMES * unit * float(expected.detach().abs().max()))


@pytest.mark.parametrize("masked", ["causal", "mask", "free"])
def test_it_is_softmax_attention_with_its_gradient(masked: str) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 5, 4, requires_grad=True) for _ in range(3))
    hidden = torch.ones(5, 5, dtype=torch.bool).triu(1) if masked == "causal" else torch.zeros(5, 5, dtype=torch.bool)
    hidden[:, 4] |= masked == "mask"
    scores = (q @ k.mT / 2).masked_fill(hidden, float("-inf"))
    expected = scores.softmax(3) @ v
    with torch.autocast("cpu", torch.bfloat16):
        found = attend(q.bfloat16(), k.bfloat16(), v.bfloat16(), ~hidden if masked == "mask" else None, masked == "causal")
    assert found.dtype == torch.bfloat16
    assert near(found.float(), expected)
    grads = [torch.autograd.grad(z.float().square().sum(), (q, k, v)) for z in (found, expected)]
    assert all(near(a, b, 2) for a, b in zip(*grads, strict=True))           # there and back


def test_scores_that_are_added_are_added() -> None:
    q, bias = torch.randn(1, 2, 3, 4, dtype=torch.bfloat16, requires_grad=True), torch.randn(3, 3).bfloat16().float()
    expected = torch.nn.functional.scaled_dot_product_attention(q.float(), q.float(), q.float(), bias)
    assert near(attend(q, q, q, bias).float(), expected)


def test_nothing_changes_where_nothing_is_learned() -> None:
    q = torch.randn(1, 2, 4, 8, dtype=torch.bfloat16)
    assert torch.equal(attend(q, q, q, causal=True), torch.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True))
