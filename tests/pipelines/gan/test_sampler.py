"""Where z comes from: cut normals keep their quantiles, the way between seeds stays on the sphere, parts come from whom they should."""
from __future__ import annotations

import pytest
import torch
from scipy.stats import kstest, truncnorm

from pipelines.gan.sampler import GeneratorOptions, noise, truncated
from pipelines.numerics.sphere import slerp

CPU = torch.device("cpu")


@pytest.mark.parametrize("limit", (0.1, 1.0, 2.0))
def test_a_cut_normal_is_the_cut_normal(limit: float) -> None:
    z = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    cut = truncated(z, limit)
    assert cut.abs().max() <= limit and torch.equal(cut.argsort(), z.argsort())
    assert kstest(cut.numpy(), truncnorm(-limit, limit).cdf).pvalue > 0.001                # the seed is fixed
    assert truncated(z, 4) is z


def test_the_way_between_seeds() -> None:
    a, b = torch.randn(3, 2, 8), torch.randn(3, 2, 8)
    assert torch.allclose(slerp(a, b, 0.0), a, atol=1e-5) and torch.allclose(slerp(a, b, 1.0), b, atol=1e-5)
    unit_a, unit_b = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    half = slerp(unit_a, unit_b, 0.5)
    assert torch.allclose(half.norm(dim=-1), torch.ones(3, 2), atol=1e-5)
    assert torch.allclose((half * unit_a).sum(-1), (half * unit_b).sum(-1), atol=1e-5)


def test_parts_come_from_the_seeds_that_are_named() -> None:
    def z(**options: object) -> torch.Tensor:
        return noise(GeneratorOptions(truncation=4, second=9, **options), (3, 4), 8, CPU)             # type: ignore[arg-type]
    own, other = z(), noise(GeneratorOptions(truncation=4), (9,), 8, CPU)
    assert torch.equal(z(mix="layout")[:, 0], other[:, 0].expand(2, 8)) and torch.equal(z(mix="layout")[:, 1], own[:, 1])
    assert torch.equal(z(mix="style")[:, 1], other[:, 1].expand(2, 8)) and torch.equal(z(mix="style")[:, 0], own[:, 0])
    assert torch.allclose(z(interpolation=1.0), other.expand(2, 2, 8), atol=1e-5)
    assert torch.equal(own[1:], noise(GeneratorOptions(truncation=4, second=1), (4,), 8, CPU))
