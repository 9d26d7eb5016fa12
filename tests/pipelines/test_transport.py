"""Pictures to noise and back, between two pictures, and how likely they are: on exact and on tiny networks."""
from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pipelines import registry
from pipelines.engine import Engine
from pipelines.numerics.ode import Control
from pipelines.protocol import Outcome, run_alone
from pipelines.request import Request
from pipelines.transport import between, decode, encode, likelihood
from tests.tiny import nets_of, tiny

FAMILIES = [name for name in registry.NAMES if registry.family(name).transport is not None]
X0 = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
CONTROL = Control(1e-5, 1e-5, 200)


def setting(family: str, prompt: str = "a red star"):
    net = tiny(family)
    nets = nets_of(family, net)
    name, spec = next(iter(registry.face(family).samplers.items()))
    transport = registry.family(family).transport
    assert transport is not None
    return transport(spec.options()), Request(family, "tiny", name, spec.options(), prompt, count=len(X0)), nets


@pytest.mark.parametrize("prompt", ["a red star", ""])
@pytest.mark.parametrize("family", FAMILIES)
def test_encode_and_decode_are_inverse(family: str, prompt: str) -> None:
    transport, request, nets = setting(family, prompt)
    noise: Outcome = run_alone(encode(transport, request, "t", X0, CONTROL), nets)
    back: Outcome = run_alone(decode(transport, request, "t", noise.x, CONTROL), nets)
    assert noise.notes == back.notes == (None,) * 3
    assert (back.x - X0).abs().max() < 4 / 255                                 # two grey levels; the tolerance is 1e-5 a step
    assert (noise.x - X0).abs().max() > 0.5


@pytest.mark.parametrize("family", FAMILIES)
def test_likelihood_in_the_engine_is_that_alone(family: str) -> None:
    """The engine is in inference mode, and the product needs gradients."""
    transport, request, nets = setting(family)
    alone: Outcome = run_alone(likelihood(transport, request, "t", X0, 1, Control(1e-3, 1e-3, 50)), nets)
    engine = Engine(nets)
    together = engine.submit(likelihood(transport, request, "t", X0, 1, Control(1e-3, 1e-3, 50))).result()
    one = engine.submit(likelihood(transport, replace(request, count=1), "t", X0[:1], 1, Control(1e-3, 1e-3, 50))).result()
    engine.close()
    assert torch.isfinite(alone.x).all()
    # Twice the tolerance: batches round otherwise, and a step may then be accepted that was not.
    assert torch.allclose(together.x, alone.x, rtol=2e-3)                      # type: ignore[union-attr]
    assert torch.allclose(one.x, alone.x[:1], rtol=2e-3)                       # type: ignore[union-attr]


def test_between_keeps_to_the_shell() -> None:
    a, b = (torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    way = between(a, b, torch.linspace(0, 1, 5))
    assert torch.allclose(way[0], a, atol=1e-4) and torch.allclose(way[-1], b, atol=1e-4)
    assert (way.flatten(1).std(1) - 1).abs().max() < 0.03
    assert torch.allclose(between(a, a, torch.linspace(0, 1, 3)), a.expand(3, -1, -1, -1), atol=1e-4)
