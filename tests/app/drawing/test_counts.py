"""What is said of network calls before a picture is drawn is what is counted after, for every family, sampler and way to begin."""
from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch

from app.drawing.runner import drawn_of
from pipelines import registry
from pipelines.engine import Engine
from pipelines.hub.about import ADAPTERS
from pipelines.options import options_of
from pipelines.request import Request
from tests.pipelines.hub.models import ask, folder_of, loaded
from tests.pipelines.hub.models import nets_of as hub_nets_of
from tests.tiny import nets_of, tiny

CPU = torch.device("cpu")
SAMPLERS = [(family, name) for family in registry.NAMES for name in registry.face(family).samplers]
BEGUN = {"strength": 0.5, "t_start": 0.5, "keep_rows": 1}          # ways to begin with a picture
BUILDERS: dict[str, dict[str, Any]] = {
    "sd": {}, "sdxl": {}, "ddpm": {}, "ldm": {}, "dit": {}, "ncsnpp": {}, "sd3": {"t5": True}, "flux": {"guidance_embeds": True}}
# Each sampler with the first kind of model that has it, and with all others the usual one and Heun's, which asks twice in a step.
FIRST = {name: adapter for adapter in reversed(BUILDERS) for name in ADAPTERS[adapter].samplers}
HUB = [pytest.param(adapter, name, marks=() if FIRST[name] == adapter or name in (info.samplers[0], "heun") else pytest.mark.long)
       for adapter, info in ADAPTERS.items() if adapter in BUILDERS for name in info.samplers]
STEPS = 3                                                          # with strength 0.5 between one and two of them


@cache
def net_of(family: str) -> torch.nn.Module:
    return tiny(family)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = Engine({})
    yield engine
    engine.close()


def counted(engine: Engine, request: Request, sampler: Any) -> None:
    """The count of each picture of a request is the one that was said; of solvers that stop by themselves it is at most that."""
    job = engine.submit(sampler)
    found = drawn_of(request, job.result(), job.stats.nfe).nfe
    assert len(found) == request.count
    if request.adapter and (request.family, request.sampler) == ("flow", "heun"):
        # It depends on the files of a model whether the last step asks a second time.
        assert set(found) <= {request.nfe, request.nfe - request.guidance_calls}
    elif request.spec.adaptive:
        assert all(0 < count <= request.nfe and count % request.guidance_calls == 0 for count in found)
    else:
        assert set(found) == {request.nfe}


def ways(kind: type, source: bool, guided: bool) -> list[tuple[dict[str, Any], float]]:
    """How to begin and the guidance scale: from noise without guidance; with it from a picture, where a sampler can."""
    names = {o.name for o in options_of(kind)}
    share = next((name for name in BEGUN if name in names), None)
    picture = {"source": "a picture's checksum", share: BEGUN[share]} if source and share else {}
    return [({}, 1.0), *([(picture, 3.0 if guided else 1.0)] if picture or guided else [])]


@pytest.mark.slow
@pytest.mark.parametrize(("family", "name"), SAMPLERS)
def test_own_models(engine: Engine, family: str, name: str) -> None:
    net, spec = net_of(family), registry.face(family).samplers[name]
    engine.nets.update(nets_of(family, net, family))
    steps = {"steps": STEPS} if "steps" in {o.name for o in options_of(spec.options)} else {}
    for more, guidance in ways(spec.options, True, registry.face(family).guided):
        request = Request(family, "tiny", name, spec.options(**steps, **more), "a red star", guidance_scale=guidance, count=2)
        source = {"source": torch.zeros(3, 32, 32)} if more else {}
        counted(engine, request, registry.family(family).start(request, family, net, CPU, **source))


@pytest.mark.slow
@pytest.mark.parametrize(("adapter", "name"), HUB)
def test_models_of_the_hub(engine: Engine, adapter: str, name: str) -> None:
    info, net = ADAPTERS[adapter], loaded(adapter, folder_of(adapter, **BUILDERS[adapter]))
    engine.nets.update(hub_nets_of(net, adapter))
    size = (32, 32) if adapter == "flux" else (0, 0)
    height, width = net.checked(size)
    for more, guidance in ways(registry.face(info.family).every[name].options, "source" not in info.fixed, info.guided):
        request = ask(adapter, name, STEPS, prompt="7", guidance=guidance, size=size, count=2, **more)
        source = {"source": torch.zeros(3, height, width)} if more else {}
        counted(engine, request, net.drawing.start(request, adapter, net, CPU, **source))
