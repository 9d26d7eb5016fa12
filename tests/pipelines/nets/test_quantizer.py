"""The codebook against another library, by hand, and over time."""
from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from pipelines.nets.quantizer import Quantizer, usage


def outputs(seed: int = 0, rows: int = 4, width: int = 6, side: int = 5) -> torch.Tensor:
    return torch.randn(rows, width, side, side, generator=torch.Generator().manual_seed(seed))


def test_codes_losses_and_gradients_are_those_of_vector_quantize_pytorch() -> None:
    from vector_quantize_pytorch import VectorQuantize
    torch.manual_seed(0)
    ours = Quantizer(16, 6).eval()
    theirs = VectorQuantize(dim=6, codebook_size=16, learnable_codebook=True, ema_update=False, commitment_weight=1.0,
                            accept_image_fmap=True, rotation_trick=False)
    theirs._codebook.embed.data.copy_(ours.codebook[None])
    z, weight = outputs().requires_grad_(), outputs(1)
    other = z.detach().clone().requires_grad_()
    found = ours(z)
    quantized, codes, commitment = theirs(other)
    assert torch.equal(found.codes, codes) and torch.allclose(found.z_q, quantized, atol=1e-6)
    (found.z_q * weight).sum().backward(retain_graph=True)
    (quantized * weight).sum().backward(retain_graph=True)
    assert torch.allclose(z.grad, other.grad, atol=1e-6)                                     # type: ignore[arg-type]
    assert torch.allclose(z.grad, weight)                                                    # type: ignore[arg-type]
    # Their one term moves encoder and codebook alike: it is the sum of our two.
    z.grad = other.grad = None
    (found.codebook_loss + found.commitment).backward()
    commitment.sum().backward()
    assert math.isclose(float(found.commitment.detach()), float(commitment.detach()), rel_tol=1e-5)
    assert torch.allclose(z.grad, other.grad, atol=1e-7)                                     # type: ignore[arg-type]
    assert torch.allclose(ours.codebook.grad, theirs._codebook.embed.grad[0], atol=1e-7)     # type: ignore[arg-type, index]


def test_by_hand() -> None:
    """Two codes on a line: 0.2 goes to 0, 0.9 to 1; the gradient of what follows passes as if nothing were between."""
    quantizer = Quantizer(2, 1).eval()
    quantizer.codebook.data = torch.tensor([[0.0], [1.0]])
    z = torch.tensor([0.2, 0.9]).reshape(1, 1, 1, 2).requires_grad_()
    found = quantizer(z)
    assert found.codes.flatten().tolist() == [0, 1] and found.z_q.flatten().tolist() == [0.0, 1.0]
    assert math.isclose(float(found.commitment.detach()), (0.2**2 + 0.1**2) / 2, rel_tol=1e-6)
    (found.z_q * torch.tensor([3.0, 5.0])).sum().backward()
    assert z.grad is not None and z.grad.flatten().tolist() == [3.0, 5.0] and quantizer.codebook.grad is None


def test_moving_averages_by_hand() -> None:
    quantizer = Quantizer(2, 1, moving=True, decay=0.5).train()
    quantizer.codebook.data = torch.tensor([[0.0], [1.0]])
    quantizer.sums.data = quantizer.codebook.data.clone()
    z = torch.tensor([0.2, 0.4, 0.9, 0.3]).reshape(1, 1, 2, 2)
    found = quantizer(z, torch.Generator().manual_seed(0))
    # counts: (1 + 3) / 2 and (1 + 1) / 2; sums: (0 + 0.9) / 2 and (1 + 0.9) / 2
    assert quantizer.counts.tolist() == [2.0, 1.0]
    assert torch.allclose(quantizer.codebook.flatten(), torch.tensor([0.45 / 2, 0.95 / 1]))
    assert found.codebook_loss == 0 and not quantizer.codebook.requires_grad


def test_unused_codes_move_to_where_outputs_are() -> None:
    torch.manual_seed(0)
    quantizer = Quantizer(32, 4).train()
    quantizer.codebook.data[8:] += 100                                    # out of reach
    rng = torch.Generator().manual_seed(0)
    z = outputs(2, rows=8, width=4)
    assert usage(quantizer(z, rng).codes, 32)[0] <= 0.25
    for _ in range(300):
        found = quantizer(z, rng)
    assert usage(found.codes, 32)[0] > 0.9 and float(quantizer.codebook.detach().abs().max()) < 10
    assert F.mse_loss(found.z_q, z) < 0.6


def test_usage_and_perplexity() -> None:
    assert usage(torch.tensor([0, 1, 2, 3]), 4) == (1.0, 4.0)
    share, perplexity = usage(torch.tensor([[0, 0], [0, 2]]), 4)
    assert share == 0.5 and math.isclose(perplexity, math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25))))
