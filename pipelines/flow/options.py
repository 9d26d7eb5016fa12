"""Options that the flow family's samplers share, and of the network."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import from_picture, needs_source, option

PATHS = ("ot", "vp")
COUPLINGS = ("independent", "minibatch-ot", "reflow")
TIMES = ("uniform", "logit-normal")


@dataclass(frozen=True)
class FlowOptions:
    """What every sampler of the family takes."""
    steps: int = option(25, "Steps", "How many steps from noise (t = 0) to the picture (t = 1).", symbol="N", low=1, high=1000)
    path: str = option("ot", "Path", "How noise and picture are mixed on the way: along straight lines (optimal transport) or "
                       "as diffusion does. The same network serves both.", symbol="p_t", choices=PATHS)
    clip: bool = option(True, "Clip x̂1", "Hold the estimate of the picture inside the range of images at every step.", in_plane=False)
    t_start: float = option(0.0, "Start time", "Where the flow starts: 0 is pure noise; more keeps more of the picture that it "
                            "starts from.", symbol="t₀", low=0, high=0.85, in_plane=False, stays=True)
    source: str = from_picture()

    def __post_init__(self) -> None:
        needs_source(self, self.t_start > 0, "A start time above 0", "start at 0")


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    path: str = option("ot", "Path", "The path from noise to pictures that the network is trained on.", choices=PATHS)
    coupling: str = option("independent", "Coupling", "Which noise goes with which picture: any; within a batch the "
                           "pairs that are nearest in sum (Pooladian et al. 2023; Tong et al. 2024); or the picture that the "
                           "model of --from flows it to (Liu et al. 2023).", choices=COUPLINGS)
    times: str = option("uniform", "Times", "How training draws its times: evenly, or more often in the middle "
                        "(Esser et al. 2024, section 3.1).", choices=TIMES)
