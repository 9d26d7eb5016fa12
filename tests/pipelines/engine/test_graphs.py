"""Networks that are recorded and launched again give the same answers: by a stand-in for a GPU's recorder, and by a GPU if there is one."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines import registry
from pipelines.engine import Engine
from pipelines.engine.graphs import GRAPHS, MOST, Graphed, GraphError, graphed, recorder
from pipelines.engine.precision import keyed
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
    for seed in range(4):
        answers += [(given(rows, seed), called(*given(rows, seed))) for rows in (2, 5)]
    assert tape.recorded == 2 and tape.replayed == 2 * (1 + 4)               # each once, and looked at, then launched again
    assert all(torch.equal(answer, net(*arguments)) for arguments, answer in answers)


def test_answers_of_several_tensors_without_a_time() -> None:
    called = Graphed(lambda x, cond: {"a": x + 1, "b": cond["text"]}, Tape())
    kept = [called(given(2, seed)[0].T.T, given(2, seed)[2]) for seed in range(3)]
    assert all(torch.equal(found["a"], given(2, seed)[0] + 1) and torch.equal(found["b"], given(2, seed)[2]["text"])     # type: ignore[index, call-overload]
               for seed, found in enumerate(kept))


def test_shapes_and_dtypes_are_told_apart() -> None:
    called = Graphed(lambda x, cond: x * 2, tape := Tape())
    for x in (torch.ones(2, 3), torch.ones(3, 2), torch.ones(2, 3, dtype=torch.float64)):
        assert torch.equal(called(x, {}), x * 2)                             # type: ignore[arg-type]
    assert tape.recorded == 3


def broken(run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
    raise RuntimeError("operation not permitted when stream is capturing")


def test_what_cannot_be_recorded_is_a_sentence() -> None:
    with pytest.raises(GraphError, match=r"cannot be recorded .*capturing.*Start again without SEXTANT_GRAPHS"):
        Graphed(net, broken)(*given(2, 0))


def test_a_recording_that_gives_something_else_is_none() -> None:
    def empty(run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
        return lambda: None, torch.zeros(2, 3)                               # as one of another device is

    with pytest.raises(GraphError, match="does not give the network's own answer"):
        Graphed(net, empty)(*given(2, 0))


def test_without_memory_it_is_the_engine_that_says_so() -> None:
    def full(run: Callable[[], Answer]) -> tuple[Callable[[], None], Answer]:
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(torch.OutOfMemoryError):
        Graphed(net, full)(*given(2, 0))


def test_the_oldest_recordings_go() -> None:
    tape = Tape()
    called = Graphed(net, tape)
    for rows in range(1, MOST + 3):
        called(*given(rows, 0))
    assert tape.recorded == MOST + 2 and len(called._recorded) == MOST
    assert torch.equal(called(*given(1, 0)), net(*given(1, 0)))              # type: ignore[arg-type]


@pytest.mark.slow
def test_an_engine_draws_the_same_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tape, family = Tape(), registry.family("flow")
    nets = nets_of("flow", network := tiny("flow"))
    spec = registry.face("flow").samplers["euler"]
    requests = [Request("flow", "t", "euler", spec.options(steps=8), "a red circle", seed=seed, guidance_scale=3.0) for seed in (1, 2)]

    def drawn(nets: Any) -> list[Tensor]:
        engine = Engine(nets, "cpu")
        samplers = [family.start(request, "t", network, torch.device("cpu")) for request in requests]
        found = [engine.submit(sampler, batch_invariant=4).result() for sampler in samplers]
        engine.close()
        return found

    gpu = torch.device("cuda", 0)
    assert graphed(nets, gpu, lambda device: tape) == nets                   # nobody asked for it
    monkeypatch.setenv(GRAPHS, "1")
    assert graphed(nets, torch.device("cpu"), lambda device: tape) == nets
    replayed = graphed(nets, gpu, lambda device: tape)
    assert {key.method for key, one in replayed.items() if isinstance(one, Graphed)} == {"predict"}
    assert all(torch.equal(a, b) for a, b in zip(drawn(nets), drawn(replayed), strict=True)) and tape.replayed > 8


def test_an_engine_says_what_cannot_be_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(GRAPHS, "1")
    nets = graphed(nets_of("flow", network := tiny("flow")), torch.device("cuda", 0), lambda device: broken)
    request = Request("flow", "t", "euler", registry.face("flow").samplers["euler"].options(steps=2), "a red circle")
    engine = Engine(nets, "cpu")
    job = engine.submit(registry.family("flow").start(request, "t", network, torch.device("cpu")))
    with pytest.raises(RuntimeError, match="predict stopped with an error: it cannot be recorded"):
        job.result()
    engine.close()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_records_a_network() -> None:
    """In the precision that it is drawn in, for two batch sizes in turn."""
    device = torch.device("cuda", 0)
    nets = keyed("t", tiny("flow").to(device), ("encode", "predict"), device)
    plain = nets[NetKey("t", "predict")]
    called = Graphed(plain, recorder(device))
    with torch.inference_mode():
        for seed in range(4):
            for rows in (2, 8):
                rng = torch.Generator().manual_seed(seed)
                cond = nets[NetKey("t", "encode")](torch.randint(1, 50, (rows, 24), generator=rng).to(device), {})
                x, t = torch.randn(rows, 3, 32, 32, generator=rng).to(device), torch.rand(rows, generator=rng).to(device)
                assert torch.allclose(called(x, t, cond), plain(x, t, cond), atol=1e-5)     # type: ignore[arg-type]
    assert len(called._recorded) == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_goes_on_after_a_call_that_it_cannot_record() -> None:
    device = torch.device("cuda", 0)
    stream = torch.cuda.current_stream()
    with pytest.raises(GraphError, match="cannot be recorded"):
        Graphed(lambda x, cond: x * float(x.sum()), recorder(device))(torch.ones(2, device=device), {})
    assert torch.cuda.current_stream() == stream and float((torch.ones(3, device=device) + 1).sum()) == 6
