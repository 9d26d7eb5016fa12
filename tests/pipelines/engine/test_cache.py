"""What networks remember: cached answers equal uncached ones whenever jobs come and go, and nothing is kept afterwards."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipelines.engine import Engine
from pipelines.engine.cache import FIRST, Slab
from pipelines.nets.transformer import Transformer, TransformerConfig
from pipelines.protocol import Cache, Call, NetKey, Remembering, Sampler, run_alone

KEY = NetKey("t", "read")
CONFIG = TransformerConfig(length=24, width=32, layers=2, heads=4)
VOCABULARY = 11
ROUNDING = 1e-4                    # logits of about 1, through two layers: 6e-8 each time; another token changes them by a tenth


class Reader(nn.Module):
    """Tokens in, logits of the next out."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.body, self.head = nn.Embedding(VOCABULARY, 32), Transformer(CONFIG), nn.Linear(32, VOCABULARY)
        for p in self.parameters():
            nn.init.normal_(p, std=0.3) if p.dim() > 1 else None

    def uncached(self, tokens: Tensor) -> Tensor:
        return self.head(self.body(self.embed(tokens)))

    def read(self, tokens: Tensor, start: Tensor, cond, slots: Tensor, memory: Tensor) -> Tensor:
        return self.head(self.body(self.embed(tokens), start, slots, memory))


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader().eval()


def decoding(rows: int, prompt: int, length: int, seed: int) -> Sampler:
    """Greedy: reads a prompt in one call, then a token a call; returns the logits of every position (B, n, K)."""
    tokens = torch.randint(VOCABULARY, (rows, prompt), generator=torch.Generator().manual_seed(seed))
    cache, found, position = Cache(rows), [], 0
    while position < length:
        (logits,) = yield (Call(KEY, tokens, torch.full((rows,), position), {}, cache),)
        found.append(logits)
        position += tokens.shape[1]
        tokens = logits[:, -1:].argmax(2)
    return torch.cat(found, 1)


def oracle(reader: Reader, rows: int, prompt: int, length: int, seed: int) -> Tensor:
    """The same by reading everything again for each token."""
    tokens = torch.randint(VOCABULARY, (rows, prompt), generator=torch.Generator().manual_seed(seed))
    with torch.inference_mode():
        while True:
            logits = reader.uncached(tokens)
            if tokens.shape[1] >= length:
                return logits
            tokens = torch.cat([tokens, logits[:, -1:].argmax(2)], 1)


CASES = [(1 + k % 3, 1 + k % 5, 8 + k, k) for k in range(12)]


def test_alone(reader: Reader) -> None:
    for case in CASES[:4]:
        with torch.inference_mode():
            alone = run_alone(decoding(*case), {KEY: Remembering(reader.read, CONFIG.memory)})
        assert (alone - oracle(reader, *case)).abs().max() < ROUNDING


@pytest.mark.parametrize("cores", (1, 2))
@pytest.mark.parametrize("order", range(3))
def test_cached_equals_uncached_whenever_jobs_come(reader: Reader, order: int, cores: int) -> None:
    engine = Engine({KEY: Remembering(reader.read, CONFIG.memory)}, cores=cores)
    mixed = [CASES[k] for k in torch.randperm(len(CASES), generator=torch.Generator().manual_seed(order))]
    jobs = []
    for k, case in enumerate(mixed):
        jobs.append(engine.submit(decoding(*case)))
        time.sleep(0.002 * (k % 3))
    for case, job in zip(mixed, jobs, strict=True):
        assert (job.result() - oracle(reader, *case)).abs().max() < ROUNDING
    assert not engine._slabs
    engine.close()


def test_what_is_read_is_not_filled_up_and_holds_up_no_worker(reader: Reader) -> None:
    slow, sizes, here = NetKey("slow", "predict"), set(), set()
    working, begun = threading.Semaphore(0), threading.Event()

    def net(x: Tensor, t: Tensor, cond: dict) -> Tensor:
        begun.set()
        assert working.acquire(timeout=60)
        return x

    def read(tokens: Tensor, *rest: Any) -> Tensor:
        sizes.add(len(tokens))
        here.add(threading.current_thread().name)
        return reader.read(tokens, *rest)

    def waiting() -> Sampler:
        yield (Call(slow, torch.zeros(2, 1), torch.zeros(2), {}),)
        return torch.zeros(1)

    engine = Engine({slow: net, KEY: Remembering(read, CONFIG.memory)}, cores=2)
    both = engine.submit(waiting())                                    # a row for each worker, until the tokens are there
    assert begun.wait(60)
    tokens = engine.submit(decoding(5, 2, 6, 0)).result()
    assert len(tokens) == 5 and both.status == "running" and sizes == {5} and here == {"engine"}
    working.release(2)
    both.result()
    engine.close()


def test_slots_are_given_back_however_a_job_ends(reader: Reader) -> None:
    engine = Engine({KEY: Remembering(reader.read, CONFIG.memory)})

    def endless(fail_at: int | None = None) -> Iterator:
        cache = Cache(5)
        for k in range(10**9):
            if k == fail_at:
                raise ValueError("on purpose")
            yield (Call(KEY, torch.zeros(5, 1, dtype=torch.int64), torch.full((5,), k % CONFIG.length), {}, cache),)

    failing, cancelled = engine.submit(endless(3)), engine.submit(endless())                    # type: ignore[arg-type]
    assert [event.kind for event in failing.events()][-1] == "failed"
    while cancelled.stats.batches < 3:
        time.sleep(0.001)
    assert next(iter(engine._slabs.values())).used == 5
    engine.cancel(cancelled)
    assert [event.kind for event in cancelled.events()][-1] == "cancelled"
    assert not engine._slabs                                                     # nor is their memory kept
    engine.close()


def test_a_slab_grows_and_gives_low_slots_first() -> None:
    slab = Slab((1, 2, 1, 3, 4), torch.device("cpu"))
    first, second = slab.take(3), slab.take(FIRST)
    assert first == [0, 1, 2] and slab.memory.shape[2] == 2 * FIRST and slab.used == FIRST + 3
    slab.memory[:, :, second[0]] = 7
    slab.free(first)
    assert slab.take(2) == [0, 1] and slab.memory[0, 0, second[0], 0, 0, 0] == 7


def test_rows_that_lie_apart_read_the_same(reader: Reader) -> None:
    memory = torch.zeros(CONFIG.memory[0], 2, 40, *CONFIG.memory[2:])
    tokens = torch.randint(VOCABULARY, (3, 6), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected = reader.uncached(tokens)
        for slots in ([0, 1, 2], [5, 3, 4], [2, 39, 20]):
            at = torch.tensor(slots)
            got = torch.cat([reader.read(tokens[:, k:k + 2], torch.full((3,), k), {}, at, memory) for k in (0, 2, 4)], 1)
            assert (got - expected).abs().max() < ROUNDING
