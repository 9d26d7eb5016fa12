"""In which precision networks calculate: bfloat16 products where the device multiplies them faster, fp32 elsewhere."""
from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from pipelines.protocol import MemoryShape, Net, NetKey, Remembering


def fast_bf16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 faster than float32: GPUs, and processors with AVX-512 BF16 or AMX, where they may use
    it (ATEN_CPU_CAPABILITY=avx2 holds torch back)."""
    if device.type == "cpu":
        return torch.cpu._is_avx512_bf16_supported() and torch.backends.cpu.get_cpu_capability() == "AVX512"
    return device.type == "cuda"


def fast(net: Callable[..., Any], device: torch.device) -> Callable[..., Any]:
    """A network's method in the device's fast precision; its answers stay fp32, since networks end in it."""
    if not fast_bf16(device):
        return net

    def call(*arguments: Any) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            return net(*arguments)
    return call


def keyed(weights: str, net: nn.Module, methods: Iterable[str], device: torch.device,
          memory: Mapping[str, MemoryShape] | None = None, own_dtype: bool = False) -> dict[NetKey, Net]:
    """A network's methods under the keys that calls name them by, each in both precisions; memory: of those that remember.

    own_dtype: the network calculates in that of its weights, whatever the key says.
    """
    found: dict[NetKey, Net] = {}
    for method in methods:
        plain = getattr(net, method)
        for precise, call in ((False, plain if own_dtype else fast(plain, device)), (True, plain)):
            shape = (memory or {}).get(method)
            found[NetKey(weights, method, precise)] = Remembering(call, shape) if shape else call
    return found
