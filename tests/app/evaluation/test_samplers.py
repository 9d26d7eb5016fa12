"""Quality against NFE: budgets are kept, a stopped table goes on, its files say what was measured."""
from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.evaluation import samplers as quality
from pipelines import registry
from pipelines.options import build, options_of


class Killed(BaseException):
    """Like Ctrl-C no error that code may catch, and unlike it nothing that ends the tests."""


@pytest.mark.parametrize("family", registry.NAMES)
def test_every_cell_spends_its_budget_and_no_more(family: str) -> None:
    for sampler, budget, steps in quality.cases(family, quality.CALLS):
        spec = registry.face(family).samplers[sampler]
        if spec.adaptive or "steps" not in {o.name for o in options_of(spec.options)}:
            assert budget is None and steps is None
            continue
        assert budget is not None and steps is not None
        assert spec.nfe(build(spec.options, {"steps": steps})) <= budget < spec.nfe(build(spec.options, {"steps": steps + 1}))


def test_a_stopped_table_goes_on_and_is_written(tmp_path: Path) -> None:
    asked: list[tuple[Any, Any]] = []
    path, ask, stops_at = tmp_path / "deep" / "flow.jsonl", Ask("flow", "", count=4), 5

    def evaluate(cell: Ask) -> dict[str, Any]:
        if len(asked) == stops_at:
            raise Killed
        asked.append((cell.sampler, cell.options.get("steps")))
        return dict.fromkeys((*quality.FACTS, *quality.LIMITS), 0.5) | {
            "sampler": cell.sampler, "steps": cell.options.get("steps"), "judge_rules": quality.judge_rules()}

    with pytest.raises(Killed):
        quality.measure(evaluate, ask, path, (5, 10))
    path.write_text(path.read_text(encoding="utf-8") + '{"sampler": "eul', encoding="utf-8")     # a crash cut a line off
    assert len(asked) == stops_at
    stops_at = -1
    rows = quality.measure(evaluate, ask, path, (5, 10))
    cases = [(sampler, steps) for sampler, _, steps in quality.cases("flow", (5, 10))]
    assert asked == cases == [(row["sampler"], row["steps"]) for row in rows]                    # each once
    with path.with_suffix(".csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "| Midpoint | 50 / 50 · 0 | 50 / 50 · 0 |" in text and "with guidance" in text


def test_a_torn_line_is_left_alone_until_something_is_written(tmp_path: Path) -> None:
    """Whoever only reads must not disturb the process that is measuring."""
    path = tmp_path / "log.jsonl"
    torn = '{"a": 1, "b": 2}\n{"a": 3'
    path.write_text(torn, encoding="utf-8")
    log = quality.Log(path)
    assert log.rows == [{"a": 1, "b": 2}] and path.read_text(encoding="utf-8") == torn
    log.add({"a": 3, "b": 4})
    assert quality.Log(path).rows == log.rows == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert log.find({"a": 3}) == {"a": 3, "b": 4} and log.find({"a": 3, "b": 2}) is None


def test_a_line_with_options_of_older_names_is_found(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"a": 1, "options": {"walk": 0.0}}\n{"a": 2, "options": 3}\n', encoding="utf-8")
    log = quality.Log(path)
    assert log.find({"options": {"interpolation": 0.0}}) == log.rows[0] and log.lost == 1


def test_lines_of_another_judge_are_measured_again(tmp_path: Path) -> None:
    asked: list[str | None] = []

    def evaluate(cell: Ask) -> dict[str, Any]:
        asked.append(cell.sampler)
        return dict.fromkeys((*quality.FACTS, *quality.LIMITS), 0.5) | {"sampler": cell.sampler, "judge_rules": quality.judge_rules()}

    path, ask = tmp_path / "table.jsonl", Ask("gan", "", count=8)
    old = dict.fromkeys(quality.FACTS, 1.0) | {"sampler": "generator", "calls": None}           # as it was written before it said so
    path.write_text(json.dumps(old) + "\n", encoding="utf-8")
    rows = quality.measure(evaluate, ask, path)
    assert asked == ["generator"] and [row["caption_accuracy_one_object"] for row in rows] == [0.5]
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0]) == old                  # nothing of the user's is deleted
    assert "at which perfect ones score" in path.with_suffix(".md").read_text(encoding="utf-8")


@pytest.mark.parametrize("family", ["gan", "vqvae"])
def test_samplers_without_steps_have_one_cell_each(tmp_path: Path, family: str) -> None:
    samplers, path = registry.face(family).samplers, tmp_path / "table.jsonl"
    rows = quality.measure(lambda cell: dict.fromkeys((*quality.FACTS, *quality.LIMITS), 1.0) | {
        "sampler": cell.sampler, "judge_rules": quality.judge_rules()}, Ask(family, "", count=8), path)
    assert [row["sampler"] for row in rows] == list(samplers)
    text = path.with_suffix(".md").read_text(encoding="utf-8").splitlines()
    assert text[0] == "| sampler | quality |" and text[2] == f"| {next(iter(samplers.values())).title} | 100 / 100 · 1 at 1 NFE |"
    assert quality.file_name(Ask(family, "", count=8, guidance_scale=1.0), "f" * 64, "test") == f"{family}-ffffffffffff-test-8-w1.jsonl"


@pytest.mark.slow
def test_every_sampler_of_every_family_in_one_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []

    def evaluate(artist: Artist, ask: Ask, split: str, progress: Any) -> dict[str, Any]:
        asked.append((ask.family, str(ask.sampler)))
        numbers = dict.fromkeys((*quality.FACTS, *quality.LIMITS), 0.5) | {"judge_rules": quality.judge_rules()}
        return numbers | {"sampler": ask.sampler, "steps": 1, "nfe": 1, "guidance_scale": 1, "count": 8, "split": split, "model": ask.model,
                          "model_sha256": "ab"}

    monkeypatch.setattr("app.evaluation.families.evaluate", evaluate)
    arguments = ["evaluate", "--table", "--samplers", "--count", "8", "--data", str(tmp_path), "--json"]
    assert main(arguments) == 0
    every = {(name, sampler) for name in registry.NAMES for sampler in registry.face(name).samplers}
    assert set(asked) == every and len(list((tmp_path / "tables").glob("*.csv"))) == len(registry.NAMES)
    asked.clear()
    assert main(arguments) == 0 and not asked                               # all of it was measured before
