"""Classifier-free guidance (Ho & Salimans 2022), in one place: never inside a network or a sampler."""
from __future__ import annotations

from torch import Tensor

from pipelines.numerics.schedules import NoiseSchedule
from pipelines.protocol import Call, Cond, NetKey, Predict, Steps


def guided(net: NetKey, cond: Cond, null: Cond, scale: float, renormed: bool = False) -> Predict:
    """A predictor that asks for conditional and null answers together: null + scale (conditional - null), eq. 6.

    At scale 1 (the plain conditional model) and 0 (the unconditional one) a single call per step is enough.
    """
    def predict(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        given, nothing = (c if rows is None else {name: z[rows] for name, z in c.items()} for c in (cond, null))
        if scale in (0.0, 1.0):
            (answer,) = yield (Call(net, x, t, given if scale else nothing),)
            return answer
        with_caption, without = yield (Call(net, x, t, given), Call(net, x, t, nothing))
        answer = without + scale * (with_caption - without)
        return answer * (with_caption.norm(dim=-1, keepdim=True) / answer.norm(dim=-1, keepdim=True)) if renormed else answer
    return predict


def clipped(predict: Predict, schedule: NoiseSchedule, bound: float = 1.0) -> Predict:
    """The same eps predictor with its x0 estimate held inside [-bound, bound]; images live in [-1, 1].

    Guidance overshoots that range; Ho et al. clip in their sampler, here it serves every sampler alike.
    """
    def predict_clipped(x: Tensor, t: Tensor, rows: Tensor | None = None) -> Steps:
        eps = yield from predict(x, t, rows)
        level = schedule.at(t)
        return level.eps(x, level.x0(x, eps).clamp(-bound, bound))
    return predict_clipped
