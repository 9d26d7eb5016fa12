"""What adapters share that read captions at a fixed length: how much of it is padding, and what of a caption is beyond it."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor


def masked_ids(tokenizer: Any, prompts: Sequence[str], length: int, **how: Any) -> tuple[Tensor, dict[str, Tensor]]:
    """Token ids (B, length), and {"mask": (B, length), 0 where there is only padding}; what is beyond it is cut."""
    found = tokenizer(list(prompts), padding="max_length", max_length=length, truncation=True, return_tensors="pt", **how)
    return found.input_ids, {"mask": found.attention_mask}


@dataclass(frozen=True)
class Reader:
    """A tokenizer of a model, how many tokens its encoder reads of a text, and what stands before every text."""
    title: str
    tokenizer: Any
    length: int
    before: str = ""

    def beyond(self, text: str) -> int:
        """How many tokens of the text are not read."""
        return max(0, len(self.tokenizer(self.before + text).input_ids) - self.length)

    def knows(self, text: str) -> bool:
        """Whether any token of the text is one that the vocabulary has."""
        ids = self.tokenizer(text, add_special_tokens=False).input_ids
        return any(token != self.tokenizer.unk_token_id for token in ids)
