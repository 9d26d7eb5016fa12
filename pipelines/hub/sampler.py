"""How a pretrained model draws: read the prompt, draw the noise, step the scheduler, decode."""
from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from pipelines.family import GenerativeModel
from pipelines.hub.model import HubModel, Size
from pipelines.hub.schedulers import GivenSchedule, colours, estimate, scheduler_for
from pipelines.numerics.guidance import clipped, guided
from pipelines.numerics.library import PreviewFn, noised, own_noise, stepped
from pipelines.numerics.rng import RowNoise, import_paths
from pipelines.protocol import Call, Cond, NetKey, Predict, Preview, Sampler, Steps, asked
from pipelines.request import Request


def conditions(request: Request, weights: str, net: HubModel, device: torch.device, size: Size) -> Steps:
    """(condition, null condition) of the request's rows; a prompt is encoded once, however many rows have it."""
    if net.info.reads == "nothing":
        return {}, {}
    twice = net.info.guided and not net.info.guidance_distilled and request.guidance_scale != 1
    prompts = [request.prompt, request.negative_prompt] if twice else [request.prompt]
    ids, more = net.words(prompts)
    (states,) = yield (Call(NetKey(weights, "encode"), ids.to(device), None, {name: z.to(device) for name, z in more.items()}),)
    found = []
    for k in range(len(prompts)):
        row = net.condition({name: z[k:k + 1] for name, z in states.items()}, request, size, negative=k == 1)
        found.append({name: z.expand(request.count, *z.shape[1:]) for name, z in row.items()})
    return found[0], found[-1]


def predictor(request: Request, weights: str, cond: Cond, null: Cond, net: HubModel) -> Predict:
    """The guided predictor; where guidance is told to the network, or there is none, one call a step is all."""
    scale = request.guidance_scale if net.info.guided and not net.info.guidance_distilled else 1.0
    return guided(NetKey(weights, "predict", precise=request.spec.adaptive), cond, null, scale, net.renormed)


def start(request: Request, weights: str, net: HubModel, device: torch.device, source: Tensor | None = None,
          previews: bool = True) -> Sampler:
    """The sampler of a request, for models that predict noise (or v, or the picture) on a discrete schedule.

    source: a picture (3, H, W) in [-1, 1] of the request's size to start from, noised as far as options.strength says.
    """
    size = net.checked((request.height, request.width))
    cond, null = yield from conditions(request, weights, net, device, size)
    noise = RowNoise(request.seeds, net.latent(size), device)
    scheduler = scheduler_for(net.scheduler, request.sampler, request.options)
    ours = request.spec.scheduler
    assert ours is not None
    extra = own_noise(ours.noise, scheduler, noise)
    if hasattr(request.options, "eta"):
        eta = {"eta": request.options.eta}
        own = extra
        extra = lambda i: own(i) | eta                                       # noqa: E731
    x, begin = noise.normal(), None
    if source is not None:
        clean = yield from asked(NetKey(weights, "embed"), source[None])
        x, begin = noised(scheduler, clean[0], x, request.options.skipped)
    predict = predictor(request, weights, cond, null, net)
    if request.options.clip and not ours.clips and scheduler.config.prediction_type == "epsilon":
        predict = clipped(predict, GivenSchedule(scheduler))
    latents = yield from stepped(scheduler, predict, x, seen(scheduler, begin or 0), extra, begin)
    return (yield from asked(NetKey(weights, "decode"), latents))


def seen(scheduler: Any, begin: int = 0) -> PreviewFn:
    """What is shown of a step: latents as colours, and the numbers of the samplers' formulas."""
    schedule, kind, total = GivenSchedule(scheduler), scheduler.config.prediction_type, len(scheduler.timesteps) - begin
    after = [*scheduler.timesteps[1:].tolist(), None]

    def preview(x_t: Tensor, answer: Tensor, t: float, i: int) -> Preview:
        signal, spread = schedule.levels(t)
        x0, s = estimate(kind, x_t, answer, signal, spread), after[i]
        abar, abar_s, sigma = signal**2, 1.0 if s is None else schedule.levels(s)[0] ** 2, spread / signal
        numbers = {"t": t, r"\sigma_t": sigma, r"\bar\alpha_t": abar, r"\bar\alpha_s": abar_s, r"\alpha_t": abar / abar_s,
                   r"\beta_t": 1 - abar / abar_s, r"\lambda": -math.log(sigma)}
        return Preview(colours(x_t), colours(x0), i + 1 - begin, total, t, sigma, numbers, colours(answer))
    return preview


def ready(request: Request, net: HubModel) -> None:
    """Import the request's scheduler, and what its noise is made with."""
    scheduler_for(net.scheduler, request.sampler, request.options)
    import_paths()


DRAWING = GenerativeModel(start=start, ready=ready, methods=("encode", "embed", "predict", "decode"))
