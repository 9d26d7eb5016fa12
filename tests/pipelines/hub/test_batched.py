"""A grid of mixed requests through one engine: they share network calls, and each is what it is alone."""
from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines.engine import Engine
from pipelines.protocol import Call, Outcome, run_alone
from pipelines.request import Request
from tests.pipelines.hub.models import AMONG, CPU, ask, folder_of, loaded, nets_of

pytestmark = pytest.mark.slow

SMALL, WIDE = (32, 32), (48, 32)
NOISE: dict[str, Any] = {"spacing": "leading", "clip": False}
GRIDS: dict[str, list[Request]] = {
    "sd": [ask("sd", "ddim", 7, guidance=5.0, **NOISE), ask("sd", "euler", 5, prompt="a blue cat", guidance=3.0, seed=1, **NOISE),
           ask("sd", "unipc", 9, prompt="", guidance=1.0, seed=2, count=2, **NOISE),
           ask("sd", "dpmpp_2m", 6, negative="green", guidance=7.0, seed=5, **NOISE),
           ask("sd", "euler_a", 4, guidance=2.0, size=WIDE, **NOISE), ask("sd", "heun", 4, guidance=2.0, size=WIDE, **NOISE)],
    "sdxl": [ask("sdxl", "ddim", 5, guidance=5.0, **NOISE), ask("sdxl", "euler", 4, negative="cat", guidance=3.0, **NOISE),
             ask("sdxl", "deis", 6, prompt="a blue cat", **NOISE), ask("sdxl", "lms", 3, guidance=2.0, size=WIDE, **NOISE)],
    "sd3": [ask("sd3", "euler", 6, guidance=4.5), ask("sd3", "heun", 4, prompt="cat", guidance=2.0, seed=9),
            ask("sd3", "midpoint", 3, negative="blue", guidance=3.0), ask("sd3", "rk4", 2, size=WIDE)],
    "flux": [ask("flux", "euler", 6, guidance=4.5, size=SMALL), ask("flux", "heun", 4, prompt="cat", guidance=2.0, size=SMALL),
             ask("flux", "midpoint", 3, size=SMALL), ask("flux", "rk4", 2, size=WIDE)],
    "dit": [ask("dit", "ddim", 6, prompt="7", guidance=4.0, **NOISE), ask("dit", "dpmpp_2m", 4, prompt="item 9", guidance=2.0, **NOISE),
            ask("dit", "ddpm", 5, prompt="999", **NOISE)],
    "ddpm": [ask("ddpm", "ddpm", 6), ask("ddpm", "ddim", 4), ask("ddpm", "dpmpp_2m_sde", 5, seed=8)],
    "ncsnpp": [ask("ncsnpp", "predictor_corrector", 4), ask("ncsnpp", "ode_rk4", 2), ask("ncsnpp", "reverse_diffusion", 6),
               ask("ncsnpp", "corrector_predictor", 4)],
}


@pytest.mark.parametrize("adapter", GRIDS)
def test_a_mixed_grid(adapter: str) -> None:
    net = loaded(adapter, folder_of(adapter, **{"guidance_embeds": True} if adapter == "flux" else {}))
    nets, calls, batches = nets_of(net), Counter[str](), Counter[str]()

    def counted(method: str, plain: Any) -> Any:
        def call(*arguments: Any) -> Any:
            batches[method] += 1
            return plain(*arguments)
        return call

    def watch(yielded: Any) -> None:
        calls.update(call.net.method for call in yielded if isinstance(call, Call)) if isinstance(yielded, tuple) else None

    with torch.inference_mode():
        alone = [run_alone(net.drawing.start(request, "w", net, CPU), nets, watch) for request in GRIDS[adapter]]
    engine = Engine({key: counted(key.method, plain) for key, plain in nets.items()})
    try:
        jobs = [engine.submit(net.drawing.start(request, "w", net, CPU)) for request in GRIDS[adapter]]
        together = [job.result() for job in jobs]
    finally:
        engine.close()
    assert batches["predict"] < 0.7 * calls["predict"], (batches, calls)
    for request, one, other in zip(GRIDS[adapter], alone, together, strict=True):
        one, other = (z.x if isinstance(z, Outcome) else z for z in (one, other))
        assert float((one.clamp(-1, 1) - other.clamp(-1, 1)).abs().max()) <= AMONG, request.sampler


@pytest.mark.parametrize("adapter", ["sd", "sd3", "dit", "ncsnpp"])
def test_an_exact_run_is_the_same_to_the_bit_whatever_else_is_drawn(adapter: str) -> None:
    """As it is alone, and so as the library's pipeline is (test_exact.py), where a step is one call."""
    net = loaded(adapter, folder_of(adapter))
    request, *others = GRIDS[adapter]
    request = replace(request, guidance_scale=1.0)
    engine = Engine(nets_of(net))
    try:
        crowd = [engine.submit(net.drawing.start(other, "w", net, CPU)) for other in others]
        exact = engine.submit(net.drawing.start(request, "w", net, CPU), batch_invariant=1).result()
        for job in crowd:
            job.result()
    finally:
        engine.close()
    with torch.inference_mode():
        alone = run_alone(net.drawing.start(request, "w", net, CPU), nets_of(net))
    assert torch.equal(*(z.x if isinstance(z, Outcome) else z for z in (exact, alone)))
