"""The service by itself: jobs end in a stored state, memory stays bounded, long prompts are cut aloud."""
from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
import torch

from app import models as module
from app.paths import Paths
from app.service import Service
from app.views import Ask
from pipelines.data.tokenizer import tokenizer
from tests.tiny import tiny_diffusion
from weights.load import save


def stored(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "playground.sqlite3")) as database:
        return [status for (status,) in database.execute("select status from jobs order by created")]


def wait_for_step(service: Service, job: str) -> None:
    deadline = time.monotonic() + 30
    while not (view := service.job(job)) or view.step == 0:
        assert time.monotonic() < deadline and (view is None or view.status != "failed")
        time.sleep(0.01)


def test_closing_interrupts_and_stopping_stops(tmp_path: Path) -> None:
    service = Service(Paths(tmp_path))
    stopped = service.generate(Ask("diffusion", "a red star", options={"steps": 900}, count=1))
    wait_for_step(service, stopped)
    begin = time.monotonic()
    service.stop(stopped)
    assert service.wait(stopped).status == "stopped" and time.monotonic() - begin < 2
    running = service.generate(Ask("diffusion", "a red star", options={"steps": 900}, count=1))
    wait_for_step(service, running)
    service.close()
    assert stored(tmp_path) == ["stopped", "interrupted"]


def test_few_networks_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESIDENT", 2)
    net = tiny_diffusion()
    for k in range(4):
        (tmp_path / "runs" / f"run{k}").mkdir(parents=True)
        weights = {name: z * (1 + 0.01 * k) for name, z in net.state_dict().items()}
        save(tmp_path / "runs" / f"run{k}" / "model.safetensors", weights,
             {"family": "diffusion", "title": f"run {k}", "config": net.config.to_dict()})
    service = Service(Paths(tmp_path))
    for k in (0, 1, 2, 3, 2, 0):
        view = service.wait(service.generate(Ask("diffusion", "a star", model=f"run{k}", options={"steps": 1}, count=1)))
        assert view.status == "done", view.error
        assert len(service._residents.names()) <= 2 and len(service.engine().nets) <= 4
    service.close()


def test_a_long_prompt_is_cut_aloud(tmp_path: Path) -> None:
    service = Service(Paths(tmp_path))
    view = service.wait(service.generate(Ask("diffusion", "a red star " * 20, options={"steps": 1}, count=1)))
    assert "longer than the model reads" in view.note
    service.close()


def test_answers_are_fp32_whatever_the_precision_inside() -> None:
    for prediction in ("eps", "v"):
        net = tiny_diffusion(prediction)
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
            cond = net.encode(tokenizer().batch(["a red star"]))
            assert net.predict(torch.randn(1, 3, 32, 32), torch.tensor([500.0]), cond).dtype == torch.float32
