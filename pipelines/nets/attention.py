"""Attention as all networks use it."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(d) + mask) v (Vaswani et al. 2017, eq. 1); q (B, heads, n, d), k and v (B, heads, m, d).

    While a network learns on a processor this is done in fp32: the way back through bfloat16 attention takes three times as
    long there, more than all products of a small transformer together.
    """
    if not (q.requires_grad and q.device.type == "cpu"):
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
    with torch.autocast("cpu", enabled=False):
        if mask is not None and mask.dtype != torch.bool:
            mask = mask.float()
        return F.scaled_dot_product_attention(q.float(), k.float(), v.float(), mask, is_causal=causal).to(v.dtype)
