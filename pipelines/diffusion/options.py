"""Options that diffusion samplers share, and of the network."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import from_picture, needs_source, option

PREDICTIONS = ("v", "eps")
NOISE_SCHEDULES = ("linear", "cosine")
SPACES = ("pixels", "latents")
SPACINGS = ("trailing", "leading", "linspace")


@dataclass(frozen=True)
class DiffusionOptions:
    """What every sampler of the family takes."""
    steps: int = option(50, "Steps", "How many steps from noise to picture; more is slower and closer to the "
                        "solution.", symbol="N", low=1, high=1000)
    spacing: str = option("trailing", "Spacing", "Which of the T training times are visited: trailing includes the "
                          "last, leading the first, linspace both.", symbol="t_i", choices=SPACINGS)
    clip: bool = option(True, "Clip x̂0", "Hold the estimate of the picture inside the range of images at every step.", in_plane=False)
    strength: float = option(1.0, "Strength", "How much of the picture that it starts from is drawn anew: 1 all of it, less leaves out the "
                             "first steps.", symbol="s", low=0.05, high=1, in_plane=False, stays=True)
    source: str = from_picture()

    def __post_init__(self) -> None:
        needs_source(self, self.strength < 1, "A strength below 1", "leave it at 1")

    @property
    def skipped(self) -> int:
        """Steps that are left out at the noisy end; one is always taken."""
        return min(self.steps - int(self.steps * self.strength), self.steps - 1)


def one_a_step(options: DiffusionOptions) -> int:
    """Evaluations of a sampler that asks once a step,"""
    return options.steps - options.skipped


def two_a_step(options: DiffusionOptions) -> int:
    """and of one that asks twice, but once in the last."""
    return 2 * (options.steps - options.skipped) - 1


@dataclass(frozen=True)
class SolverOptions(DiffusionOptions):
    karras: bool = option(False, "Karras spacing", "Choose the noise levels so that steps shrink towards the picture, "
                          "down to the lowest there is (Karras et al. 2022, eq. 5); replaces the spacing.", symbol="σ_i")


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    prediction: str = option("v", "Prediction", "What the UNet predicts: the noise eps as in the paper, or v, which weighs the "
                             "steps so that small networks learn composition sooner.", choices=PREDICTIONS)
    space: str = option("pixels", "Space", "Where noise is added: to the pixels of a 32 by 32 picture, or to the latents of a 64 by "
                        "64 one.", choices=SPACES)
    noise_schedule: str = option("linear", "Noise schedule", "How fast the picture goes under in noise: linear as in the "
                                 "paper, with more of its steps where the layout is decided, or cosine.", choices=NOISE_SCHEDULES)
