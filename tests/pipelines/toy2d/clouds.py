"""What tests of the 2-D laboratory share.

Their trainings are short and steady: networks that begin 1e-5 apart, as those of two processors soon are, end within a hundredth in
all that is asserted of them, and each bound is a tenth or more away from where they end.
"""
from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn

from pipelines import registry
from pipelines.protocol import Outcome, run_alone
from pipelines.toy2d.toy2d import CloudNoise


def fresh(family: str, **options: Any) -> nn.Module:
    """A network of the plane that has learnt nothing yet."""
    torch.manual_seed(0)
    return registry.family(family).toy2d.network(registry.face(family).network(**options))


def draw(family: str, name: str, net: nn.Module, count: int = 800, **wished: Any) -> Tensor:
    """Points by a sampler, (count, 2), not clipped, in 40 steps where it takes steps."""
    options, toy2d, noise = registry.face(family).samplers[name].options(), registry.family(family).toy2d, CloudNoise(0, count)
    known = {f.name for f in dataclasses.fields(options)}
    options = dataclasses.replace(options, **{n: v for n, v in {"steps": 40, "clip": False, **wished}.items() if n in known})
    with torch.inference_mode():
        result = run_alone(toy2d.start(name, options, noise.normal(), noise), toy2d.nets(net))
    return result.x if isinstance(result, Outcome) else result


def off(points: Tensor) -> float:
    """Mean distance to the nearest of the eight centres; 0.075 for the density itself."""
    angles = torch.arange(8) * torch.pi / 4
    return torch.cdist(points, 0.8 * torch.stack([angles.cos(), angles.sin()], 1)).min(1).values.mean().item()
