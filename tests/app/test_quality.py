"""Quality against calls: budgets are kept, a stopped table goes on, its files say what was measured."""
from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from app import quality
from app.views import Ask
from pipelines import registry
from pipelines.options import build


@pytest.mark.parametrize("family", registry.NAMES)
def test_every_cell_spends_its_budget_and_no_more(family: str) -> None:
    for sampler, budget, steps in quality.cases(family, quality.CALLS):
        spec = registry.face(family).samplers[sampler]
        if spec.adaptive:
            assert budget is None
            continue
        assert budget is not None and steps is not None
        assert spec.nfe(build(spec.options, {"steps": steps})) <= budget < spec.nfe(build(spec.options, {"steps": steps + 1}))


def test_a_stopped_table_goes_on_and_is_written(tmp_path: Path) -> None:
    asked: list[str] = []
    path, ask = tmp_path / "deep" / "flow.jsonl", Ask("flow", "", count=4)

    def evaluate(cell: Ask) -> dict[str, Any]:
        if len(asked) == 5:
            raise KeyboardInterrupt
        asked.append(str(cell.sampler))
        return dict.fromkeys(quality.FACTS, 0.5) | {"sampler": cell.sampler, "steps": cell.options.get("steps")}

    with pytest.raises(KeyboardInterrupt):
        quality.measure(evaluate, ask, path, (5, 10))
    path.write_text(path.read_text(encoding="utf-8") + '{"sampler": "eul', encoding="utf-8")     # a crash cut a line off
    first = len(asked)
    asked.clear()
    rows = quality.measure(evaluate, ask, path, (5, 10))
    assert first == 5 and first + len(asked) == len(rows) == len(quality.cases("flow", (5, 10)))
    with path.with_suffix(".csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(rows)
    text = path.with_suffix(".md").read_text(encoding="utf-8")
    assert "| Midpoint | 50 / 50 · 0 | 50 / 50 · 0 |" in text and "with guidance" in text
