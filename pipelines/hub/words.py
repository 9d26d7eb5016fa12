"""What adapters share that read captions at a fixed length and must know how much of it is padding."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor


def masked_ids(tokenizer: Any, prompts: Sequence[str], length: int, **how: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Token ids (B, length), and {"mask": (B, length), 0 where there is only padding}; what is beyond it is cut."""
    found = tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt", **how)
    return found.input_ids, {"mask": found.attention_mask}
