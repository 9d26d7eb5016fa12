"""Quality against NFE: every sampler of a family at a few budgets, measured one after the other; resumable."""
from __future__ import annotations

import errno
import json
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.drawing.ask import Ask, make_request
from app.errors import BadInput
from app.grids.plan import steps_within
from app.whole import trouble, write_table, write_text
from pipelines.data import DEFAULT, dataset
from pipelines.files import write_whole
from pipelines.options import options_of
from pipelines.request import face_of, renamed

CALLS = (5, 10, 20, 50, 100)       # evaluations for an image, without those of guidance
MOST_STEPS = 200
FACTS = ("sampler", "calls", "steps", "nfe", "caption_accuracy_one_object", "caption_accuracy_two_objects", "frechet_distance",
         "precision", "recall", "seconds_per_image", "guidance_scale", "count", "split", "model", "model_sha256")
LIMITS = ("frechet_floor", "judge_rules", "judge_false_accepts")           # which older lines lack
NUMBERS = ("nfe", "caption_accuracy_one_object", "caption_accuracy_two_objects", "caption_accuracy", "frechet_distance", "precision",
           "recall", "seconds_per_image", "guidance_scale", "count", "bits_per_dim", "bits_per_dim_se",
           "bits_per_code", "bits_per_code_se", "size")

LOGGER = logging.getLogger(__name__)


def check(ask: Ask) -> None:
    """Raises BadInput if a table cannot do as it is asked."""
    if ask.sampler or ask.options:
        raise BadInput("A table measures every sampler with its own defaults; leave out --sampler and the samplers' options.")
    if ask.data_set not in ("", DEFAULT):
        raise BadInput(f"A table compares models of the data set {DEFAULT}, and {ask.model} is one of {ask.data_set}; evaluate it without "
                       "--table.")


def file_name(ask: Ask, model_sha256: str, split: str) -> str:
    """Of the table of a request: all that its cells share."""
    guidance = make_request(replace(ask, prompt=dataset(DEFAULT).prompt, count=1)).guidance_scale
    return f"{ask.family}-{model_sha256[:12]}-{split}-{ask.count}-w{guidance:g}.jsonl"


def cases(family: str, calls: Sequence[int]) -> list[tuple[str, int | None, int | None]]:
    """(sampler, budget, steps) of every cell; a sampler that is adaptive or takes no steps spends what it must: one cell."""
    found: list[tuple[str, int | None, int | None]] = []
    for name, spec in face_of(family).samplers.items():
        if spec.adaptive or "steps" not in {o.name for o in options_of(spec.options)}:
            found.append((name, None, None))
            continue
        found += [(name, budget, steps) for budget in calls if (steps := steps_within(spec, budget, most=MOST_STEPS)) is not None]
    return found


def measure(evaluate: Callable[[Ask], dict[str, Any]], ask: Ask, path: Path, calls: Sequence[int] = CALLS,
            progress: Callable[[int, int], None] = lambda done, total: None) -> list[dict[str, Any]]:
    """Measure what `path` (one JSON object a line) does not hold yet, each cell saved as it is finished; all rows."""
    todo = cases(ask.family, calls)
    with writing(path):
        log = Log(path, FACTS)
        log.warn()
        for done, (sampler, budget, steps) in enumerate(todo):
            progress(done, len(todo))
            if log.find({"sampler": sampler, "calls": budget, "judge_rules": judge_rules()}) is None:
                options: dict[str, Any] = {} if steps is None else {"steps": steps}
                result = evaluate(replace(ask, sampler=sampler, options=options)) | {"calls": budget}
                log.add({fact: result[fact] for fact in (*FACTS, *LIMITS)})
        progress(len(todo), len(todo))
        rows = of_this_judge(log.rows)
        write_csv(path.with_suffix(".csv"), (*FACTS, *LIMITS), rows)
        write_text(path.with_suffix(".md"), markdown(ask.family, rows, calls))
    return rows


def judge_rules() -> int:
    """Of the judge of today, by which tables measure; imported late, since it takes its time."""
    judge = dataset(DEFAULT).judge
    assert judge is not None
    return judge().rules


def of_this_judge(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that the judge of today measured; another one's shares do not compare with them."""
    return [row for row in rows if row.get("judge_rules") == judge_rules()]


class Log:
    """What was measured, one JSON object a line, each written as soon as it is known.

    A last line that a crash cut off does not count, and is taken away before the next one is written. Lines without the `facts`, or
    damaged in another way, do not count either; `lost` is their number.
    """

    def __init__(self, path: Path, facts: Sequence[str] = ()) -> None:
        if os.path.lexists(path) and not path.is_file():           # to open a pipe could wait for ever
            raise OSError(errno.EINVAL, "a file of its name is no regular one", str(path))
        data = path.read_bytes() if path.exists() else b""
        whole = data[:data.rfind(b"\n") + 1]
        self._path, self._torn = path, whole if whole != data else None
        found = [_row(line, facts) for line in whole.split(b"\n")[:-1]]
        self.rows = [row for row in found if row is not None]
        self.lost = len(found) - len(self.rows)

    def warn(self) -> None:
        """Say what does not count."""
        if self.lost:
            LOGGER.warning("%d lines of %s are damaged, so what they held is measured again", self.lost, self._path)

    def find(self, facts: dict[str, Any]) -> dict[str, Any] | None:
        """The latest row of which these facts hold."""
        return next((row for row in reversed(self.rows) if facts.items() <= row.items()), None)

    def add(self, row: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._torn is not None:
            write_whole(self._path, self._torn)
            self._torn = None
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self.rows.append(row)


def _row(line: bytes, facts: Sequence[str]) -> dict[str, Any] | None:
    """What a line says, options under today's names; None if it is damaged."""
    try:
        row = json.loads(line.decode("utf-8"))
        if "options" in row:
            row["options"] = renamed(row["options"])
        numbers = [row[name] for name in NUMBERS if name in row]
        return row if set(facts) <= set(row) and all(type(n) in (int, float) and math.isfinite(n) for n in numbers) else None
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Says what to do about a path that cannot be read or written. Raises UserError."""
    try:
        yield
    except OSError as error:
        raise trouble(path.parent, error, "choose another folder with --data DIR") from error


def write_csv(path: Path, columns: Sequence[str], rows: list[dict[str, Any]]) -> None:
    write_table(path, [columns, *([row.get(name) for name in columns] for row in rows)])


def markdown(family: str, rows: list[dict[str, Any]], calls: Sequence[int]) -> str:
    """Samplers down, budgets across; a cell says accuracy for one and two objects in %, and the Fréchet distance."""
    face, of = face_of(family), {(row["sampler"], row["calls"]): row for row in rows}

    def cell(row: dict[str, Any] | None) -> str:
        if row is None:
            return "·"
        one, two = (100 * row[f"caption_accuracy_{name}"] for name in ("one_object", "two_objects"))
        return f"{one:.0f} / {two:.0f} · {row['frechet_distance']:.0f}"

    budgets = [n for n in calls if any(budget == n for _, budget, _ in cases(family, calls))]
    heads = [f"{n} NFE" for n in budgets] or ["quality"]
    lines = ["| sampler | " + " | ".join(heads) + " |", "|---" * (len(heads) + 1) + "|"]
    for name, spec in face.samplers.items():
        alone = of.get((name, None))
        if alone is not None:
            guidance = " with guidance" * (alone["guidance_scale"] not in (0, 1))
            lines.append(f"| {spec.title} | {cell(alone)} at {alone['nfe']:.0f} NFE{guidance} |" + " |" * (len(heads) - 1))
        else:
            lines.append(f"| {spec.title} | " + " | ".join(cell(of.get((name, n))) for n in budgets) + " |")
    if rows:
        some = rows[-1]
        lines += ["", f"One / two objects, and the Fréchet distance of {some['count']} pictures, at which perfect ones score "
                  f"{some['frechet_floor']:.0f}; the judge takes {100 * some['judge_false_accepts']:.0f} % of near misses for "
                  "what they are not."]
    return "\n".join(lines) + "\n"
