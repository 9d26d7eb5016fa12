"""Classifier-free guidance (Ho & Salimans 2022), in one place: never inside a network or a sampler."""
from __future__ import annotations

from torch import Tensor

from pipelines.numerics.schedules import NoiseSchedule, per_row
from pipelines.protocol import Call, Cond, NetKey, Predict, Steps


def guided(net: NetKey, cond: Cond, null: Cond, scale: float) -> Predict:
    """A predictor that asks for conditional and null answers together: null + scale (conditional - null), eq. 6.

    At scale 1 (the plain conditional model) and 0 (the unconditional one) a single call per step is enough.
    """
    def predict(x: Tensor, t: Tensor) -> Steps:
        if scale in (0.0, 1.0):
            (answer,) = yield (Call(net, x, t, cond if scale else null),)
            return answer
        with_caption, without = yield (Call(net, x, t, cond), Call(net, x, t, null))
        return without + scale * (with_caption - without)
    return predict


def clipped(predict: Predict, schedule: NoiseSchedule) -> Predict:
    """The same eps predictor with its x0 estimate held inside [-1, 1], where images live.

    Guidance overshoots that range; Ho et al. clip in their sampler, here it serves every sampler alike.
    """
    def predict_clipped(x: Tensor, t: Tensor) -> Steps:
        eps = yield from predict(x, t)
        signal, noise = (per_row(s, x) for s in schedule.at(t))
        x0 = ((x - noise * eps) / signal).clamp(-1, 1)
        return (x - signal * x0) / noise
    return predict_clipped
