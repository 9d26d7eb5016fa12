"""What the captioned families do alike before the first step: read the captions, set up guidance, draw the noise."""
from __future__ import annotations

import torch
from torch import Tensor

from pipelines.data.batches import Batch
from pipelines.numerics.guidance import guided
from pipelines.protocol import Call, NetKey, Steps
from pipelines.request import Request

NULL_SHARE = 0.1                   # of training captions are dropped, so that the network also learns the null condition


def read_captions(request: Request, weights: str, device: torch.device, precise: bool = False) -> Steps:
    """(condition, null condition) of the request's rows, by one call of the text encoder."""
    rows = request.count
    captions = request.data.tokenizer().batch([request.prompt] * rows + [request.negative_prompt] * rows).to(device)
    (states,) = yield (Call(NetKey(weights, "encode", precise), captions, None, {}),)
    return tuple({name: z[part] for name, z in states.items()} for part in (slice(rows), slice(rows, None)))


def predictor(request: Request, weights: str, device: torch.device) -> Steps:
    """The guided predictor of the network's "predict" for a request; precise for a solver that measures its own error."""
    precise = request.spec.adaptive
    cond, null = yield from read_captions(request, weights, device, precise)
    return guided(NetKey(weights, "predict", precise), cond, null, request.guidance_scale)


def training_pair(batch: Batch, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """(x0, tokens) of a batch, a tenth of the captions replaced by the null condition."""
    dropped = torch.rand(len(batch.tokens), generator=rng) < NULL_SHARE
    null = batch.data.tokenizer().batch([""]).to(batch.tokens.device)
    tokens = torch.where(dropped.to(batch.tokens.device)[:, None], null, batch.tokens)
    return batch.x0.contiguous(memory_format=torch.channels_last), tokens

