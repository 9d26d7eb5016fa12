"""Who waits for whom: counted in batches, whatever the clock says."""
from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from pipelines.engine import Engine
from pipelines.engine.engine import SHARE
from pipelines.protocol import Call, NetKey, Sampler

GRID, PICTURE = [NetKey(f"grid {k}", "predict") for k in range(6)], NetKey("picture", "predict")


class Log:
    """What began and ended, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []                    # what happened, to which network
        self._lock = threading.Lock()

    def note(self, what: str, name: str) -> None:
        with self._lock:
            self.events.append((what, name))

    def net(self, key: NetKey, work: Callable[[], None]) -> Callable[..., Tensor]:
        def call(x: Tensor, t: Tensor, cond: dict) -> Tensor:
            self.note("begin", key.weights)
            work()
            self.note("end", key.weights)
            return x
        return call

    def waits(self) -> Iterator[int]:
        """For all calls of the picture: how many batches of others were under way or began until it was served."""
        running, asked = 0, None
        for what, name in self.events:
            if name == PICTURE.weights:
                if what == "begin" and asked is not None:
                    yield asked
                asked = running if what == "calls" else None
            elif what == "begin":
                running += 1
                asked = None if asked is None else asked + 1
            else:
                running -= 1


def sampler(key: NetKey, steps: int, log: Log | None = None, rows: int = 1) -> Sampler:
    for _ in range(steps):
        if log is not None:
            log.note("calls", key.weights)
        yield (Call(key, torch.zeros(rows, 2), torch.zeros(rows), {}),)
    return torch.zeros(rows)


@pytest.mark.parametrize("cores", (1, 2))
def test_a_picture_waits_for_two_batches_of_a_grid_at_most(cores: int) -> None:
    """The grid has many groups, all of which would come first if they were served in turn."""
    log = Log()
    engine = Engine({key: log.net(key, lambda: time.sleep(0.0005)) for key in (*GRID, PICTURE)}, cores=cores)
    grid = [engine.submit(sampler(key, 10**6, rows=cores + 1)) for key in GRID for _ in range(5)]
    while engine.stats.batches < 50:
        time.sleep(0.001)
    for _ in range(20):
        engine.submit(sampler(PICTURE, 10, log, rows=cores), priority=1).result()
    for job in grid:
        engine.cancel(job)
    engine.close()
    waits = list(log.waits())
    assert len(waits) == 200 and max(waits) <= 2


class Clock:
    """Stands still unless a network is evaluated."""

    def __init__(self) -> None:
        self.now = 0.0

    def takes(self, seconds: float) -> Callable[[], None]:
        def work() -> None:
            self.now += seconds
        return work


def test_urgent_work_leaves_the_others_their_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of its own: a grid's batch takes 3 s, a picture's 1 s, and pictures come without end."""
    log, clock, ready = Log(), Clock(), threading.Event()
    monkeypatch.setattr("pipelines.engine.workers.time.perf_counter", lambda: clock.now)
    nets = {key: log.net(key, clock.takes(3)) for key in GRID[:2]} | {PICTURE: log.net(PICTURE, clock.takes(1))}
    engine = Engine(nets | {NetKey("held", "predict"): lambda x, t, cond: (ready.wait(60), x)[1]})
    held = engine.submit(sampler(NetKey("held", "predict"), 1), priority=2)         # until all are there
    grid = [engine.submit(sampler(key, 4)) for key in GRID[:2]]
    pictures = engine.submit(sampler(PICTURE, 10**9), priority=1)
    ready.set()
    held.result()
    for job in grid:                                               # although the picture never ends
        job.result()
    engine.cancel(pictures)
    engine.close()
    names = [name for what, name in log.events if what == "begin"]
    turns = [k for k, name in enumerate(names) if name != PICTURE.weights]
    assert [names[k] for k in turns] == ["grid 0", "grid 1"] * 4                # each in its turn
    between = [after - before - 1 for before, after in zip(turns, turns[1:], strict=False)]
    assert between[0] == 1 and set(between[1:]) == {SHARE * 3 + 1}              # at first nobody knows what a batch takes


def test_one_that_is_not_urgent_goes_on_where_nobody_is() -> None:
    engine = Engine({key: lambda x, t, cond: x for key in (*GRID, PICTURE)})
    jobs = [engine.submit(sampler(key, 20), priority=k % 3) for k, key in enumerate((*GRID, PICTURE) * 3)]
    for job in jobs:
        job.result()
    assert not engine._jobs
    engine.close()
