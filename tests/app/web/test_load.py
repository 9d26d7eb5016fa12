"""Many at once: a picture waits for no comparison, and what was drawn leaves nothing behind."""
from __future__ import annotations

import gc
import json
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pytest

from app.drawing import artist, jobs
from app.drawing.ask import Ask
from app.drawing.jobs import KEPT, RUNNING, JobState, JobTable
from app.drawing.recording import Recorded
from app.errors import UserError
from app.grids.ask import GridAsk
from app.grids.run import GridRun
from app.paths import Paths
from app.service import Service
from pipelines.engine.workers import Batch
from tests.tiny import tiny_diffusion
from weights.load import save

pytestmark = pytest.mark.slow

ROOT, MODELS = Path(__file__).parents[3], 6


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
                self.note("calls", priority)                        # the engine has it
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
            if what == "calls":
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
    monkeypatch.setattr(artist, "AT_ONCE", 1)
    monkeypatch.setattr("app.device.device.threads", lambda: 2)
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


def test_many_requests_leave_nothing_behind(data: Path, requests: int = 100) -> None:
    """In a process of its own: the same objects and open files after many as after 50, and a tenth more memory at most."""
    done = subprocess.run([sys.executable, "-m", "tests.app.web.load", str(data), "run0", "40", str(KEPT), str(requests)], cwd=ROOT,
                          stdout=subprocess.PIPE, check=True, text=True)
    before, after = map(json.loads, done.stdout.splitlines())
    assert before["JobState"] == after["JobState"] == KEPT and before["Job"] == after["Job"] == 0
    assert after["Tensor"] == before["Tensor"] and after["threads"] == before["threads"]
    assert after["files"] <= before["files"] + 15                            # five connections to the database, three files each
    assert after["bytes"] <= 1.1 * before["bytes"]


@pytest.mark.long
def test_500_requests_leave_nothing_behind(data: Path) -> None:
    test_many_requests_leave_nothing_behind(data, 500)


class Page:
    """The page of a family as a client without a browser uses it."""

    def __init__(self, address: str, family: str, **values: Any) -> None:
        self.client, self.values = httpx.Client(base_url=address, timeout=300), values
        config = self.client.get("/config").json()
        parts = {part["id"]: part["props"] for part in config["components"]}
        button = next(i for i, props in parts.items() if props.get("elem_id") == f"{family}-generate")
        self.handler = next(d for d in config["dependencies"] if [button, "click"] in d["targets"])
        self.controls = [(str(parts[i].get("elem_id")).removeprefix(f"{family}-"), parts[i].get("value")) for i in self.handler["inputs"]]
        self.refused = 0

    def draw(self, seed: int) -> None:
        """One picture, on a page of its own; asks again while there are too many others."""
        values = self.values | {"seed": seed, "lock": True}
        data = [values.get(name, value) for name, value in self.controls]
        call = {"fn_index": self.handler["id"], "data": data, "session_hash": f"s{seed}"}
        while True:
            answer = self.client.post("/gradio_api/run/predict", json=call).json()["data"]
            said = json.loads(answer[2]) if isinstance(answer[2], str) else {}
            if "error" not in said:
                break
            assert "jobs are unfinished, which is the most that are accepted" in said["error"]
            self.refused += 1
            time.sleep(0.2)
        job = json.loads(answer[1])["job"]
        while (view := self.client.get(f"/api/job/{job}").json())["status"] in RUNNING:
            time.sleep(0.2)
        assert view["status"] == "done", view
        assert self.client.get(f"/image/{view['shots'][0]['id']}.png").headers["content-type"] == "image/png"


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_fifty_clients_at_once(data: Path, requests: int = 500) -> None:
    """Over HTTP: who is one too many hears a sentence, and after 500 pages the server holds a tenth more than after 50 at most."""
    from tests.browser.conftest import started
    server, address = started(data, 7956)
    try:
        page, process, held = Page(address, "diffusion", model="run0", steps=2, count=1), psutil.Process(server.pid), []
        for seeds in (range(50), range(50, requests)):
            with ThreadPoolExecutor(50) as pool:
                list(pool.map(page.draw, seeds))
            held.append(process.memory_info().rss)
        print(f"{page.refused} refusals; {held[0] >> 20} MiB after 50, {held[1] >> 20} MiB after {requests}")
        assert page.refused and held[1] <= 1.1 * held[0]
    finally:
        server.terminate()
        server.wait(60)


def test_what_is_refused_is_stored_nowhere(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "MAX_WAITING", 0)
    service = Service(Paths(data))
    for _ in range(3):
        with pytest.raises(UserError, match="0 jobs are unfinished, which is the most"):
            service.generate(Ask("diffusion", "a red star", model="run0"))
    assert service.jobs() == []
    assert not [*(data / "running").glob("[!.]*")]                           # no lock says that it runs
    with closing(sqlite3.connect(data / "playground.sqlite3")) as database:
        assert database.execute("select count(*) from jobs").fetchall() == [(0,)]
    service.close()


def test_an_ended_comparison_lets_go_of_its_run(data: Path) -> None:
    service = Service(Paths(data))
    ask = Ask("diffusion", "a red star", model="run0", options={"steps": 2}, count=1)
    grid = service.grids.start(GridAsk(ask, "seed=1-3(+1)", distance=False))
    while service.grids.view(grid)["status"] in RUNNING:
        time.sleep(0.02)
    for thread in service.artist._threads:
        thread.join()
    gc.collect()
    assert not [thing for thing in gc.get_objects() if type(thing) is GridRun]
    assert service.grids.view(grid)["done"] == 3
    service.close()


def frame(step: int, size: int) -> Recorded:
    return Recorded(step, 1000, 0.0, 0.0, step, np.zeros((1, size, size, 3), np.uint8), np.zeros((1, size, size, 3), np.uint8))


def test_recorded_steps_stay_within_their_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one run with large pictures, and of all that have ended: the latest keep theirs."""
    monkeypatch.setattr(jobs, "MAX_RECORDED", 10 * frame(1, 64).bytes)
    table, made = JobTable(), []
    for _ in range(KEPT + 20):
        job = JobState("generate", "flow", "", {})
        job.on_stop = lambda: None
        table.add(job)
        for step in range(1, 101):
            job.record(frame(step, 64))
        assert job.recorded_bytes <= jobs.MAX_RECORDED and job.kept[-1].step == 100 and len(job.frames) > 3
        steps = [f.step for f in job.frames]
        assert len(set(np.diff(steps))) == 1                                 # evenly thinned
        job.change(status="done")
        table.ended(job)
        made.append(job)
    assert len(table.all()) == KEPT and sum(job.recorded_bytes for job in table.all()) <= jobs.MAX_RECORDED
    assert made[-1].frames and not made[-3].frames and all(job.on_stop is jobs.nothing for job in made)
