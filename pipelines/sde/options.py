"""Options that the SDE family's samplers share, and of the network."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import MAX_SEED, from_picture, needs_source, option

PROCESSES = ("vp", "subvp", "ve")
OBJECTIVES = ("variance", "likelihood", "sliced")
T_MIN = 1e-5                       # where training and likelihoods begin (Song et al. 2021, Appendix C): the score of the data
#                                    itself may not exist. Drawing stops earlier, at the option t_end


@dataclass(frozen=True)
class SDEOptions:
    """What every sampler of the family takes."""
    steps: int = option(100, "Steps", "How many steps from the prior to the picture; more follow the SDE more closely.",
                        symbol="N", low=1, high=2000)
    process: str = option("vp", "Process", "Which SDE carries pictures to noise: variance preserving, its sub-VP "
                          "relative, or variance exploding. The same network serves all three.", symbol="f, g",
                          choices=PROCESSES)
    t_end: float = option(1e-3, "End time", "Where the reverse time stops: below it the score grows without bound and "
                          "the noise cannot be seen.", symbol="ε", low=1e-5, high=0.1, in_plane=False)
    rho: float = option(1.0, "Spacing", "1 spaces the times evenly; more puts more of the steps near the picture.", symbol="ρ",
                        low=1, high=7)
    denoise: bool = option(True, "Last step without noise", "Take the mean of the last step instead of a draw, which would "
                           "leave a trace of noise on the picture; an ODE has none.")
    clip: bool = option(True, "Clip x̂0", "Hold the estimate of the picture inside the range of images at every step.", in_plane=False)
    t_start: float = option(1.0, "Start time", "Where the reverse time starts: 1 is pure noise; less keeps more of the picture "
                            "that it starts from.", symbol="t₀", low=0.15, high=1, in_plane=False, stays=True)
    start_seed: int = option(-1, "Start seed", "Seed of the noise that every picture starts from, while its own seed drives what comes "
                             "after: an SDE then fans out from one point, an ODE always draws the same. -1: each its own.",
                             symbol="x₁", low=-1, high=MAX_SEED, in_plane=False)
    source: str = from_picture()

    def __post_init__(self) -> None:
        needs_source(self, self.t_start < 1, "A start time below 1", "start at 1")


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    process: str = option("vp", "Process", "The SDE whose noise levels the network is trained on.", choices=PROCESSES)
    objective: str = option("variance", "Objective", "Denoising score matching weighted by the noise's variance (best "
                            "pictures) or by g squared (best likelihood), or sliced score matching.", choices=OBJECTIVES)
