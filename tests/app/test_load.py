"""Many at once: a picture waits for no comparison."""
from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app import service as services
from app.jobs import RUNNING
from app.paths import Paths
from app.service import Service
from app.views import Ask, GridAsk
from pipelines.engine.workers import Batch
from tests.tiny import tiny_diffusion
from weights.load import save

MODELS = 6


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a few tiny models."""
    net = tiny_diffusion()
    for k in range(MODELS):
        (tmp_path / "runs" / f"run{k}").mkdir(parents=True)
        weights = {name: z * (1 + 0.01 * k) for name, z in net.state_dict().items()}
        save(tmp_path / "runs" / f"run{k}" / "model.safetensors", weights,
             {"family": "diffusion", "title": f"run {k}", "config": net.config.to_dict()})
    return tmp_path


def grid_of_200(service: Service) -> str:
    """Started: each model draws 34 seeds; calls of different models share no batches."""
    models = ",".join(f"run{k}" for k in range(MODELS))
    ask = Ask("diffusion", "a red star", model="run0", options={"steps": 60}, count=1, seed=1)
    return service.grids.start(GridAsk(ask, "seed=1-34(+1)", f"model={models}", distance=False))


class Watch:
    """The batches of a service's engine, by their jobs' priority, and when a picture's sampler is handed to it."""

    def __init__(self, service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[tuple[str, int]] = []
        self._lock, evaluate, submit = threading.Lock(), Batch.evaluate, service.machine.engine.submit

        def evaluated(batch: Batch) -> None:
            self.note("begin", batch.pieces[0].job.priority)
            evaluate(batch)
            self.note("end", batch.pieces[0].job.priority)

        def submitted(sampler: Any, *, priority: int = 0, **more: Any) -> Any:
            def noting() -> Any:
                self.note("wish", priority)                        # the engine has it
                return (yield from sampler)
            return submit(noting(), priority=priority, **more)

        monkeypatch.setattr(Batch, "evaluate", evaluated)
        monkeypatch.setattr(service.machine.engine, "submit", submitted)

    def note(self, what: str, priority: int) -> None:
        with self._lock:
            self.events.append((what, priority))

    def waits(self) -> Iterator[int]:
        """For every batch of the picture: how many of the grid were under way or began since its last, or since its beginning."""
        own = grids = since = 0
        for what, priority in self.events:
            if what == "wish":
                since = grids if priority else since
            elif priority:
                if what == "begin" and not own:
                    yield since
                own += 1 if what == "begin" else -1
                since = grids
            else:
                grids += 1 if what == "begin" else -1
                since += what == "begin"


def test_a_picture_beside_a_grid_waits_for_two_of_its_batches_at_most(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its calls; and eight comparisons that run are no queue in which it stands (here one fills it)."""
    monkeypatch.setattr(services, "AT_ONCE", 1)
    monkeypatch.setattr("app.device.threads", lambda: 2)
    service = Service(Paths(data))
    ask = Ask("diffusion", "a blue ring", model="run3", options={"steps": 20}, count=2)
    assert service.wait(service.generate(ask)).status == "done"              # all is loaded
    watch, grid = Watch(service, monkeypatch), grid_of_200(service)
    while sum(what == "end" for what, _ in watch.events) < 30:
        time.sleep(0.01)
    pictures = [service.wait(service.generate(ask)) for _ in range(3)]
    assert service.grids.view(grid)["status"] in RUNNING                     # it was not waited for
    service.grids.stop(grid)
    assert [view.status for view in pictures] == ["done"] * 3
    waits = list(watch.waits())
    assert len(waits) >= 3 * 20 and max(waits) <= 2, waits
    service.close()
