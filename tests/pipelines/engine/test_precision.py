"""Which calls are answered in fp32 on every device, and that fast answers stay near them."""
from __future__ import annotations

import pytest
import torch

from pipelines import registry
from pipelines.engine import precision
from pipelines.engine.precision import keyed
from pipelines.protocol import NetKey, Preview
from pipelines.request import Request
from tests.rounding import TIMES, apart, bfloat16_in_attention, shaken
from tests.tiny import tiny

CPU = torch.device("cpu")


@pytest.mark.parametrize(("family", "name"), [(f, s) for f in registry.NAMES if "predict" in registry.family(f).methods
                                              for s in registry.face(f).samplers])
def test_solvers_with_a_tolerance_ask_for_precise_answers(family: str, name: str) -> None:
    spec, net = registry.face(family).samplers[name], tiny(family)
    sampler = registry.family(family).start(Request(family, "t", name, spec.options(), "a red star", count=1), "t", net, CPU)
    yielded = next(sampler)
    assert not isinstance(yielded, Preview) and all(call.net.precise == spec.adaptive for call in yielded)
    yielded = sampler.send(tuple(net.encode(call.x) for call in yielded))
    assert not isinstance(yielded, Preview) and all(call.net.precise == spec.adaptive for call in yielded)


@bfloat16_in_attention
def test_fast_answers_are_fp32_numbers_near_the_precise_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "fast_bf16", lambda device: True)
    net = tiny("sde")
    nets = keyed("t", net, ("encode", "predict"), CPU)
    with torch.inference_mode():
        tokens = torch.ones(2, net.config.text.length, dtype=torch.int64)
        z, phi, cond = torch.randn(2, 3, 32, 32), torch.full((2,), 0.7), net.encode(tokens)
        fast, precise = (nets[NetKey("t", "predict", p)](z, phi, cond) for p in (False, True))
        rough = shaken(net, torch.bfloat16).predict(z, phi, cond)
        assert torch.equal(precise, net.predict(z, phi, cond))
    assert fast.dtype == torch.float32 and 0 < apart(fast, precise) < TIMES * apart(rough, precise)


@bfloat16_in_attention
def test_a_fast_answer_is_its_own_whatever_stands_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the order of sums, which batches of other sizes may have otherwise, and what is rounded after them."""
    monkeypatch.setattr(precision, "fast_bf16", lambda device: True)
    net = tiny("flow")
    fast = keyed("t", net, ("encode", "predict"), CPU)[NetKey("t", "predict")]
    with torch.inference_mode():
        cond = net.encode(torch.arange(6 * net.config.text.length).view(6, -1) % net.config.text.vocabulary)
        z, phi = torch.randn(6, 3, 32, 32), torch.linspace(0.1, 1.4, 6)
        one = fast(z[2:3], phi[2:3], {name: part[2:3] for name, part in cond.items()})
        precise, rough = (some.predict(z, phi, cond)[2:3] for some in (net, shaken(net, torch.bfloat16)))
        assert apart(fast(z, phi, cond)[2:3], one) < TIMES * apart(rough, precise)
