"""From noise to what the network draws, in equal steps."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.family import calls_a_step, sampler
from pipelines.late import Tensor, torch
from pipelines.options import option
from pipelines.protocol import Predict, Preview, Sampler


@dataclass(frozen=True)
class FadeOptions:
    steps: int = option(4, "Steps", "How many steps from noise to the blob.", symbol="N", low=1, high=50)
    softness: float = option(0.0, "Softness", "How much of the noise stays.", symbol="β", low=0, high=1)


@sampler("fade", "Fade", "Blends noise into the picture.", FadeOptions, calls_a_step(1), source="nobody",
         formula=r"x \leftarrow x + \tfrac{1 - \beta}{n}\,(G - x)")
def fade(picture: Predict, x: Tensor, options: FadeOptions) -> Sampler:
    for step in range(options.steps):
        t = torch.full((len(x),), step / options.steps)
        found = yield from picture(x, t)
        yield Preview(x, found, step + 1, options.steps, step / options.steps, 1 - step / options.steps, {"n": options.steps - step})
        x = x + (1 - options.softness) / (options.steps - step) * (found - x)
    return x
