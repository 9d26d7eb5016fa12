"""How far the rounding of a number format moves an answer, measured in the run that asks: a bound for every processor, since each
orders its sums in its own way, and rounds between them as often as it likes."""
from __future__ import annotations

import copy
from typing import TypeVar

import pytest
import torch
from torch import Tensor

N = TypeVar("N", bound=torch.nn.Module)
# A layer of a network that calculates in a format rounds its weights once, and what passes through it several times: the product, the
# bias, the norm, the activation, the sum with what went around it. Each moves the answer about as far as rounding the weights does,
# and what is by chance adds up by its squares: nine of them are three times as much as one.
TIMES = 3

# Attention in bfloat16 asks the processor, not what ATen was told to keep to, and then misses a kernel of its own.
bfloat16_in_attention = pytest.mark.skipif(
    torch.cpu._is_avx512_supported() and torch.backends.cpu.get_cpu_capability() != "AVX512",
    reason="torch cannot calculate attention in bfloat16 where ATEN_CPU_CAPABILITY holds it back on a processor with AVX-512")


def shaken(net: N, dtype: torch.dtype) -> N:
    """A copy in which every weight is off by as much as rounding it to dtype could make it, up or down by chance."""
    other, rng = copy.deepcopy(net), torch.Generator().manual_seed(0)
    unit = torch.finfo(dtype).eps / 2
    with torch.no_grad():
        for p in other.parameters():
            p.mul_(1 + unit * torch.randint(0, 2, p.shape, generator=rng).mul_(2).sub_(1))
    return other


def apart(a: Tensor, b: Tensor) -> float:
    """Root mean square of the difference: unlike the largest one it hardly depends on chance."""
    return float((a - b).double().square().mean().sqrt())
