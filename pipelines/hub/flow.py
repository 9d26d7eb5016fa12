"""How a pretrained flow model draws: a solver follows its velocity from noise (sigma = 1) to the picture (sigma = 0).

The library counts noise levels downwards, x_sigma = (1 - sigma) x1 + sigma eps, and its networks answer dx/dsigma = eps - x1;
this family's time is t = 1 - sigma, and its velocity dx/dt = x1 - eps.
"""
from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from pipelines import registry
from pipelines.family import GenerativeModel
from pipelines.flow.sampler import preview_of as flow_preview_of
from pipelines.hub.about import left_out
from pipelines.hub.model import HubModel, Size
from pipelines.hub.sampler import conditions, predictor
from pipelines.hub.schedulers import colours
from pipelines.numerics.library import PreviewFn, stepped
from pipelines.numerics.ode import HEUN, MIDPOINT, RK4, Control, adaptive, fixed
from pipelines.numerics.ode import PreviewFn as OdePreviewFn
from pipelines.numerics.paths import OptimalTransport
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import NetKey, Outcome, Predict, Preview, Sampler, Steps, asked
from pipelines.request import Request

PATH = OptimalTransport(sigma_min=0.0)
TABLES = {"midpoint": MIDPOINT, "heun": HEUN, "rk4": RK4}
# Solvers for noise levels that serve flows too, with alpha = 1 - sigma.
MULTISTEP = {spec.name: spec.scheduler for spec in registry.face("flow").pretrained.values() if spec.scheduler}
STRETCHES = ("use_dynamic_shifting", "shift_terminal", "use_karras_sigmas", "use_exponential_sigmas", "use_beta_sigmas")


class FlowModel(HubModel):
    """Base of the adapters of flow models: `predict` is told sigma times the scheduler's training times, and answers eps - x1."""

    def spacing(self, steps: int, size: Size) -> dict[str, Any]:
        """What the scheduler's `set_timesteps` is told of a request; here: how many steps, and the shift for pictures of that size."""
        return {"num_inference_steps": steps} | self.shift(size)

    def shift(self, size: Size) -> dict[str, float]:
        """{"mu": the shift towards noise of pictures of that size}, if the scheduler has one that depends on it (Esser et al. 2024,
        section 5.3.2): linear in the number of tokens."""
        config = self.scheduler.config
        if not config.get("use_dynamic_shifting"):
            return {}
        few, many = config.get("base_image_seq_len", 256), config.get("max_image_seq_len", 4096)
        low, high = config.get("base_shift", 0.5), config.get("max_shift", 1.15)
        slope = (high - low) / (many - few)
        return {"mu": self.tokens(size) * slope + (low - slope * few)}

    def tokens(self, size: Size) -> int:
        """How many tokens the network makes of a picture."""
        _, height, width = self.latent(size)
        return (height // 2) * (width // 2)


def start(request: Request, weights: str, net: FlowModel, device: torch.device, source: Tensor | None = None,
          previews: bool = True) -> Sampler:
    """The sampler of a request.

    source: a picture (3, H, W) in [-1, 1] of the request's size to start from in place of noise, noised to t_start.
    """
    size, o = net.checked((request.height, request.width)), request.options
    cond, null = yield from conditions(request, weights, net, device, size)
    noise, scheduler = RowNoise(request.seeds, net.latent(size), device), scheduler_for(net, request.sampler, o.steps, size)
    x, begin = noise.normal(), 0
    if source is not None:
        clean = yield from asked(NetKey(weights, "embed"), source[None])
        begin = left_out(o.steps, o.t_start) * scheduler.order
        x = scheduler.sigmas[begin] * x + (1 - scheduler.sigmas[begin]) * clean
    v, times = predictor(request, weights, cond, null, net), [1 - float(sigma) for sigma in scheduler.sigmas[begin:]]
    decode = NetKey(weights, "decode")
    if request.spec.adaptive:
        control = Control(o.rtol, o.atol, o.steps)
        outcome: Outcome = yield from adaptive(velocity(v, net), x, times[0], 1.0, control, seen(o.steps))
        return replace(outcome, x=(yield from asked(decode, outcome.x)))
    if own(scheduler, request.sampler):
        latents = yield from fixed(TABLES[request.sampler], velocity(v, net), x, times, seen(len(times) - 1))
    else:
        scheduler.set_begin_index(begin)
        drawn = {} if request.sampler in MULTISTEP else {"generator": noise.generators}
        latents = yield from stepped(scheduler, v, x, seen_of(scheduler, begin), lambda i: drawn, begin)
    return (yield from asked(decode, latents))


def scheduler_for(net: FlowModel, name: str, steps: int, size: Size) -> Any:
    """A fresh scheduler with its noise levels set: the library's Heun where that can be told them, one with memory, else its Euler."""
    import diffusers
    saved, arguments = net.scheduler, net.spacing(steps, size)
    scheduler: Any
    if name in MULTISTEP:
        return multistep(saved, name, steps, math.exp(arguments["mu"]) if "mu" in arguments else shift_of(saved))
    if name == "heun" and not any(saved.config.get(key) for key in STRETCHES) and set(arguments) == {"num_inference_steps"}:
        scheduler = diffusers.FlowMatchHeunDiscreteScheduler(saved.config.get("num_train_timesteps", 1000), shift_of(saved))
    elif type(saved) is diffusers.FlowMatchEulerDiscreteScheduler:
        scheduler = copy.deepcopy(saved)
    else:
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(saved.config.get("num_train_timesteps", 1000), shift_of(saved))
    scheduler.set_timesteps(**arguments)
    return scheduler


def multistep(saved: Any, name: str, steps: int, shift: float) -> Any:
    """A solver that remembers the steps before, on a flow's noise levels, shifted towards noise; as it was saved, if it was."""
    import diffusers
    ours = MULTISTEP[name]
    kind = getattr(diffusers, ours.name)
    scheduler = copy.deepcopy(saved) if type(saved) is kind else kind(
        saved.config.get("num_train_timesteps", 1000), prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift,
        **ours.settings)
    scheduler.set_timesteps(steps)
    return scheduler


def shift_of(saved: Any) -> float:
    """The constant shift of a scheduler's noise levels, s sigma / (1 + (s - 1) sigma)."""
    return saved.config.get("shift", saved.config.get("flow_shift", 1.0))


def own(scheduler: Any, name: str) -> bool:
    """Whether a solver of ours runs over the scheduler's noise levels, and not the scheduler itself."""
    return name in TABLES and type(scheduler).__name__ != "FlowMatchHeunDiscreteScheduler"


def velocity(v_theta: Predict, net: FlowModel) -> Predict:
    """dx/dt at times t (B,) in [0, 1] of the family."""
    unit = net.scheduler.config.get("num_train_timesteps", 1000)

    def field(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        answer = yield from v_theta(x, (1 - t) * unit, rows)
        return -answer
    return field


def seen(total: int) -> OdePreviewFn:
    """The family's preview of a step, its latents as colours."""
    of_step = flow_preview_of(PATH, total)

    def preview(step: int, x: Tensor, t: Tensor, h: Tensor, slope: Tensor) -> Preview:
        shown = of_step(step, x, t, h, slope)
        return replace(shown, x_t=colours(shown.x_t), x0=colours(shown.x0), field=colours(slope))
    return preview


def seen_of(scheduler: Any, begin: int) -> PreviewFn:
    """The same for a scheduler of the library; Heun's second evaluation of a step shows nothing of its own."""
    order = scheduler.order
    times: Sequence[float] = [1 - float(sigma) for sigma in scheduler.sigmas]
    preview = seen((len(scheduler.timesteps) - begin + order - 1) // order)

    def of_evaluation(x: Tensor, answer: Tensor, _: float, i: int) -> Preview | None:
        if (i - begin) % order:
            return None
        full = torch.full((len(x),), times[i], device=x.device)
        return preview((i - begin) // order + 1, x, full, torch.full_like(full, times[i + 1] - times[i]), -answer)
    return of_evaluation


def ready(request: Request, net: FlowModel) -> None:
    """Import the request's scheduler."""
    scheduler_for(net, request.sampler, request.options.steps, net.checked((request.height, request.width)))


DRAWING = GenerativeModel(start=start, ready=ready, methods=("encode", "embed", "predict", "decode"))
