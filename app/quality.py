"""Quality against network calls: every sampler of a family at a few budgets, measured one after the other; resumable."""
from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.requests import face_of, make_request
from app.views import Ask, BadInput, UserError
from pipelines.options import build
from pipelines.registry import SamplerSpec

CALLS = (5, 10, 20, 50, 100)       # evaluations for an image, without those of guidance
MOST_STEPS = 200
FACTS = ("sampler", "calls", "steps", "nfe", "caption_accuracy_one_object", "caption_accuracy_two_objects", "frechet_distance",
         "precision", "recall", "seconds_per_image", "guidance_scale", "count", "split", "model", "model_sha256")


def check(ask: Ask) -> None:
    """Raises BadInput if a table cannot do as it is asked."""
    if ask.sampler or ask.options:
        raise BadInput("A table measures every sampler with its own defaults; leave out --sampler and the samplers' options.")


def file_name(ask: Ask, model_sha256: str, split: str) -> str:
    """Of the table of a request: all that its cells share."""
    guidance = make_request(replace(ask, prompt="-", count=1)).guidance_scale
    return f"{ask.family}-{model_sha256[:12]}-{split}-{ask.count}-w{guidance:g}.jsonl"


def steps_within(spec: SamplerSpec, calls: int) -> int | None:
    """The most steps that cost at most so many evaluations; None where even one step costs more."""
    return next((n for n in range(min(calls, MOST_STEPS), 0, -1) if spec.nfe(build(spec.options, {"steps": n})) <= calls), None)


def cases(family: str, calls: Sequence[int]) -> list[tuple[str, int | None, int | None]]:
    """(sampler, budget, steps) of every cell; an adaptive sampler spends what its tolerance asks for, so it has one cell."""
    found: list[tuple[str, int | None, int | None]] = []
    for name, spec in face_of(family).samplers.items():
        if spec.adaptive:
            found.append((name, None, None))
            continue
        found += [(name, budget, steps) for budget in calls if (steps := steps_within(spec, budget)) is not None]
    return found


def measure(evaluate: Callable[[Ask], dict[str, Any]], ask: Ask, path: Path, calls: Sequence[int] = CALLS,
            progress: Callable[[int, int], None] = lambda done, total: None) -> list[dict[str, Any]]:
    """Measure what `path` (one JSON object a line) does not hold yet, each cell saved as it is finished; all rows."""
    rows = _read(path)
    known = {(row["sampler"], row["calls"]) for row in rows}
    todo = cases(ask.family, calls)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for done, (sampler, budget, steps) in enumerate(todo):
            progress(done, len(todo))
            if (sampler, budget) in known:
                continue
            options: dict[str, Any] = {} if steps is None else {"steps": steps}
            result = evaluate(replace(ask, sampler=sampler, options=options)) | {"calls": budget}
            rows.append({fact: result[fact] for fact in FACTS})
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(rows[-1]) + "\n")
        progress(len(todo), len(todo))
        with path.with_suffix(".csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, FACTS)
            writer.writeheader()
            writer.writerows(rows)
        path.with_suffix(".md").write_text(markdown(ask.family, rows, calls), encoding="utf-8")
    except OSError as error:
        raise UserError(f"{path.parent} could not be written ({error.strerror}); choose another folder with --data DIR.") from error
    return rows


def _read(path: Path) -> list[dict[str, Any]]:
    """The finished rows; a last line that a crash cut off is taken away and measured again."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[:text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]


def markdown(family: str, rows: list[dict[str, Any]], calls: Sequence[int]) -> str:
    """Samplers down, budgets across; a cell says accuracy for one and two objects in %, and the Fréchet distance."""
    face, of = face_of(family), {(row["sampler"], row["calls"]): row for row in rows}

    def cell(row: dict[str, Any] | None) -> str:
        if row is None:
            return "·"
        one, two = (100 * row[f"caption_accuracy_{name}"] for name in ("one_object", "two_objects"))
        return f"{one:.0f} / {two:.0f} · {row['frechet_distance']:.0f}"

    lines = ["| sampler | " + " | ".join(f"{n} calls" for n in calls) + " |", "|---" * (len(calls) + 1) + "|"]
    for name, spec in face.samplers.items():
        if spec.adaptive:
            row = of.get((name, None))
            shown = f"{cell(row)} at {row['nfe']:.0f} calls with guidance" if row else "·"
            lines.append(f"| {spec.title} | {shown} |" + " |" * (len(calls) - 1))
        else:
            lines.append(f"| {spec.title} | " + " | ".join(cell(of.get((name, n))) for n in calls) + " |")
    return "\n".join(lines) + "\n"
