"""Networks that are recorded and launched again give the same answers: by a stand-in for a GPU's recorder, and by a GPU if there is one."""
from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines import registry
from pipelines.engine import Engine
from pipelines.engine.graphs import MOST, WARM, Graphed, graphed, recorder
from pipelines.protocol import Answer, NetKey
from pipelines.request import Request
from tests.tiny import nets_of, tiny


class Tape:
    """Records as the GPU does: what runs again reads the same tensors and writes to the same ones."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
        self.recorded += 1
        answer = run()

        def again() -> None:
            self.replayed += 1
            fresh = run()
            for old, new in zip(_parts(answer), _parts(fresh), strict=True):
                old.copy_(new)
        return again, answer


def _parts(answer: Answer) -> list[Tensor]:
    return [answer] if isinstance(answer, Tensor) else list(answer.values())


def net(x: Tensor, t: Tensor, cond: dict[str, Tensor]) -> Tensor:
    return x * t[:, None] + cond["text"]


def given(rows: int, seed: int) -> tuple[Any, ...]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 3, generator=rng), torch.rand(1, generator=rng).expand(rows), {"text": torch.randn(rows, 3, generator=rng)}


def test_answers_are_the_networks_and_stay() -> None:
    tape = Tape()
    called, answers = Graphed(net, tape), []
    for seed in range(WARM + 4):
        answers += [(given(rows, seed), called(*given(rows, seed))) for rows in (2, 5)]
    assert tape.recorded == 2 and tape.replayed == 2 * 4                     # once for each shape, then launched again
    assert all(torch.equal(answer, net(*arguments)) for arguments, answer in answers)


def test_answers_of_several_tensors() -> None:
    called = Graphed(lambda x, t, cond: {"a": x + 1, "b": t}, Tape())
    kept = [called(*given(2, seed)) for seed in range(WARM + 3)]
    assert all(torch.equal(found["a"], given(2, seed)[0] + 1) and torch.equal(found["b"], given(2, seed)[1])     # type: ignore[index, call-overload]
               for seed, found in enumerate(kept))


def test_what_cannot_be_recorded_runs_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    def refuses(run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
        raise RuntimeError("operation not permitted when stream is capturing")

    called = Graphed(net, refuses)
    with caplog.at_level(logging.WARNING):
        for rows in (1, 2, 1, 2):
            for seed in range(WARM + 2):
                assert torch.equal(called(*given(rows, seed)), net(*given(rows, seed)))     # type: ignore[arg-type]
    assert [record.message for record in caplog.records] == [
        "a network cannot be recorded as a CUDA graph and runs without: operation not permitted when stream is capturing"]


def test_the_oldest_recordings_go() -> None:
    tape = Tape()
    called = Graphed(net, tape)
    for rows in range(1, MOST + 3):
        for seed in range(WARM + 1):
            called(*given(rows, seed))
    assert tape.recorded == MOST + 2 and len(called._recorded) == MOST
    assert torch.equal(called(*given(1, 0)), net(*given(1, 0)))              # type: ignore[arg-type]


def test_an_engine_draws_the_same_with_it() -> None:
    tape, family = Tape(), registry.family("flow")
    nets = nets_of("flow", network := tiny("flow"))
    spec = registry.face("flow").samplers["euler"]
    requests = [Request("flow", "t", "euler", spec.options(steps=8), "a red circle", seed=seed, guidance_scale=3.0) for seed in (1, 2)]

    def drawn(nets: Any) -> list[Tensor]:
        engine = Engine(nets, "cpu")
        found = [engine.submit(family.start(request, "t", network, torch.device("cpu")), exact=4).result() for request in requests]
        engine.close()
        return found

    replayed = graphed(nets, lambda: tape)
    assert isinstance(replayed[NetKey("t", "predict")], Graphed) and not isinstance(replayed[NetKey("t", "encode")], Graphed)
    assert all(torch.equal(a, b) for a, b in zip(drawn(nets), drawn(replayed), strict=True)) and tape.replayed > 8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_records_a_network() -> None:
    """The bundled kind of network, in the precision that it is drawn in, for two batch sizes in turn."""
    from pipelines.precision import keyed
    device = torch.device("cuda")
    network = tiny("flow").to(device)
    nets = keyed("t", network, ("encode", "predict"), device)
    plain, called = nets[NetKey("t", "predict")], graphed(nets, recorder)[NetKey("t", "predict")]
    with torch.inference_mode():
        for seed in range(WARM + 4):
            for rows in (2, 8):
                rng = torch.Generator().manual_seed(seed)
                cond = nets[NetKey("t", "encode")](torch.randint(1, 50, (rows, 24), generator=rng).to(device), {})
                x, t = torch.randn(rows, 3, 32, 32, generator=rng).to(device), torch.rand(rows, generator=rng).to(device)
                assert torch.allclose(called(x, t, cond), plain(x, t, cond), atol=1e-5)     # type: ignore[arg-type]
    assert called._recorded                                                  # type: ignore[union-attr]
