"""Attention as all networks use it."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """softmax(q k^T / sqrt(d) + mask) v (Vaswani et al. 2017, eq. 1); q (B, heads, n, d), k and v (B, heads, m, d).

    While a network learns in bfloat16 on a processor, the equation is calculated as it stands: the way back through the
    library's fused attention takes several times as long there, more than all other products of a small transformer.
    """
    if not (q.requires_grad and q.device.type == "cpu" and q.dtype == torch.bfloat16):
        return F.scaled_dot_product_attention(q, k, v, mask, is_causal=causal)
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        scores = scores + (torch.where(mask, 0.0, float("-inf")) if mask.dtype == torch.bool else mask).to(scores.dtype)
    return scores.softmax(-1) @ v
