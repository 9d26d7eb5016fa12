"""The sphere on which noise lies, all but exactly."""
from __future__ import annotations

from pipelines.late import Tensor


def slerp(a: Tensor, b: Tensor, s: float | Tensor) -> Tensor:
    """The point at s in [0, 1] on the arc from a to b, (..., Z) (Shoemake 1985); lengths go along evenly. A straight line would leave
    the shell on which noise lives (White 2016, section 2.1)."""
    cosine = (a * b).sum(-1, keepdim=True) / (a.norm(dim=-1, keepdim=True) * b.norm(dim=-1, keepdim=True))
    angle = cosine.clamp(-1 + 1e-6, 1 - 1e-6).acos()
    return ((1 - s) * angle).sin() / angle.sin() * a + (s * angle).sin() / angle.sin() * b
