"""How text and picture are learned together (Ramesh et al. 2021, section 2.2)."""
from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from pipelines.dalle.network import DALLE

TEXT, IMAGE = 1 / 8, 7 / 8         # weights of the two parts: what matters is the picture


def loss(net: DALLE, tokens: Tensor, codes: Tensor) -> Tensor:
    """1/8 of the text's cross-entropy and 7/8 of the picture's, each a mean over its tokens in nats; tokens (B, L) of the
    tokenizer, codes (B, h, w)."""
    words, z = net.words(tokens), codes.flatten(1)
    sequence = torch.cat([words, z], 1)
    logits = net.model(sequence[:, :-1])
    text, image = logits[:, :words.shape[1] - 1], logits[:, words.shape[1] - 1:]
    return (TEXT * F.cross_entropy(text.flatten(0, 1), words[:, 1:].flatten())
            + IMAGE * F.cross_entropy(image.flatten(0, 1), z.flatten()))


def log_likelihood(net: DALLE, tokens: Tensor, codes: Tensor) -> Tensor:
    """Exact log p(picture | caption) in nats, (B,): of the codes among codes, as they are drawn."""
    words, z = net.words(tokens), codes.flatten(1)
    logits = net.model(torch.cat([words, z[:, :-1]], 1))[:, words.shape[1] - 1:, :net.config.codes.codes]
    return logits.log_softmax(2).gather(2, z[:, :, None])[:, :, 0].sum(1)
