"""The service by itself: jobs end in a stored state, memory stays bounded, long prompts are cut aloud."""
from __future__ import annotations

import math
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from app.device import model_cache
from app.drawing import jobs
from app.drawing.ask import Ask
from app.drawing.recording import MAX_FRAMES
from app.drawing.weights import Weights
from app.errors import UserError, sentences
from app.models.models import Models
from app.paths import Paths
from app.service import Service
from app.uncertain import with_error
from pipelines import registry
from pipelines.data.shapes.tokenizer import tokenizer
from storage import StorageError
from tests.tiny import tiny, tiny_diffusion
from tests.waiting import until
from weights.check.verify import WeightsError
from weights.load import save

pytestmark = pytest.mark.slow


def stored(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "playground.sqlite3")) as database:
        return [status for (status,) in database.execute("select status from jobs order by created")]


def wait_for_step(service: Service, job: str) -> None:
    deadline = time.monotonic() + 240                    # a guard against hanging
    while not (view := service.job(job)) or view.step == 0:
        assert time.monotonic() < deadline and (view is None or view.status != "failed")
        time.sleep(0.01)


def test_closing_interrupts_and_stopping_stops(small: Path, tmp_path: Path) -> None:
    service = Service(Paths(tmp_path))
    stopped = service.generate(Ask("diffusion", "a red star", options={"steps": 900}, count=1))
    wait_for_step(service, stopped)
    engine = service.machine.engine
    service.stop(stopped)
    before = engine.stats.batches
    assert service.wait(stopped, 240).status == "stopped"
    assert engine.stats.batches - before <= 2 * engine.cores + 1             # what was under way, and what followed it in that moment
    running = service.generate(Ask("diffusion", "a red star", options={"steps": 900}, count=1))
    wait_for_step(service, running)
    service.close()
    assert stored(tmp_path) == ["stopped", "interrupted"]


def test_a_service_that_is_closed_while_it_warms_up_waits_for_nothing_and_says_nothing(
        small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    asked: list[bool] = []

    def load(name: str, stop: Callable[[], bool]) -> None:
        asked.append(stop())
        until(stop)
        raise StorageError("The data folder is being opened; try again in a moment.")

    for after in (240, 0):
        service = Service(Paths(tmp_path / str(after)))
        monkeypatch.setattr(service.artist, "load", load)
        service.warm(after)
        thread = next(thread for thread in threading.enumerate() if thread.name == "warm")
        until(lambda after=after: after or asked)                              # type: ignore[misc]
        service.close()
        assert thread.daemon and not thread.is_alive()
    assert asked == [False] and not caplog.records


def test_a_first_model_that_cannot_be_loaded_is_logged(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                       caplog: pytest.LogCaptureFixture) -> None:
    def load(name: str, stop: Callable[[], bool]) -> None:
        raise WeightsError("It is damaged.")

    service = Service(Paths(tmp_path))
    monkeypatch.setattr(service.artist, "load", load)
    service.warm(0)
    until(lambda: "the first model could not be loaded: It is damaged." in caplog.text)
    service.close()


def test_few_networks_stay_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_cache, "RESIDENT", 2)
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
        assert len(service.machine.cache.names()) <= 2
        assert len(service.machine.engine.nets) <= 2 * 2 * len(registry.family("diffusion").methods)      # each in both precisions
    service.close()


def test_a_long_prompt_is_cut_aloud(small: Path, tmp_path: Path) -> None:
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


def test_a_picture_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    from app.inspect import picture as own_picture
    from pipelines.data.shapes.scenes import Scene, Thing, render
    monkeypatch.setattr(own_picture, "TOLERANCE", 1e-3)                      # of the six solutions, which would take long
    monkeypatch.setattr(own_picture, "LIKELIHOOD_TOLERANCE", 1e-2)
    monkeypatch.setattr(own_picture, "DRAWS", 2)
    service = Service(Paths(tmp_path))
    likely = Image.fromarray(render(Scene((Thing("circle", "red", "large", 128, 128),), "white"), 64))
    noise = Image.effect_noise((64, 64), 90).convert("RGB")
    found, odd = (service.examine(Ask("flow", ""), picture) for picture in (likely, noise))
    assert found.bits_per_dim + 5 * found.bits_per_dim_se < odd.bits_per_dim - 5 * odd.bits_per_dim_se
    assert 0 < found.bits_per_dim_se < 1 and found.draws == own_picture.DRAWS
    assert found.said["likelihood"] == f"{with_error(found.bits_per_dim, found.bits_per_dim_se)} bits/dim, dequantised"
    nats = math.log(2) * 3 * 32 ** 2                                         # log p says the same, in other units
    assert found.log_p_se == pytest.approx(nats * found.bits_per_dim_se, rel=1e-3)
    assert found.difference <= 30 * own_picture.TOLERANCE * 255 + 1 and found.note is None          # of grey levels; as in test_ode
    assert len(service.interpolation(Ask("flow", "a red circle"), likely, noise)) == 9
    with pytest.raises(UserError, match="no picture yet"):
        service.examine(Ask("flow", ""), None)
    with pytest.raises(UserError, match="no ODE"):
        service.examine(Ask("diffusion", ""), likely)
    service.close()


@pytest.mark.parametrize(("family", "option", "value"), [
    ("sde", "t_start", 0.15), ("flow", "t_start", 0.85), ("diffusion", "strength", 0.2)])
def test_drawing_from_a_picture_keeps_it_and_can_be_repeated(tmp_path: Path, family: str, option: str, value: float) -> None:
    """SDEdit: little noise leaves the picture as it was; what it started from is stored and found again."""
    import numpy as np
    from PIL import Image

    from pipelines.data.shapes.scenes import Scene, Thing, render
    service = Service(Paths(tmp_path))
    source = Image.fromarray(render(Scene((Thing("circle", "red", "large", 128, 128),), "white"), 32))
    name = service.keep_source(Ask(family, "a red circle"), source)
    ask = Ask(family, "a red circle", options={"steps": 10, "source": name, option: value}, count=1)

    def drawn(ask: Ask) -> np.ndarray:
        view = service.wait(service.generate(ask))
        assert view.status == "done", view.error
        with Image.open(view.shots[0].path) as image:
            return np.asarray(image, dtype=int)

    first, without, there = drawn(ask), drawn(replace(ask, options={"steps": 10})), np.asarray(source, dtype=int)
    assert np.abs(first - there).mean() < np.abs(without - there).mean() / 2
    assert (drawn(ask) == first).all()
    kept = service.gallery.page(family=family).items[0].settings
    assert kept["options"]["source"] == name and kept["options"][option] == value
    with pytest.raises(sentences(), match="needs a picture"):
        service.generate(Ask(family, "a red circle", options={option: value}))
    lost = service.wait(service.generate(replace(ask, options=ask.options | {"source": "ab" * 32})))
    assert lost.status == "failed" and "is not here" in (lost.error or "")
    with pytest.raises(sentences(), match="cannot start from a picture"):
        service.keep_source(Ask("gan", ""), source)
    service.close()


def test_old_recordings_make_room(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(Paths(tmp_path))
    ask = Ask("diffusion", "a red star", options={"steps": 3}, count=1)
    first = service.wait(service.generate(ask))
    monkeypatch.setattr(jobs, "MAX_RECORDED", 2.5 * sum(step.bytes for step in service.recordings.find(first.id).steps))
    second = service.wait(service.generate(ask))
    third = service.wait(service.generate(ask))
    until(lambda: [len(service.recordings.find(view.id).steps) for view in (first, second, third)] == [0, 3, 3])
    assert first.shots[0].id != third.shots[0].id
    service.close()


def test_a_process_is_kept_with_its_pictures(small: Path, tmp_path: Path) -> None:
    service = Service(Paths(tmp_path))
    view = service.wait(service.generate(Ask("sde", "a red star", options={"steps": 100}, sampler="euler_maruyama", count=2)))
    live = service.recordings.find(view.id)
    assert MAX_FRAMES / 2 < len(live.steps) <= MAX_FRAMES and live.steps[-1].step == 100
    assert not service.gallery.picture(view.shots[1].id).process
    assert service.recordings.keep(view.id) == 2
    assert service.gallery.picture(view.shots[1].id).process
    kept = service.recordings.find(view.shots[1].id)
    then, now = live.frame(20), kept.frame(20)
    assert (now.step, now.x_t[0], now.x0[0], now.numbers[0]) == (then.step, then.x_t[1], then.x0[1], then.numbers[1])
    assert now.formula == then.formula
    assert kept.trajectories().values[0] == live.trajectories().values[1]
    assert len(live.pack(0)) < 512 * 1024
    path = next((tmp_path / "processes").rglob(f"{view.shots[0].id}.npz"))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="damaged"):
        service.recordings.find(view.shots[0].id)
    with pytest.raises(UserError, match="no longer kept"):
        service.recordings.find("ff" * 16)
    service.gallery.delete([view.shots[1].id])
    service.artist.storage.empty_bin(0)
    assert not service.artist.storage.processes.has(view.shots[1].id)
    service.close()


@pytest.mark.parametrize("family", registry.NAMES)
def test_formulas_carry_the_numbers_of_their_step(small: Path, tmp_path: Path, family: str) -> None:
    service = Service(Paths(tmp_path))
    for spec in registry.face(family).samplers.values():
        few = {"steps": 3} if registry.face(family).axis == "steps" else {}
        view = service.wait(service.generate(Ask(family, "a red star", sampler=spec.name, options=few, count=1)))
        recording = service.recordings.find(view.id)
        frame = recording.frame(min(1, len(recording.steps) - 1))
        places = [int(k) for k in re.findall(r"<mtext>\[(\d+)\]</mtext>", frame.formula)]
        assert all(k < len(frame.numbers[0]) for k in places), spec.name
        assert places, spec.name
        assert "\\" not in frame.formula
    service.close()


def test_a_model_brings_its_usual_settings(small: Path, tmp_path: Path) -> None:
    """A rectified model draws with few steps and without guidance unless asked otherwise."""
    net = tiny("flow")
    config = net.config.to_dict() | {"training": net.config.training | {"coupling": "reflow"}}
    (tmp_path / "runs" / "straight").mkdir(parents=True)
    save(tmp_path / "runs" / "straight" / "model.safetensors", net.state_dict(), {"family": "flow", "title": "straight", "config": config})
    known = Models(Weights(tmp_path / "runs", tmp_path / "models"))
    plain = known.weights.resolved(Ask("flow", "a star"))
    assert (plain.model, plain.sampler, plain.guidance_scale, plain.options) == ("shapes-flow", None, None, {})
    defaults = known.weights.resolved(Ask("flow", "a star", model="straight"))
    assert (defaults.sampler, defaults.guidance_scale, defaults.options) == ("euler", 1.0, {"steps": 4})
    asked = known.weights.resolved(Ask("flow", "a star", model="straight", sampler="heun", guidance_scale=2.0, options={"steps": 9}))
    assert (asked.sampler, asked.guidance_scale, asked.options) == ("heun", 2.0, {"steps": 9})
