"""`train --all` and `--list`: time is divided by need, order and resumption hold, one failure is one row. Tiny networks, real trainer."""
from __future__ import annotations

import argparse
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from app.paths import Paths
from app.training import recipes, trainer
from app.training.recipes import RECIPES, Recipe, TrainingStatus, divide, figures
from pipelines import registry
from pipelines.options import build
from pipelines.training.loop import TrainOptions, _learning_rate
from tests.app.training.training import Clock, Run, runner
from weights import catalog

SMALL = {"batch": 4, "gpu_batch": 4}
ORPHAN = Recipe("orphan", "flow", 1_000_000, 1, 1, ("no-such-model",), bundled="shapes-orphan", **SMALL)
LATE = Recipe("late", "gan", 1_000_000, 1, 1, ("orphan",), bundled="shapes-late", **SMALL)
PART = Recipe("part", "vqvae", 40, 1, 1, stage="autoencoder", **SMALL)
WHOLE = Recipe("whole", "vqvae", 1_000_000, 1, 1, ("part",), bundled="shapes-whole", **SMALL)
BENT = Recipe("bent", "flow", 1_000_000, 3, 3, bundled="shapes-flow", **SMALL)
TINY = (ORPHAN, LATE, PART, WHOLE, BENT)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock.of_trainings(monkeypatch)


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setitem(trainer.DEFAULTS, "workers", 0)
    monkeypatch.setattr(recipes, "RECIPES", TINY)
    monkeypatch.setattr(recipes, "LEAST", 0.011)
    monkeypatch.setattr(recipes, "CLOSING", 0.0)
    return runner(tmp_path, capsys, monkeypatch, "vqvae", "flow", "gan")


def test_a_recipe_says_all_that_a_training_is_told() -> None:
    flags = argparse.ArgumentParser()
    trainer.add_flags(flags)
    told = {name for name in vars(flags.parse_args([])) if not name.startswith("network_")}
    assert all(told <= set(vars(recipe.arguments(cuda=False, resumed=False))) for recipe in RECIPES)


def test_the_recipes_are_sound() -> None:
    bundled, before = json.loads((catalog.BUNDLED / "catalog.json").read_text()), set[str]()
    for recipe in RECIPES:
        assert set(recipe.init_from) <= before | set(bundled), f"{recipe.name} begins with what is not there yet"     # so no cycle
        assert recipe.stage is None or recipe.stage in registry.face(recipe.family).stages
        assert recipe.name not in {*before, *bundled}                        # a bundled model would stand before a run of its name
        build(registry.face(recipe.family).network, recipe.network)
        before.add(recipe.name)
    assert {recipe.family for recipe in RECIPES} == set(registry.NAMES)
    assert {recipe.bundled for recipe in RECIPES} >= {name for name in bundled if name.startswith("shapes-")}


def test_division_sums_to_the_minutes_and_follows_the_needs() -> None:
    alone = {"a": [], "b": [], "c": []}
    shares = divide(10, {"a": 1.0, "b": 3.0, "c": 0.01}, alone)
    assert sum(shares.values()) == pytest.approx(10) and shares["b"] > 2.5 * shares["a"] and shares["c"] >= recipes.LEAST
    waiting = divide(10, {"a": 20.0, "b": 30.0, "c": 50.0}, alone | {"b": ["a"]})
    assert sum(waiting.values()) == pytest.approx(10) and waiting["b"] == 0 and waiting["a"] > waiting["c"] * 0.9
    plenty = divide(1000, {"a": 1.0, "b": 3.0, "c": 6.0}, alone | {"b": ["a"], "c": ["a", "b"]})
    assert sum(plenty.values()) == pytest.approx(1000) and plenty["c"] > plenty["b"] > plenty["a"] > 1
    assert sum(divide(0.01, {"a": 1.0, "b": 3.0, "c": 0.01}, alone).values()) == pytest.approx(0.01)


@pytest.mark.slow
def test_a_call_trains_reports_and_the_next_goes_on(run: Run, tmp_path: Path) -> None:
    code, listed, _ = run("--list")
    assert code == 0 and listed["weakest"] == "bent" and {row["status"] for row in listed["recipes"]} == {"not begun"}
    card = (catalog.BUNDLED / "shapes-flow.md").read_text()
    assert listed["recipes"][4]["bundled"]["one object"] == figures(card)["one object"]
    code, first, error = run("--all", "--minutes", "0.13")
    rows = {row["recipe"]: row for row in first["recipes"]}
    assert code == 1 and not first["complete"] and list(rows) == [recipe.name for recipe in TINY] and 0.12 < first["minutes"] <= 0.14
    assert {name: row["status"] for name, row in rows.items()} == {
        "orphan": "failed", "late": "skipped", "part": "trained", "whole": "trained", "bent": "trained"}
    assert "There is no model 'no-such-model'" in rows["orphan"]["why"] and "Traceback" not in error
    assert "begins with orphan, which is not far enough" in rows["late"]["why"]
    assert rows["part"]["images"] == 40                                      # no more than it needs, since another waits
    for name in ("part", "whole", "bent"):
        path = Path(rows[name]["path"])
        assert rows[name]["images"] == rows[name]["added"] > 0 and rows[name]["loss"] > 0
        assert path.exists() and f"# {name}" in path.with_suffix(".md").read_text()
    assert json.loads((tmp_path / "runs/whole/network.json").read_text())["from"] == "part"

    second = {row["recipe"]: row for row in run("--all", "--minutes", "0.06")[1]["recipes"]}
    assert second["part"]["status"] == "skipped" and second["part"]["why"] == "whole has gone on from it."
    for name in ("whole", "bent"):
        assert second[name]["status"] == "trained" and second[name]["images"] == rows[name]["images"] + second[name]["added"]
        assert second[name]["added"] > 0 and second[name]["minutes"] >= rows[name]["minutes"]
    listed = run("--list")[1]
    assert listed["weakest"] == "orphan" and listed["recipes"][3]["images"] == second["whole"]["images"]
    assert recipes.table(listed).splitlines()[-1] == "weakest: orphan, 0 of 1,000,000 images seen."


@pytest.mark.slow
def test_who_waits_gives_its_time_and_is_told_why(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "RECIPES", (replace(PART, images=1_000_000), WHOLE))
    code, result, error = run("--all", "--minutes", "0.05")
    part, whole = result["recipes"]
    assert code == 0 and part["minutes"] > 0.04 and whole["status"] == "skipped" and "part, which is not far enough" in whole["why"]
    assert "whole: skipped. It begins with part" in error


@pytest.mark.slow
def test_an_interrupted_call_is_saved_and_any_error_is_a_row(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "RECIPES", (BENT, replace(WHOLE, init_from=()), replace(PART, name="last")))
    bar = "app.cli.commands.bar"

    def stop(done: int, total: int, text: str) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(bar, stop)                                           # called at the twentieth step
    code, result, _ = run("--all", "--minutes", "0.3")
    assert code == 1 and [row["status"] for row in result["recipes"]] == ["stopped", "skipped", "skipped"]
    assert result["recipes"][0]["images"] == 80 and result["recipes"][2]["why"] == "The training was stopped."
    monkeypatch.setattr(bar, lambda done, total, text: None)

    def fail(*args: object) -> None:
        raise RuntimeError("out of memory")
    monkeypatch.setattr(trainer, "_staged", fail)
    code, result, _ = run("--all", "--minutes", "0.2")
    assert code == 1 and {row["why"] for row in result["recipes"][::2]} == {"It ended with RuntimeError: out of memory"}
    assert result["recipes"][0]["images"] == 80


@pytest.mark.slow
def test_preparations_count_and_are_kept(run: Run, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.tick = 0.2                                                         # a few chunks, then the time is over
    straight = Recipe("straight", "flow", 100, 1, 1, ("bent",), network={"coupling": "reflow"}, bundled="shapes-straight", **SMALL)
    monkeypatch.setattr(recipes, "RECIPES", (replace(BENT, images=4), straight))
    monkeypatch.setattr("pipelines.flow.reflow.CHUNK", 4)
    code, result, _ = run("--all", "--minutes", "0.06")
    row = result["recipes"][1]
    assert code == 0 and row["status"] == "skipped" and "10,000 pictures to learn from are drawn; the next call goes on" in row["why"]
    assert list((tmp_path / "runs/straight/couples").glob("*.safetensors")) and result["minutes"] <= 0.07


@pytest.mark.slow
def test_all_that_have_enough_go_on_together(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipes, "RECIPES", (replace(BENT, images=4), replace(WHOLE, init_from=(), stage="autoencoder")))
    run("--all", "--minutes", "0.04")
    first = run("--all", "--minutes", "0.03")[1]["recipes"]
    assert first[0]["status"] == "skipped" and first[0]["why"].startswith("It has enough: ") and first[1]["status"] == "trained"
    monkeypatch.setattr(recipes, "RECIPES", (replace(BENT, images=4),))
    assert run("--all", "--minutes", "0.02")[1]["recipes"][0]["status"] == "trained"
    assert TrainingStatus(Paths(tmp_path), False).lacking("bent") == 0


def test_restarts_begin_at_the_peak() -> None:
    options = TrainOptions(lr_schedule="restarts")
    assert _learning_rate(options, 1000, 0.0) == options.lr and _learning_rate(options, 1000, 1.0) == 0.01 * options.lr


def test_figures_of_a_card() -> None:
    card = (catalog.BUNDLED / "shapes-diffusion.md").read_text()
    found = figures(card)
    assert (found["images seen"], found["sampler"]) == ("257,136", "DDIM")
    assert re.fullmatch(r"\d+\.\d % \(\d+–\d+\)", found["one object"]) and f"| {found['one object']} |" in card
    assert figures("") == {} and figures("# a\n\n## Measured\n\n| a |\n|---|\n") == {}


@pytest.mark.parametrize(("arguments", "sentence"), [
    ((), "or train them all with --all."),
    (("flow", "--all"), "--all is about all families; leave out flow"),
    (("flow", "--list"), "--list is about all families"),
    (("--all", "--list"), "not both"),
    (("--all", "--lr", "1"), "leave out --lr"),
    (("--all", "--from", "shapes-flow"), "leave out --from"),
    (("--all", "--coupling", "reflow"), "leave out --coupling"),
    (("--all", "--minutes", "0.05"), "5 recipes need between 0.055 and 100,000 minutes together; you asked for --minutes 0.05."),
    (("--all", "--minutes", "nan"), "you asked for --minutes nan"),
    (("--all", "--minutes", "-1"), "you asked for --minutes -1"),
])
def test_nonsense_is_one_sentence(run: Run, arguments: tuple[str, ...], sentence: str) -> None:
    code, result, error = run(*arguments)
    assert code == 2 and result == {} and sentence in error and error.count("\n") == 1
