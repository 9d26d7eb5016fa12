"""How a pretrained masked model draws: read the prompt, uncover its codes (`vqvae.masked`), decode."""
from __future__ import annotations

import torch

from pipelines.family import GenerativeModel
from pipelines.hub.model import HubModel
from pipelines.hub.sampler import conditions
from pipelines.numerics.guidance import guided
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import NetKey, Outcome, Sampler, asked
from pipelines.request import Request
from pipelines.vqvae.masked import unmasked


def start(request: Request, weights: str, net: HubModel, device: torch.device, previews: bool = True) -> Sampler:
    """The sampler of a request."""
    size, o = net.checked((request.height, request.width)), request.options
    cond, null = yield from conditions(request, weights, net, device, size)
    logits = guided(NetKey(weights, "logits"), cond, null, request.guidance_scale)
    settings, decode, grid = net.scheduler.config, NetKey(weights, "decode") if previews else None, net.latent(size)
    codes = yield from unmasked(logits, grid, RowNoise(request.seeds, (1,), device), o, settings.mask_token_id,
                                settings.masking_schedule, decode)
    picture = yield from asked(NetKey(weights, "decode"), codes.view(-1, *grid[1:]))
    return Outcome(picture.clamp(-1, 1), (o.steps,) * len(codes), (None,) * len(codes), codes)


DRAWING = GenerativeModel(start=start, previews_cost=True, methods=("encode", "logits", "decode"))
