"""Attention while a network learns in bfloat16 on a processor is calculated by plain products; it is the same attention."""
from __future__ import annotations

import pytest
import torch

from pipelines.nets.attention import attend


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
    assert torch.allclose(found.float(), expected, atol=0.03)
    grads = [torch.autograd.grad(z.float().square().sum(), (q, k, v)) for z in (found, expected)]
    assert all(torch.allclose(a, b, atol=0.05 * float(b.abs().max())) for a, b in zip(*grads, strict=True))


def test_scores_that_are_added_are_added() -> None:
    q, bias = torch.randn(1, 2, 3, 4, dtype=torch.bfloat16, requires_grad=True), torch.randn(3, 3)
    expected = torch.nn.functional.scaled_dot_product_attention(q.float(), q.float(), q.float(), bias)
    assert torch.allclose(attend(q, q, q, bias).float(), expected, atol=0.05)


def test_nothing_changes_where_nothing_is_learned() -> None:
    q = torch.randn(1, 2, 4, 8, dtype=torch.bfloat16)
    assert torch.equal(attend(q, q, q, causal=True), torch.nn.functional.scaled_dot_product_attention(q, q, q, is_causal=True))
