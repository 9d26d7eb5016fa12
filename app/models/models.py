"""The weights as people see them."""
from __future__ import annotations

import json
from pathlib import Path

from app.drawing.weights import Weights, defaults_of, traits_of, understood
from app.errors import BadInput, UserError
from app.models.cards import without_pictures
from app.models.views import ModelView
from pipelines.files import write_whole
from weights import catalog
from weights.catalog import Entry
from weights.check.reading import why_not
from weights.check.verify import WeightsError, sha256


def _view(entry: Entry) -> ModelView:
    """A model with all that is known without reading its numbers. Raises WeightsError."""
    with understood(entry):
        meta = entry.metadata
        return ModelView(entry.name, meta["family"], meta["title"], entry.parameters, entry.expected or "", entry.source, entry.bytes,
                         without_pictures(entry.card), defaults_of(entry), None, **traits_of(entry))


class Models:
    """The weights there are, as people see them."""

    def __init__(self, weights: Weights) -> None:
        self.weights = weights

    def views(self, family: str | None = None) -> list[ModelView]:
        """The models of a family or all; a damaged file is listed with its problem."""
        found = []
        for entry in self.weights.entries():
            try:
                view = _view(entry)
            except WeightsError as error:
                view = ModelView(entry.name, "", entry.name, 0, entry.expected or "", entry.source, 0, "", {}, str(error))
            if family in (None, view.family):
                found.append(view)
        return found

    def verify(self) -> dict[str, str | None]:
        """Check header, checksum and numbers of every file: name -> problem, None where it is sound."""
        found: dict[str, str | None] = {}
        for entry in self.weights.entries():
            try:
                self.check(entry)
                found[entry.name] = None
            except WeightsError as error:
                found[entry.name] = str(error)
        return found

    def check(self, entry: Entry) -> None:
        """Look at all that is there of a model. Raises WeightsError."""
        with understood(entry):
            entry.check()
        _view(entry)

    def bundle(self, run: str) -> Path:
        """Copy the weights and the card of a run into the project and list their checksum. Raises UserError."""
        try:
            source = catalog.run_folder(self.weights.runs, run) / catalog.FILE
        except WeightsError as error:
            raise BadInput(str(error)) from error
        try:
            if not source.exists():
                raise BadInput(f"There is no finished run {run!r} in {self.weights.runs}; name one that the command `train` finished.")
            self.check(Entry(run, source, "run", None))
            target = catalog.BUNDLED / f"{run}.safetensors"
            for ending, content in ((".md", catalog.card_in(source.with_suffix(".md"))), (".safetensors", source.read_bytes())):
                write_whole(target.with_suffix(ending), content)
            listed = json.loads((catalog.BUNDLED / "catalog.json").read_text(encoding="utf-8"))
            listed[run] = sha256(target)
            write_whole(catalog.BUNDLED / "catalog.json", json.dumps(listed, indent=1) + "\n")
        except OSError as error:
            raise UserError(f"{run} could not be made part of the project ({why_not(error)}); check {catalog.BUNDLED}.") from error
        return target
