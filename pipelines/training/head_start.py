"""A head start for text encoders: learn to say what captions claim, before any picture is involved.

Large models take a text encoder that was trained elsewhere (CLIP in Rombach et al. 2022, section 3.3). Ours is trained
here, in a few minutes, on what each of its data sets asks of its own captions (`DataSet.head_start`). Without this the
small networks first learn to ignore the caption, and later mix up what belongs to what.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pipelines.nets.text import TextEncoder

STEPS = 2000
BATCH = 64                         # captions of each set in a step
KEPT = 10.0                        # weight of what an earlier encoder answered, against the readings


@dataclass(frozen=True)
class Reading:
    """What is asked of the captions of one data set."""
    heads: nn.Module                                     # readings of the encoder's states, thrown away after the training
    batch: Callable[[int, int], tuple[Tensor, Any]]      # (start, size) -> tokens (B, L) of that many training captions, what they claim
    loss: Callable[[dict[str, Tensor], Any], Tensor]     # (what `TextEncoder` gives, claims) -> how wrong the heads are


def head_start(encoder: TextEncoder, readings: Sequence[Reading], known: Sequence[tuple[Reading, TextEncoder]] = (), steps: int = STEPS,
               seed: int = 0) -> Iterator[tuple[int, float]]:
    """Train the encoder in place on the readings' losses, summed; yields (step, loss).

    known: captions for which it is to answer as another encoder does, so that a network that listens to that one understands it, too.
    """
    torch.manual_seed(seed)
    heads = [p for reading in readings for p in reading.heads.parameters()]
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads], lr=3e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        terms = []
        for reading in readings:
            tokens, claims = reading.batch(step * BATCH, BATCH)
            terms.append(reading.loss(encoder(tokens), claims))
        for reading, other in known:
            tokens, _ = reading.batch(step * BATCH, BATCH)
            terms.append(KEPT * unlike(encoder(tokens), other, tokens))
        value = torch.stack(terms).sum()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        decay.step()
        yield step + 1, value.item()


def unlike(encoded: dict[str, Tensor], other: TextEncoder, tokens: Tensor) -> Tensor:
    """Mean squared difference of the states of words, and of the pooled ones, from another encoder's of the same tokens."""
    with torch.no_grad():
        wanted = other(tokens)
    keep = wanted["keep"]
    return F.mse_loss(encoded["states"][keep], wanted["states"][keep]) + F.mse_loss(encoded["pooled"], wanted["pooled"])
