"""A head start for text encoders: learn to say what a caption claims, before any picture is involved.

Large models take a text encoder that was trained elsewhere (CLIP in Rombach et al. 2022, section 3.3). Ours is trained
here, in about two minutes: from the pooled state, linear heads name shape, colour and size of both things, their
relation and the background. Without it the small networks first learn to ignore the caption.
"""
from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.data.captions import Claim, item
from pipelines.data.shapes import BACKGROUNDS, COLORS, RELATIONS, SHAPES, SIZES
from pipelines.data.tokenizer import tokenizer
from pipelines.nets.text import TextEncoder

_THING = (("shape", SHAPES), ("color", tuple(COLORS)), ("size", tuple(SIZES)))
_WIDTHS = [len(values) + 1 for _ in range(2) for _, values in _THING] + [len(RELATIONS) + 1, len(BACKGROUNDS) + 1]


def targets(claim: Claim) -> list[int]:
    """The claim as one class index per head; 0 where the caption says nothing."""
    found = []
    for k in range(2):
        for name, values in _THING:
            value = getattr(claim.things[k], name) if k < len(claim.things) else None
            found.append(values.index(value) + 1 if value else 0)
    found.append(RELATIONS.index(claim.relation) + 1 if claim.relation else 0)
    found.append(list(BACKGROUNDS).index(claim.background) + 1 if claim.background else 0)
    return found


def loss(encoder: TextEncoder, heads: nn.Linear, tokens: Tensor, claims: Tensor) -> Tensor:
    """Cross-entropy of all heads: tokens (B, L), claims (B, 8) class indices."""
    logits = heads(encoder(tokens)["pooled"]).split(_WIDTHS, dim=1)
    return torch.stack([F.cross_entropy(z, claims[:, k]) for k, z in enumerate(logits)]).sum()


def pretrain(encoder: TextEncoder, steps: int = 1500, batch: int = 64, seed: int = 0) -> Iterator[tuple[int, float]]:
    """Train the encoder in place, yielding (step, loss)."""
    width = encoder.norm.normalized_shape[0]
    torch.manual_seed(seed)
    heads = nn.Linear(width, sum(_WIDTHS))
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=1e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        items = [item("train", seed + 1, step * batch + k) for k in range(batch)]
        tokens = tokenizer().batch([caption for _, caption, _ in items])
        value = loss(encoder, heads, tokens, torch.tensor([targets(claim) for _, _, claim in items]))
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        decay.step()
        yield step + 1, value.item()
