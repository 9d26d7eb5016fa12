"""The engine against its oracle: whatever runs beside a sampler, it must get what it gets alone."""
from __future__ import annotations

import threading

import pytest
import torch
from torch import Tensor

from pipelines.diffusion.family import start
from pipelines.diffusion.options import SolverOptions
from pipelines.diffusion.sampler import DDIMOptions
from pipelines.engine import Engine, EngineError
from pipelines.engine.batch import Group
from pipelines.protocol import Call, NetKey, Preview, Sampler, run_alone
from pipelines.registry import face
from pipelines.request import Request
from tests.tiny import LEVEL, tiny_diffusion

KEY = NetKey("w", "predict")


def counting(steps: int, rows: int = 1, key: NetKey = KEY, value: float = 0.0) -> Sampler:
    """Adds the network's answer to x, `steps` times."""
    x = torch.full((rows, 2), value)
    for step in range(steps):
        (answer,) = yield (Call(key, x, torch.zeros(rows), {}),)
        x = x + answer
        yield Preview(x, x, step + 1, steps, 0.0, 0.0)
    return x


@pytest.fixture
def plus_one():
    engine = Engine({KEY: lambda x, t, cond: torch.ones_like(x)})
    yield engine
    engine.close()


def requests() -> list[Request]:
    mixed = []
    for k in range(16):
        name = ("ddim", "heun", "dpmpp_2m", "euler_a")[k % 4]
        options = {"ddim": DDIMOptions(steps=3 + k % 3), "heun": SolverOptions(steps=4), "dpmpp_2m": SolverOptions(steps=5),
                   "euler_a": DDIMOptions(steps=4)}[name]
        mixed.append(Request("diffusion", "tiny", name, options, prompt=f"a red star {'above a blue ring' * (k % 2)}",
                             guidance_scale=(3.0, 1.0)[k % 2], seed=100 * k, count=1 + k % 3))
    return mixed


@pytest.fixture(scope="module")
def tiny():
    net = tiny_diffusion()
    return net, {NetKey("t", "encode"): net.encode, NetKey("t", "predict"): net.predict}


@pytest.mark.slow
@pytest.mark.parametrize("cores", (1, 2, 3))
def test_alone_equals_among_fifteen_others(tiny, cores: int) -> None:
    net, nets = tiny
    engine = Engine(dict(nets), cores=cores)
    jobs = [engine.submit(start(r, "t", net, torch.device("cpu"))) for r in requests()]
    together = [job.result() for job in jobs]
    assert engine.stats.batches < sum(job.stats.batches for job in jobs)          # they did share batches
    with torch.inference_mode():
        for request, result in zip(requests(), together, strict=True):
            alone = run_alone(start(request, "t", net, torch.device("cpu")), nets)
            assert (alone - result).abs().max() < LEVEL
    engine.close()


@pytest.mark.slow
@pytest.mark.parametrize("cores", (1, 2))
def test_exact_mode_is_bit_identical_whatever_the_company(tiny, cores: int) -> None:
    net, nets = tiny
    results = []
    for company in (0, 5, 15):
        engine = Engine(dict(nets), cores=cores)
        others = [engine.submit(start(r, "t", net, torch.device("cpu")), batch_invariant=8) for r in requests()[1:1 + company]]
        results.append(engine.submit(start(requests()[0], "t", net, torch.device("cpu")), batch_invariant=8).result())
        for job in others:
            job.result()
        engine.close()
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_cores_share_the_rows_of_a_batch() -> None:
    seen = []

    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        seen.append((threading.current_thread().name, len(x), torch.get_num_threads(), torch.is_inference_mode_enabled()))
        return x + t[:, None]

    engine = Engine({KEY: net}, cores=4)
    for rows, shares in ((1, [1]), (3, [1, 1, 1]), (6, [2, 2, 1, 1])):
        seen.clear()
        x = torch.arange(2.0 * rows).view(rows, 2)

        def sampler(x: Tensor = x) -> Sampler:
            (answer,) = yield (Call(KEY, x, torch.ones(len(x)), {}),)
            return answer

        assert torch.equal(engine.submit(sampler()).result(), x + 1)
        assert sorted((n for _, n, _, _ in seen), reverse=True) == shares
        assert {threads for _, _, threads, _ in seen} == {4 if rows == 1 else 1} and all(inference for *_, inference in seen)
        assert {name.partition("_")[0] for name, *_ in seen} == {"engine" if rows == 1 else "worker"}
    engine.close()


def test_image_k_of_a_batch_is_the_image_of_its_seed_alone(tiny) -> None:
    net, nets = tiny
    for name in ("ddim", "euler_a", "dpmpp_2m_sde"):
        def request(seed: int, count: int, name: str = name) -> Request:
            return Request("diffusion", "tiny", name, face("diffusion").samplers[name].options(steps=4),
                           prompt="a red star", seed=seed, count=count)
        with torch.inference_mode():
            batch = run_alone(start(request(7, 3), "t", net, torch.device("cpu")), nets)
            alone = run_alone(start(request(9, 1), "t", net, torch.device("cpu")), nets)
        assert (batch[2] - alone[0]).abs().max() < LEVEL


def test_events_tell_the_whole_story(plus_one: Engine) -> None:
    job = plus_one.submit(counting(3))
    kinds = [event.kind for event in job.events()]
    assert kinds[0] == "started" and kinds[-1] == "done"
    assert kinds.count("preview") == 3 and kinds.count("progress") == 3
    assert job.stats.nfe == 3 and job.status == "done"


@pytest.mark.parametrize("cores", (1, 2))
def test_cancel_closes_the_generator_and_takes_one_call_at_most(cores: int) -> None:
    begun, go_on, closed, calls = threading.Event(), threading.Event(), threading.Event(), []

    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        calls.append(len(x))
        begun.set()
        assert go_on.wait(60)
        return x

    def endless() -> Sampler:
        try:
            yield from counting(10**9, rows=cores)
        finally:
            closed.set()
        return torch.zeros(1)

    engine = Engine({KEY: net}, cores=cores)
    job = engine.submit(endless())
    assert begun.wait(60)
    engine.cancel(job)                                                           # while its first batches are being evaluated
    go_on.set()
    assert [event.kind for event in job.events()][-1] == "cancelled"
    assert closed.is_set() and len(calls) <= cores
    assert engine.submit(counting(2)).result() is not None                       # and it goes on working
    assert not engine._jobs and not any(group.waiting for group in engine._groups.values())
    engine.close()


def test_not_a_number_fails_that_job_alone() -> None:
    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        return torch.where(x >= 100, torch.nan, 1.0)

    engine = Engine({KEY: net})
    good, bad = engine.submit(counting(5, 2)), engine.submit(counting(5, 2, value=100.0))
    assert torch.equal(good.result(), torch.full((2, 2), 5.0))
    with pytest.raises(EngineError, match="not a number for image 1 after step 0"):
        bad.result()
    engine.close()


@pytest.mark.slow
def test_out_of_memory_halves_the_batch_and_then_fails_one_job_only() -> None:
    sizes = []

    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        sizes.append(len(x))
        if len(x) > 4 or x[0, 0] >= 100:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return torch.ones_like(x)

    engine = Engine({KEY: net})
    assert torch.equal(engine.submit(counting(2, 12)).result(), torch.full((12, 2), 2.0))
    assert sizes[0] == 12 and sizes[1] == 6 and sizes[-1] <= 4
    with pytest.raises(EngineError, match="not enough memory"):
        engine.submit(counting(1, value=100.0)).result()
    assert engine.submit(counting(1)).result() is not None
    engine.close()


def test_a_failing_network_is_a_sentence_and_the_engine_lives(plus_one: Engine) -> None:
    with pytest.raises(EngineError, match="stopped with an error"):
        plus_one.submit(counting(1, key=NetKey("unknown", "predict"))).result()
    assert torch.equal(plus_one.submit(counting(1)).result(), torch.ones(1, 2))


def test_groups_take_turns() -> None:
    order, both = [], threading.Event()

    def net(name: str):
        def call(x: Tensor, t: Tensor, cond: dict) -> Tensor:
            assert both.wait(60)
            order.append(name)
            return x
        return call

    short, long = NetKey("short", "predict"), NetKey("long", "predict")
    engine = Engine({short: net("short"), long: net("long")})
    jobs = [engine.submit(counting(60, key=long)), engine.submit(counting(10, key=short))]
    both.set()                                                                   # both are there before the first call is answered
    for job in jobs:
        job.result()
    assert max(i for i, name in enumerate(order) if name == "short") <= 2 * 10    # in turn, not after the 60 long ones
    engine.close()


def test_batches_use_fixed_sizes_and_share_rows() -> None:
    sizes = set()

    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        sizes.add(len(x))
        return torch.ones_like(x)

    engine = Engine({KEY: net})
    jobs = [engine.submit(counting(4, rows)) for rows in (1, 5, 7, 70)]
    for job, rows in zip(jobs, (1, 5, 7, 70), strict=True):
        assert torch.equal(job.result(), torch.full((rows, 2), 4.0))
    assert sizes <= set(engine.buckets)
    engine.close()


@pytest.mark.parametrize("cores", (1, 2))
def test_closing_cancels_what_runs_and_what_comes_later(cores: int) -> None:
    engine, calls = Engine({}, cores=cores), []
    engine.nets[KEY] = lambda x, t, cond: (calls.append(len(x)), x)[1]
    jobs = [engine.submit(counting(10**9, rows=k)) for k in (1, 2, 5)]
    engine.close()
    ended = len(calls)
    jobs.append(engine.submit(counting(1)))
    engine.close()                                                               # once is enough
    assert [[event.kind for event in job.events()][-1] for job in jobs] == ["cancelled"] * 4
    assert len(calls) == ended and not engine._jobs


def test_a_size_that_was_slow_once_gets_another_chance() -> None:
    group = Group((4, 8, 16))
    for size in (4, 8, 4, 8):
        group.measured(size, 1.0 if size == 8 else 0.01)                 # 8 was disturbed
    assert group.limit() == 4
    sizes = []
    for _ in range(200):
        sizes.append(group.limit())
        group.measured(sizes[-1], 0.01)
    assert sizes.count(4) < 150 and sizes[-1] == 16
