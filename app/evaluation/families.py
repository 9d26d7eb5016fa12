"""All families side by side: one caption drawn by each, and one table of what they can do; resumable.

Measuring writes a JSON line for each finished cell (`families.jsonl`), so that a run that was killed goes on where it stopped. The
table made from it is `families.json`, with `.csv` and `.md` beside it; the project bundles a copy.
"""
from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.drawing.artist import Artist
from app.drawing.ask import Ask
from app.errors import UserError, sentence, sentences
from app.evaluation import samplers as quality
from app.evaluation import table as family_table
from app.evaluation.evaluate import COUNT, bits_per_dim, evaluate
from app.evaluation.views import Drawing, FamilyTable
from app.inspect.probe import probe
from app.paths import ROOT
from app.whole import write_text
from pipelines import registry
from pipelines.data import DEFAULT, dataset
from pipelines.files import MISREAD
from pipelines.request import face_of
from pipelines.tokens.samplers import TOKENS

if TYPE_CHECKING:
    from app.models.models import Models
    from pipelines.request import Request

README, BUNDLED = ROOT / "README.md", ROOT / "weights" / "bundled" / "families.json"
BEGIN, END = "<!-- families -->", "<!-- /families -->"
Progress = Callable[[int, int], None]


class SideBySide:
    """What compares all families. Raises `app.errors.sentences`."""

    def __init__(self, artist: Artist, models: Models, tables: Path) -> None:
        self._artist, self._models, self._tables = artist, models, tables

    def draw(self, prompt: str, seed: Any, count: Any) -> list[Drawing]:
        """Start drawing a caption with every family's first model; one that cannot says why, the others draw.

        Raises UserError if none can, for the reason that most of them give.
        """
        drawings = [self._drawing(Ask(name, prompt, seed=seed, count=count)) for name in registry.NAMES]
        if not any(d.job for d in drawings):
            raise UserError(Counter(str(d.error) for d in drawings).most_common(1)[0][0])
        return drawings

    def _drawing(self, ask: Ask) -> Drawing:
        try:
            return Drawing(ask.family, self._artist.generate(ask), None)
        except sentences() as error:
            return Drawing(ask.family, None, sentence(error))

    def measure_samplers(self, ask: Ask, split: str, progress: Progress) -> dict[str, Any]:
        """Measure every sampler of a family at several budgets of NFE; where the table is, and its rows."""
        quality.check(ask)
        ask = self._artist.weights.resolved(ask)
        quality.check(replace(ask, sampler=None, options={}))
        path = self._tables / quality.file_name(ask, probe(self._artist, replace(ask, prompt=dataset(DEFAULT).prompt)).loaded.sha256, split)
        rows = quality.measure(lambda cell: evaluate(self._artist, cell, split, lambda done, total: None), ask, path, progress=progress)
        return {"table": str(path.with_suffix(".md")), "csv": str(path.with_suffix(".csv")), "rows": rows}

    def measure_all_samplers(self, ask: Ask, split: str, progress: Progress) -> dict[str, Any]:
        """Measure every sampler of every family; where the tables are. Goes on where it was stopped."""
        names = registry.NAMES
        found = [self.measure_samplers(replace(ask, family=name), split, _shifted(progress, 100 * k, 100 * len(names)))
                 for k, name in enumerate(names)]
        return {"tables": [table["table"] for table in found], "csv": [table["csv"] for table in found]}

    def measure_families(self, count: Any, progress: Progress) -> dict[str, Any]:
        """Measure every family's first model at its defaults, where that is not done yet; where the table is, and its rows."""
        counts, path = counted(count), self._tables / "families.json"
        share = sum(counts.values())
        total = share * len(registry.NAMES)
        with quality.writing(path):
            log = quality.Log(path.with_suffix(".jsonl"), ("family", "cell", "model_sha256"))
            log.warn()
            try:
                rows = [self._row(family, counts, log, _shifted(progress, k * share, total)) for k, family in enumerate(registry.NAMES)]
            except KeyError as error:
                raise UserError(f"A line of {path.with_suffix('.jsonl')} lacks what it should say ({error}); put that file aside, and what "
                                "it held is measured again.") from error
            progress(total, total)
            table = {"made": time.strftime("%Y-%m-%d"), "counts": counts, "rows": rows, "cells": self._quality_cells(rows)[0]}
            write_text(path.with_suffix(".md"), family_table.markdown(table))
            quality.write_csv(path.with_suffix(".csv"), family_table.FACTS, rows)
            write_text(path, json.dumps(table, indent=1) + "\n")
        return {"table": str(path.with_suffix(".md")), "csv": str(path.with_suffix(".csv")), "json": str(path), "rows": rows}

    def _row(self, family: str, counts: dict[str, int], log: quality.Log, progress: Progress) -> dict[str, Any]:
        """A family's row; says what the problem is if it has no weights."""
        try:
            request = self._artist.weights.request(Ask(family, self._artist.weights.data(Ask(family, "")).prompt, count=1))
            quality.check(Ask(family, "", model=request.model, data_set=request.data_set))
        except sentences() as error:
            return {"family": family, "problem": sentence(error)}
        cells, done, face = {}, 0, face_of(family)
        for cell, count in counts.items():
            if cell != "likelihood" or face.invertible:
                cells[cell] = self._cell(request, cell, count, log, _shifted(progress, done, 0))
            done += count
        test = cells["test"]
        model = next(m for m in self._models.views(family) if m.name == request.model)
        lineage, own = self._lineage(request.model), self._images(request.model)
        return {
            "family": family, "model": model.name, "sampler": request.sampler, "amount": request.amount,
            "guidance_scale": request.guidance_scale, "label_only": face.label_only,
            "accuracy_one": test["caption_accuracy_one_object"], "accuracy_two": test["caption_accuracy_two_objects"],
            "holdout": cells["holdout"]["caption_accuracy"], "frechet_distance": test["frechet_distance"],
            "precision": test["precision"], "recall": test["recall"], **_bits(cells), **{name: test[name] for name in family_table.LIMITS},
            "parameters": model.parameters, "nfe": test["nfe"], "seconds_per_image": test["seconds_per_image"],
            "images": own if lineage is None else sum(map(self._images, lineage)), "images_whole": lineage is not None,
            "model_sha256": test["model_sha256"], "device": test["environment"]["device"], "threads": test["environment"]["threads"],
            "problem": None}

    def _cell(self, request: Request, cell: str, count: int, log: quality.Log, progress: Progress) -> dict[str, Any]:
        """What was measured of a model: a split's captions or the likelihood, from the log or now."""
        own, settings = probe(self._artist, Ask(request.family, request.data.prompt, model=request.model)), request.settings
        subject = {name: settings[name] for name in ("family", "sampler", "options", "guidance_scale")} | {
            "cell": cell, "count": count, "model_sha256": own.loaded.sha256}
        if cell == "likelihood":
            subject["begins_at"] = own.ode_inversion.data                    # lines of before it was told are measured again
        else:
            subject["judge_rules"] = quality.judge_rules()                 # as are those of another judge
        found = log.find(subject)
        if found is None:
            ask = Ask(request.family, "", model=request.model, count=count)
            found = (bits_per_dim(own, count, progress) if cell == "likelihood"
                     else evaluate(self._artist, ask, cell, progress)) | {"size": own.loaded.side(own.request)} | subject
            log.add(found)
        return found

    def _training(self, name: str) -> dict[str, Any]:
        return self._artist.weights.find(name).metadata.get("training") or {}

    def _images(self, name: str) -> int:
        return self._training(name).get("images", 0)

    def _lineage(self, name: str, younger: tuple[str, ...] = ()) -> set[str] | None:
        """A model and all that its training began with; None if one of them is not here, such as an older model of the same name."""
        if name in younger or name not in {model.name for model in self._models.views() if model.problem is None}:
            return None
        origins = (self._training(name).get("from") or "").split(",")
        found = [self._lineage(origin, (*younger, name)) for origin in origins if origin]
        return None if None in found else {name}.union(*(names for names in found if names))

    def _quality_cells(self, rows: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
        """(what `measure_samplers` measured of these models, where there are two that of more captions; files that are damaged)."""
        found, damaged = [], []
        for row in family_table.measured(rows):
            for path in self._tables.glob(f"{row['family']}-{row['model_sha256'][:12]}-test-*.jsonl"):
                try:
                    log = quality.Log(path, family_table.CELL)
                    found += [family_table.point(row["family"], cell) for cell in quality.of_this_judge(log.rows)]
                    damaged += [path.name] if log.lost else []
                except OSError:
                    damaged.append(path.name)
        return _merged(sorted(found, key=lambda cell: cell["count"])), damaged

    def table(self) -> FamilyTable | None:
        """The user's own table, or the bundled one, also where the own one is damaged, which the note says; None if there is neither.

        Raises UserError if the bundled one is damaged.
        """
        own, said = self._tables / "families.json", ""
        if os.path.lexists(own):
            try:
                return self._table(own, "Measured here.")
            except MISREAD as error:
                said = (f"Your own table {own} could not be read ({type(error).__name__}), so it is left out; make it anew with the "
                        "command `evaluate --table`. ")
        try:
            return self._table(BUNDLED, f"{said}Measured by the project.") if BUNDLED.exists() else None
        except MISREAD as error:
            raise UserError(f"The table {BUNDLED} could not be read ({type(error).__name__}); restore it by `git checkout "
                            "weights/bundled`, or a new installation.") from error

    def _table(self, path: Path, source: str) -> FamilyTable:
        """The table in a file. Raises one of MISREAD."""
        if not path.is_file():                                     # to open a pipe could wait for ever
            raise OSError("no regular file")
        table = json.loads(path.read_text(encoding="utf-8"))
        cells, damaged = self._quality_cells(table["rows"])
        left_out = f" Damaged lines are left out of {', '.join(damaged)}." * bool(damaged)
        found = family_table.view(table | {"cells": _merged([*table["cells"], *cells])}, source + left_out)
        json.dumps(asdict(found), allow_nan=False, ensure_ascii=False).encode()        # as the page is sent it
        return found

    def publish(self, readme: Path = README, bundled: Path = BUNDLED) -> None:
        """Put the user's own table into the README, between its two marks, and beside the bundled weights. Raises UserError."""
        with quality.writing(readme):
            text, table = readme.read_text(encoding="utf-8"), (self._tables / "families.md").read_text(encoding="utf-8")
            before, begin, rest = text.partition(BEGIN)
            _, end, after = rest.partition(END)
            if not begin or not end:
                raise UserError(f"{readme.name} lacks the lines {BEGIN} and {END}; write them where the table is to stand.")
            write_text(readme, f"{before}{begin}\n{table}{end}{after}")
            write_text(bundled, (self._tables / "families.json").read_text(encoding="utf-8"))


def _bits(cells: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What a test picture costs by the cells of a family, in bits per dimension: its pixels, its codes alone, or not defined."""
    if "likelihood" in cells:
        return {name: cells["likelihood"][name] for name in ("bits_per_dim", "bits_per_dim_se")} | {"bits_of": "pixels"}
    test = cells["test"]
    if "bits_per_code" not in test:
        return {"bits_per_dim": None, "bits_per_dim_se": None, "bits_of": None}
    share, error = TOKENS / (3 * test["size"] ** 2), test.get("bits_per_code_se")          # which older lines lack
    return {"bits_per_dim": share * test["bits_per_code"], "bits_per_dim_se": None if error is None else share * error, "bits_of": "codes"}


def _shifted(progress: Progress, by: int, total: int) -> Progress:
    """The progress of a part that so much was done before."""
    return lambda done, _: progress(by + done, total)


def _merged(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One cell of a kind: the last."""
    return list({(cell["family"], cell["sampler"], cell["calls"]): cell for cell in cells}.values())


def counted(count: Any) -> dict[str, int]:
    """How much is measured: test captions, half as many of the hold-out split, a likelihood for every fifteenth. Raises OptionError."""
    test = COUNT.parse(count)
    return {"test": test, "holdout": max(int(COUNT.low or 0), test // 2), "likelihood": max(4, test // 15)}
