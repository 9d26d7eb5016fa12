"""`train FAMILY` with a tiny network: whatever is asked, stands in the run's folder or happens on the way is one sentence."""
from __future__ import annotations

import errno
import json
import os
import signal
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from app.drawing.weights import Weights
from app.models.models import Models
from app.training import recipes, trainer
from app.training.recipes import Recipe
from pipelines.training.loop import CHECKPOINT
from tests.app.training.training import Clock, Run, runner
from weights.catalog import run_folder
from weights.check.verify import WeightsError

pytestmark = pytest.mark.slow

QUICK = ("--batch", "2", "--workers", "0", "--minutes", "5")


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    return runner(tmp_path, capsys, monkeypatch, "flow", "sde", "gan", "diffusion")


def one_sentence(error: str) -> bool:
    """Of ours, or of argparse, which shows the usage before it."""
    *usage, last = error.rstrip("\n").split("\n")
    ours = not usage and len(last) < 800
    return last.isprintable() and "Traceback" not in error and (ours or "error: " in last)


NUMBERS = ("nan", "inf", "-inf", "-1", "1e999", "x", "", " ", "\0", "0x10", "1_000_000_000_000", "9" * 5000, "1,5", "٣e9")
ZERO = ("minutes", "steps", "batch", "lr", "couples")
PARTS = ("1.5", "1e3")


@pytest.mark.parametrize("flag", ["minutes", "steps", "batch", "lr", "ema", "seed", "workers", "pairs", "couples", "keep"])
def test_odd_numbers_are_refused(run: Run, tmp_path: Path, flag: str) -> None:
    values = [*NUMBERS, *(["0", "-0.0"] if flag in ZERO else []), *([] if flag in ("minutes", "lr", "ema", "pairs") else PARTS)]
    for value in values:
        code, result, error = run("flow", f"--{flag}={value}", "--name", "a")
        assert code == 2 and result == {} and one_sentence(error), (value, error)
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("flag", ["lr-schedule", "optimizer", "data-set", "dataset", "stage", "from", "prediction", "coupling", "game",
                                  "process", "space"])
def test_odd_words_are_refused(run: Run, flag: str) -> None:
    for value in ("magic", "", "\ud800", "\0", "x" * 9999, "../x", "a,b", ",", "nan"):
        code, result, error = run("flow", f"--{flag}={value}", "--name", "a", "--steps", "1", *QUICK)
        assert code == 2 and result == {} and one_sentence(error), (value, error)
    assert run("flow", "--optimizer", "muon", "--name", "b", *QUICK)[0] == 2
    assert run("magic")[0] == run("flow", "--magic")[0] == 2
    for other in ("--prediction=v", "--process=vp", "--space=latents"):
        code, _, error = run("flow", other, "--name", "a", "--steps", "1", *QUICK)
        assert code == 2 and "There is no option" in error and one_sentence(error)


BAD_NAMES = ["", "../x", "..", ".", "a/b", "a\\b", "/x", "C:x", "con", "NUL.txt", "aux", "Lpt9", "a\0", "a\n", "\x1b[2J", "\ud800",
             "\udcff", " a", "a.", "a ", "x" * 121, "ä" * 99, "*", "a|b", "<a>", 'a"', "a?"]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_are_none(run: Run, tmp_path: Path, name: str) -> None:
    code, result, error = run("flow", f"--name={name}", "--steps", "1", *QUICK)
    assert code == 2 and result == {} and one_sentence(error) and not (tmp_path / "runs").exists()
    with pytest.raises(WeightsError, match="no plain name"):
        run_folder(tmp_path, name)


def test_names_that_are_some(tmp_path: Path) -> None:
    for name in ("a", "My run 2", "日本", "flow-20260101-000000", "a.b", "console", "x" * 120):
        assert run_folder(tmp_path, name) == tmp_path / name


def test_what_a_run_has_already_is_said(run: Run, tmp_path: Path) -> None:
    code, first, _ = run("flow", "--name", "a", "--steps", "3", *QUICK)
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "a").iterdir()}
    assert code == 0 and first["steps"] == 3 and "note" not in first
    for arguments in (("--steps", "3", *QUICK), ("--steps", "2", *QUICK), ("--minutes", "0.001")):
        code, again, error = run("flow", "--name", "a", *arguments)
        assert code == 0 and not error and "nothing was done, so give more --" in again["note"]
        assert {name: again[name] for name in ("steps", "images", "sha256", "path")} == {
            name: first[name] for name in ("steps", "images", "sha256", "path")}
        assert {path: path.stat().st_mtime_ns for path in (tmp_path / "runs" / "a").iterdir()} == files
    (tmp_path / "runs" / "a" / "model.safetensors").unlink()                   # killed before they were written
    code, again, _ = run("flow", "--name", "a", "--steps", "3", *QUICK)
    assert code == 0 and again["sha256"] and (tmp_path / "runs" / "a" / "model.safetensors").exists()


@pytest.mark.parametrize("old", [False, True])
def test_a_run_of_another_family_is_refused(run: Run, tmp_path: Path, old: bool) -> None:
    """Also where the networks are alike, and where the run began before its family was written down."""
    run("flow", "--name", "a", "--steps", "1", *QUICK)
    path = tmp_path / "runs" / "a" / "network.json"
    begun = json.loads(path.read_text())
    assert begun["family"] == "flow"
    if old:
        del begun["family"]
        path.write_text(json.dumps(begun))
    for family in ("diffusion", "sde", "gan"):
        for steps in ("1", "2"):
            code, _, error = run(family, "--name", "a", "--steps", steps, *QUICK)
            assert code == 2 and f"is one of flow and cannot go on as {family}" in error and one_sentence(error)
    assert run("flow", "--name", "a", "--steps", "2", *QUICK)[1]["steps"] == 2


@pytest.mark.parametrize(("file", "content"), [
    ("network.json", b"{"), ("network.json", b"[1]"), ("network.json", b"\xff"), ("network.json", b"[" * 60_000), ("network.json", b"{}"),
    ("network.json", b'{"options": [], "config": {}}'), ("network.json", b'{"options": {}, "config": {"text": 1}}'), ("network.json", None),
    ("network.json", "folder"), (CHECKPOINT, b"half"), (CHECKPOINT, b""), (CHECKPOINT, "folder"),
    ("options.json", "folder"), ("steps", "file"), ("model.md", "folder"), ("model.safetensors", "folder")])
def test_a_damaged_folder_is_a_sentence(run: Run, tmp_path: Path, file: str, content: Any) -> None:
    run("flow", "--name", "a", "--steps", "2", *QUICK)
    path = tmp_path / "runs" / "a" / file
    path.unlink(missing_ok=True)
    if content == "folder":
        path.mkdir()
    elif content is not None:
        path.write_bytes(b"a file" if content == "file" else content)
    code, result, error = run("flow", "--name", "a", "--steps", "4", "--keep", "1", *QUICK)
    assert code == 1 and result == {} and one_sentence(error)
    assert run("--list")[::2] == (0, "")
    assert bool(trainer.counted(tmp_path / "runs" / "a")["step"]) == (file != CHECKPOINT)


def wrong_at(monkeypatch: pytest.MonkeyPatch, family: str, step: int) -> None:
    """From this step on a family's loss is no number."""
    module = import_module(f"pipelines.{family}.family")
    loss = module.FAMILY.loss

    def spoilt(net: Any, batch: Any, rng: torch.Generator) -> Any:
        return loss(net, batch, rng) * (float("nan") if rng.initial_seed() % 1_000_003 >= step - 1 else 1)
    monkeypatch.setattr(module, "FAMILY", replace(module.FAMILY, loss=spoilt))


def test_training_that_is_no_number_any_more_stops(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code, first, _ = run("flow", "--name", "a", "--steps", "2", *QUICK)
    with monkeypatch.context() as patch:
        wrong_at(patch, "flow", 6)
        code, result, error = run("flow", "--name", "a", "--steps", "9", "--keep", "2", *QUICK)
        assert code == 1 and result == {} and one_sentence(error)
        assert "stopped at step 6 because the loss is nan" in error and "checkpoint of step 4 is kept" in error
    models = Models(Weights(tmp_path / "runs", tmp_path / "models"))
    assert models.verify()["a"] is models.verify()["a@4"] is None
    assert load_file(first["path"]) and trainer.counted(tmp_path / "runs" / "a")["step"] == 4
    code, second, _ = run("flow", "--name", "a", "--steps", "9", "--lr", "1e-4", *QUICK)
    assert code == 0 and second["steps"] == 9 and models.verify()["a"] is None


def test_a_learning_rate_far_too_high_ends_in_no_weights_without_numbers(run: Run, tmp_path: Path) -> None:
    code, result, error = run("gan", "--name", "a", "--steps", "12", "--lr", "0.99", *QUICK)
    assert code == 0 or (code == 1 and one_sentence(error))
    assert not any(Models(Weights(tmp_path / "runs", tmp_path / "models")).verify().values())


def test_a_full_disk_is_a_sentence_wherever_it_happens(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No draft stays, what was there is there, and with room the run goes on."""
    write = Path.write_bytes
    run("flow", "--name", "a", "--steps", "1", *QUICK)
    for steps, file in enumerate(("options.json", CHECKPOINT, "model.safetensors", "model.md", "steps"), 2):
        before = {path: path.read_bytes() for path in (tmp_path / "runs" / "a").iterdir() if path.is_file()}

        def full(path: Path, content: bytes, file: str = file) -> int:
            if path.name.startswith(file) or path.parent.name == file:
                write(path, content[:len(content) // 2])
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(path, content)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "write_bytes", full)
            code, result, error = run("flow", "--name", "a", "--steps", str(steps), "--keep", "1", *QUICK)
        assert code == 1 and result == {} and one_sentence(error) and "the disk is full" in error and "free space" in error
        assert not list((tmp_path / "runs").rglob("*.part"))
        damaged = tmp_path / "runs" / "a" / file
        assert not damaged.is_file() or damaged.read_bytes() == before[damaged]
        assert run("flow", "--name", "a", "--steps", str(steps), *QUICK)[0] == 0


@pytest.mark.parametrize("name", ["SIGTERM", *(pytest.param(name, marks=pytest.mark.long) for name in ("SIGINT", "SIGHUP"))])
def test_signals_end_a_run_after_a_step(run: Run, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if not hasattr(signal, name):
        pytest.skip("a signal of other systems")
    monkeypatch.setattr("app.cli.commands.bar", lambda *_: signal.raise_signal(getattr(signal, name)))      # at the twentieth step
    code, _, error = run("flow", "--name", "a", "--steps", "40", *QUICK)
    assert code == 1 and error == "Stopped.\n" and trainer.counted(tmp_path / "runs" / "a")["step"] == 20
    monkeypatch.setattr("app.cli.commands.bar", lambda *_: None)
    assert run("flow", "--name", "a", "--steps", "21", *QUICK)[1]["steps"] == 21


def test_asked_twice_a_run_does_not_wait(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Within a save too: the checkpoint before it stays."""
    def impatient(*_: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
    run("flow", "--name", "a", "--steps", "2", *QUICK)
    before = (tmp_path / "runs" / "a" / CHECKPOINT).read_bytes()
    fsync = os.fsync

    def slow(handle: int) -> None:
        impatient()
        fsync(handle)
    monkeypatch.setattr(os, "fsync", slow)
    code, _, error = run("flow", "--name", "a", "--steps", "9", "--keep", "2", *QUICK)
    assert code == 1 and error == "Stopped.\n" and (tmp_path / "runs" / "a" / CHECKPOINT).read_bytes() == before
    assert not list((tmp_path / "runs").rglob("*.part"))


def test_a_recipe_that_goes_wrong_is_reported_while_others_go_on(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"batch": 2, "gpu_batch": 2}
    monkeypatch.setattr(recipes, "RECIPES", (Recipe("bent", "flow", 40, 1, 1, bundled="x", **small),
                                             Recipe("game", "gan", 40, 1, 1, bundled="y", **small),
                                             Recipe("broken", "sde", 40, 1, 1, bundled="z", **small)))
    monkeypatch.setattr(recipes, "LEAST", 0.01)
    monkeypatch.setattr(recipes, "CLOSING", 0.0)
    monkeypatch.setitem(trainer.DEFAULTS, "workers", 0)
    wrong_at(monkeypatch, "flow", 2)
    (tmp_path / "runs" / "broken").mkdir(parents=True)
    (tmp_path / "runs" / "broken" / CHECKPOINT).write_bytes(b"damaged")
    Clock.of_trainings(monkeypatch)
    listed = {row["recipe"]: row for row in run("--list")[1]["recipes"]}
    assert (listed["broken"]["status"], listed["bent"]["status"]) == ("damaged", "not begun")
    assert "begin with a header" in listed["broken"]["why"] and f"broken: {listed['broken']['why']}" in recipes.table(run("--list")[1])
    code, result, error = run("--all", "--minutes", "0.1")
    rows = {row["recipe"]: row for row in result["recipes"]}
    assert code == 1 and {name: row["status"] for name, row in rows.items()} == {"bent": "failed", "game": "trained", "broken": "failed"}
    assert "stopped at step 2 because the loss is nan" in rows["bent"]["why"] and "Traceback" not in error
    assert "network.json" in rows["broken"]["why"] and rows["game"]["images"] > 0


def test_one_run_is_trained_by_one_process(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "a"
    folder.mkdir(parents=True)
    with FileLock(folder / "lock"):
        code, result, error = run("flow", "--name", "a", "--steps", "1", *QUICK)
    assert code == 1 and result == {} and "is being trained by another process" in error and one_sentence(error)
    assert run("flow", "--name", "a", "--steps", "1", *QUICK)[0] == 0


def test_compile_without_a_compiler_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("no C++ compiler was found")
    monkeypatch.setattr(torch.nn.Module, "compile", broken)
    code, _, error = run("flow", "--name", "a", "--steps", "1", "--compile", *QUICK)
    assert code == 1 and "leave out --compile" in error and one_sentence(error)


def test_the_card_names_the_data_set_by_the_flag_that_is_read(run: Run, tmp_path: Path) -> None:
    for flag in ("--data-set", "--dataset"):                               # as it was called before
        code, result, _ = run("flow", flag, "shapes", "--name", flag.strip("-"), "--steps", "1", *QUICK)
        assert code == 0 and result["dataset"] == "shapes/train"
        assert "launch.py train flow --data-set shapes " in Path(result["path"]).with_suffix(".md").read_text(encoding="utf-8")
    code, _, error = run("flow", "--data-set", "nowhere", "--name", "a")
    assert code == 2 and "--data-set" in error and "shapes" in error
