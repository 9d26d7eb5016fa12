"""Whatever goes wrong in a sampler, a network or a listener is that job's alone, and one sentence."""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from pipelines.engine import Engine, EngineError
from pipelines.engine.cache import Slab
from pipelines.protocol import Cache, Call, NetKey, Remembering, Sampler

KEY, ODD, READ = NetKey("w", "predict"), NetKey("odd", "predict"), NetKey("w", "read")
HELD = NetKey("held", "predict")


def calls(key: NetKey, steps: int, rows: int = 2, cache: bool = False) -> Sampler:
    x, memory = torch.zeros(rows, 2), Cache(rows) if cache else None
    for _ in range(steps):
        (x,) = yield (Call(key, x, torch.zeros(rows), {}, memory),)
    return x


def raises() -> Sampler:
    yield from calls(KEY, 2)
    raise ValueError("on purpose")


def asks(*yielded: Any) -> Callable[[], Sampler]:
    def sampler() -> Sampler:
        yield from calls(KEY, 1)
        yield yielded                                                  # type: ignore[misc]
        return torch.zeros(1)
    return sampler


def closes_badly() -> Sampler:
    try:
        yield from calls(ODD, 1)
    finally:
        raise ValueError("on purpose")


def call(rows: int) -> Call:
    return Call(KEY, torch.zeros(rows, 2), torch.zeros(rows), {})


FAULTS: dict[str, tuple[Callable[[], Sampler], Callable[[Tensor], Any], str]] = {
    "a sampler that raises": (raises, lambda x: x, "sampler stopped with an error: on purpose"),
    "no calls": (asks(), lambda x: x, "an evaluation of no rows"),
    "a call of no rows": (asks(call(0)), lambda x: x, "an evaluation of no rows"),
    "a call of no rows beside another": (asks(call(3), call(0)), lambda x: x, "an evaluation of no rows"),
    "no call at all": (asks(7), lambda x: x, "sampler stopped with an error"),
    "a sampler that does not close": (closes_badly, lambda x: x * torch.nan, "not a number for image 1"),
    "a network that raises": (lambda: calls(ODD, 3), lambda x: 1 / 0, "predict stopped with an error"),
    "not a number in one of two rows": (lambda: calls(ODD, 3), lambda x: x + torch.tensor([[0.0], [torch.inf]])[:len(x)],
                                        "not a number for image 2"),
    "too few rows": (lambda: calls(ODD, 3), lambda x: x[1:], "answered with 1 rows where 2 were asked for"),
    "no tensor": (lambda: calls(ODD, 3), lambda x: None, "predict stopped with an error"),
}


@pytest.mark.parametrize("batch_invariant", (None, 2))
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_jobs_alone(fault: str, batch_invariant: int | None) -> None:
    """Two that do nothing wrong run beside it, in the same group and in another, and one comes afterwards."""
    sampler, odd, sentence = FAULTS[fault]
    together = threading.Event()
    engine = Engine({KEY: lambda x, t, cond: x + 1, ODD: lambda x, t, cond: odd(x), HELD: lambda x, t, cond: (together.wait(60), x)[1]})
    held = engine.submit(calls(HELD, 1))
    good = [engine.submit(calls(KEY, 5), batch_invariant=batch_invariant), engine.submit(calls(KEY, 5, rows=3))]
    bad = engine.submit(sampler(), batch_invariant=batch_invariant)
    together.set()
    held.result()
    with pytest.raises(EngineError, match=sentence):
        bad.result()
    good.append(engine.submit(calls(KEY, 5)))
    assert all((job.result() == 5).all() for job in good)
    assert not engine._jobs and not any(group.waiting for group in engine._groups.values())
    engine.close()


def test_a_listener_that_raises_holds_up_nobody() -> None:
    heard = []

    def listener(job: Any, event: Any) -> None:
        heard.append(event.kind)
        raise ValueError("on purpose")

    engine = Engine({KEY: lambda x, t, cond: x + 1})
    engine.submit(calls(KEY, 2), listener=listener)
    assert (engine.submit(calls(KEY, 4)).result() == 4).all()
    engine.close()
    assert heard == ["started", "progress", "progress", "done"]


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    take = Slab.take

    def taken(slab: Slab, rows: int) -> list[int]:
        if rows > 4:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return take(slab, rows)

    monkeypatch.setattr(Slab, "take", taken)
    yield


def test_no_memory_for_what_is_remembered_fails_one_job_only(little_memory: None) -> None:
    def read(x: Tensor, t: Tensor, cond: dict, slots: Tensor, memory: Tensor) -> Tensor:
        return x + 1

    engine = Engine({READ: Remembering(read, (1, 2, 1, 4, 1))})
    good, bad = engine.submit(calls(READ, 3, cache=True)), engine.submit(calls(READ, 3, rows=5, cache=True))
    with pytest.raises(EngineError, match="not enough memory for what"):
        bad.result()
    with pytest.raises(EngineError, match="no network 'read' of these weights that remembers"):
        engine.submit(calls(NetKey("gone", "read"), 1, cache=True)).result()
    assert (good.result() == 3).all() and not engine._slabs
    engine.close()


def test_an_engine_that_breaks_says_so_to_all(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine({KEY: lambda x, t, cond: x})
    monkeypatch.setattr(engine, "_land", lambda batch: 1 / 0)
    jobs = [engine.submit(calls(KEY, 10**9)) for _ in range(2)]
    for job in jobs:
        with pytest.raises(EngineError, match="engine stopped with an error"):
            job.result()
    engine._thread.join(60)
    with pytest.raises(EngineError, match="engine stopped with an error"):
        engine.submit(calls(KEY, 1)).result()
