"""What is said of network calls before a picture is drawn is what is counted after, for every family, sampler and way to begin."""
from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
import torch

from app.requests import face_of, guidance_calls, nfe_of
from app.runners import drawn_of
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
HUB = [(adapter, name) for adapter in BUILDERS for name in ADAPTERS[adapter].samplers]


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
        assert set(found) <= {nfe_of(request), nfe_of(request) - guidance_calls(request)}
    elif face_of(request.family).every[request.sampler].adaptive:
        assert all(0 < count <= nfe_of(request) and count % guidance_calls(request) == 0 for count in found)
    else:
        assert set(found) == {nfe_of(request)}


def ways(kind: type, source: bool) -> list[dict[str, Any]]:
    """From noise, and from a picture where a sampler can."""
    names = {o.name for o in options_of(kind)}
    share = next((name for name in BEGUN if name in names), None)
    return [{}, *([{"source": "a picture's checksum", share: BEGUN[share]}] if source and share else [])]


@pytest.mark.parametrize(("family", "name"), SAMPLERS)
def test_own_models(engine: Engine, family: str, name: str) -> None:
    net, spec = net_of(family), registry.face(family).samplers[name]
    engine.nets.update(nets_of(family, net, family))
    steps = {"steps": 5} if "steps" in {o.name for o in options_of(spec.options)} else {}
    for more in ways(spec.options, True):
        for guidance in (1.0, 3.0) if registry.face(family).guided else (1.0,):
            request = Request(family, "tiny", name, spec.options(**steps, **more), "a red star", guidance_scale=guidance, count=2)
            source = {"source": torch.zeros(3, 32, 32)} if more else {}
            counted(engine, request, registry.family(family).start(request, family, net, CPU, **source))


@pytest.mark.parametrize(("adapter", "name"), HUB)
def test_models_of_the_hub(engine: Engine, adapter: str, name: str) -> None:
    info, net = ADAPTERS[adapter], loaded(adapter, folder_of(adapter, **BUILDERS[adapter]))
    engine.nets.update(hub_nets_of(net, adapter))
    size = (32, 32) if adapter == "flux" else (0, 0)
    height, width = net.checked(size)
    for more in ways(registry.face(info.family).every[name].options, "source" not in info.fixed):
        for guidance in (1.0, 3.0) if info.guided else (1.0,):
            request = ask(adapter, name, 5, prompt="7", guidance=guidance, size=size, count=2, **more)
            source = {"source": torch.zeros(3, height, width)} if more else {}
            counted(engine, request, net.drawing.start(request, adapter, net, CPU, **source))
