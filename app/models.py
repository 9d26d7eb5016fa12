"""The weights as people see them."""
from __future__ import annotations

import json
import shutil
from pathlib import Path

from app.requests import face_of
from app.views import Ask, BadInput, ModelView, UserError
from weights import catalog
from weights.catalog import Entry, entries, find
from weights.verify import WeightsError, read_header, sha256


class Models:
    """Bundled weights and those of the user's own runs."""

    def __init__(self, runs: Path) -> None:
        self._runs = runs

    def views(self, family: str | None = None) -> list[ModelView]:
        """The models of a family or all; a damaged file is listed with its problem."""
        found = []
        for entry in entries(self._runs):
            try:
                meta, count, problem = entry.metadata, entry.parameters, None
            except WeightsError as error:
                meta, count, problem = {}, 0, str(error)
            if family is None or meta.get("family") == family:
                size = entry.path.stat().st_size if entry.path.exists() else 0
                found.append(ModelView(entry.name, meta.get("family", ""), meta.get("title", entry.name), count,
                                       entry.expected or "", entry.source, size, entry.card, problem))
        return found

    def entry(self, ask: Ask) -> Entry:
        """The weights that a request names, or its family's first. Raises UserError."""
        face_of(ask.family)
        try:
            if ask.model:
                entry = find(ask.model, self._runs)
                if entry.metadata["family"] != ask.family:
                    raise BadInput(f"The model {entry.name} belongs to the family {entry.metadata['family']}; choose "
                                   f"one of {ask.family}.")
                return entry
            for entry in entries(self._runs):
                if entry.metadata["family"] == ask.family:
                    return entry
        except WeightsError as error:
            raise UserError(str(error)) from error
        raise UserError(f"There are no weights for {ask.family}; train some with `launch.py train {ask.family}`.")

    def find(self, name: str) -> Entry:
        """An entry by name. Raises WeightsError."""
        return find(name, self._runs)

    def first(self) -> str:
        """The name of the first model, which a new page shows."""
        return entries()[0].name

    def verify(self) -> dict[str, str | None]:
        """Check header and checksum of every file: name -> problem, None where it is sound."""
        found: dict[str, str | None] = {}
        for entry in entries(self._runs):
            try:
                read_header(entry.path)
                sound = entry.expected in (None, sha256(entry.path))
                found[entry.name] = None if sound else (
                    f"The weights of {entry.name} do not match their checksum; restore them with `git checkout "
                    "weights/bundled`.")
            except WeightsError as error:
                found[entry.name] = str(error)
        return found

    def bundle(self, run: str) -> Path:
        """Copy the weights and the card of a run into the project and list their checksum. Raises UserError."""
        source = self._runs / run / "model.safetensors"
        if not run or Path(run).name != run or not source.exists():
            raise BadInput(f"There is no finished run {run!r} in {self._runs}; name one that `launch.py train` finished.")
        target = catalog.BUNDLED / f"{run}.safetensors"
        for ending in (".safetensors", ".md"):
            shutil.copyfile(source.with_suffix(ending), target.with_suffix(ending))
        listed = json.loads((catalog.BUNDLED / "catalog.json").read_text(encoding="utf-8"))
        listed[run] = sha256(target)
        (catalog.BUNDLED / "catalog.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
        return target
