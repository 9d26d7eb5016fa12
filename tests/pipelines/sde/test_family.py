"""Pictures that start from one noise: an SDE fans out, an ODE does not, and each can be drawn again alone."""
from __future__ import annotations

import pytest
import torch

from pipelines import registry
from pipelines.protocol import run_alone
from pipelines.request import Request
from tests.tiny import LEVEL, nets_of, tiny

CPU = torch.device("cpu")
FAMILY = registry.family("sde")


@pytest.mark.parametrize(("name", "spread"), [("euler_maruyama", True), ("ancestral", True), ("ode_heun", False)])
def test_noise_fans_out_from_one_start(name: str, spread: bool) -> None:
    net = tiny("sde")
    nets = nets_of("sde", net)

    def draw(seed: int, count: int) -> torch.Tensor:
        options = registry.face("sde").samplers[name].options(steps=4, start_seed=7)
        request = Request("sde", "t", name, options, "a red star", seed=seed, count=count)
        with torch.inference_mode():
            return run_alone(FAMILY.start(request, "t", net, CPU), nets)

    three = draw(3, 3)
    apart = max(float((three[0] - three[k]).abs().max()) for k in (1, 2))
    assert (apart > LEVEL) == spread                                          # the step noise of an SDE is nearly as large as a picture
    assert (draw(4, 1) - three[1:2]).abs().max() < LEVEL
