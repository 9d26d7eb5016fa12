"""The weights as people see them."""
from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.drawing.ask import Ask, face_of, samplers_of
from app.drawing.effects import never
from app.errors import BadInput, UserError
from app.models.cards import without_pictures
from app.models.views import ModelView
from app.text import readable
from pipelines import registry
from pipelines.files import MISREAD, write_whole
from pipelines.hub.about import ADAPTERS
from pipelines.options import options_of
from weights import catalog
from weights.catalog import Entry, entries, find
from weights.check.reading import why_not
from weights.check.verify import WeightsError, sha256
from weights.pretrained import pretrained


def usual_of(entry: Entry) -> dict[str, Any]:
    """What a model is used with where that is not what its family begins with: sampler, guidance_scale, options."""
    meta = entry.metadata
    if entry.adapter:
        return meta["usual"]
    return registry.face(meta["family"]).usual(meta["config"])


def _traits(entry: Entry, meta: dict[str, Any]) -> dict[str, Any]:
    """Of a `ModelView`, what differs from model to model within a family."""
    face = registry.face(meta["family"])
    found = {"adapter": entry.adapter, "samplers": samplers_of(face, entry.adapter), "size": meta["config"].get("size", 0),
             "idle": tuple(never(face, entry.adapter))}
    if entry.adapter:
        info = ADAPTERS[entry.adapter]
        return found | {"reads": info.reads, "guided": info.guided}
    return found | {"guided": face.guided}


@contextmanager
def _understood(entry: Entry) -> Iterator[None]:
    """What a model's files say may be of any kind. Raises WeightsError with one sentence."""
    try:
        yield
    except MISREAD as error:
        raise WeightsError(f"What the files of {entry.name} say cannot be ({why_not(error)}); fetch or train it again.") from error


def _view(entry: Entry) -> ModelView:
    """A model with all that is known without reading its numbers. Raises WeightsError."""
    with _understood(entry):
        meta = entry.metadata
        return ModelView(entry.name, meta["family"], meta["title"], entry.parameters, entry.expected or "", entry.source, entry.bytes,
                         without_pictures(entry.card), usual_of(entry), None, **_traits(entry, meta))


class Models:
    """Bundled weights and those of the user's own runs."""

    def __init__(self, runs: Path, models: Path) -> None:
        self._runs, self.folder = runs, models

    def entries(self) -> list[Entry]:
        """The bundled, those of runs, those of the Hub, the user's own folders and files; what cannot be used has its fault."""
        return [*entries(self._runs), *pretrained(self.folder)]

    def views(self, family: str | None = None) -> list[ModelView]:
        """The models of a family or all; a damaged file is listed with its problem."""
        found = []
        for entry in self.entries():
            try:
                view = _view(entry)
            except WeightsError as error:
                view = ModelView(entry.name, "", entry.name, 0, entry.expected or "", entry.source, 0, "", {}, str(error))
            if family in (None, view.family):
                found.append(view)
        return found

    def resolved(self, ask: Ask) -> Ask:
        """The request with its model named, and with what is usual for that model where it says nothing. Raises UserError."""
        ask = readable(ask)
        entry = self._entry(ask)
        usual, face = usual_of(entry), registry.face(ask.family)
        sampler = ask.sampler or usual.get("sampler")
        habits: dict[str, Any] = {}
        if sampler in face.every and (sampler == usual.get("sampler") or entry.adapter):
            own = {o.name for o in options_of(face.every[str(sampler)].options)}
            habits = {name: value for name, value in usual.items() if name in own}
        size = entry.metadata["config"].get("size", 0)
        if not entry.adapter and not {str(ask.width), str(ask.height)} <= {"0", "None", str(size)}:
            raise BadInput(f"The model {entry.name} draws pictures of {size} by {size} pixels; leave width and height at 0.")
        return replace(ask, model=entry.name, options=habits | ask.options, sampler=sampler, adapter=entry.adapter,
                       guidance_scale=usual.get("guidance_scale") if ask.guidance_scale is None else ask.guidance_scale)

    def _entry(self, ask: Ask) -> Entry:
        """The weights that a request names, or its family's first. Raises WeightsError, BadInput."""
        face_of(ask.family)
        if not ask.model:
            return self._first_of(ask.family)
        entry = self.find(ask.model)
        view = _view(entry)
        if view.family != ask.family:
            raise BadInput(f"The model {entry.name} belongs to the family {view.family}; choose one of {ask.family}.")
        return entry

    def _first_of(self, family: str) -> Entry:
        """A family's first model that is sound. Raises WeightsError, also where a bundled one may have been meant that is damaged: no
        other takes its place unasked."""
        damage = None
        for entry in self.entries():
            try:
                view = _view(entry)
            except WeightsError as error:
                damage = damage or (error if entry.source == "bundled" else None)
                continue
            if view.family == family:
                if damage is not None and entry.source != "bundled":
                    break
                return entry
        raise damage or WeightsError(f"There are no weights for {family}; train some with the command `train {family}`.")

    def find(self, name: str) -> Entry:
        """An entry by name. Raises WeightsError, also for one that cannot be used."""
        entry = find(name, self.entries())
        entry.usable()
        return entry

    def first(self) -> str:
        """The name of the first model, which a new page shows."""
        return entries()[0].name

    def verify(self) -> dict[str, str | None]:
        """Check header, checksum and numbers of every file: name -> problem, None where it is sound."""
        found: dict[str, str | None] = {}
        for entry in self.entries():
            try:
                self.check(entry)
                found[entry.name] = None
            except WeightsError as error:
                found[entry.name] = str(error)
        return found

    def check(self, entry: Entry) -> None:
        """Look at all that is there of a model. Raises WeightsError."""
        with _understood(entry):
            entry.check()
        _view(entry)

    def bundle(self, run: str) -> Path:
        """Copy the weights and the card of a run into the project and list their checksum. Raises UserError."""
        try:
            source = catalog.run_folder(self._runs, run) / catalog.FILE
        except WeightsError as error:
            raise BadInput(str(error)) from error
        try:
            if not source.exists():
                raise BadInput(f"There is no finished run {run!r} in {self._runs}; name one that the command `train` finished.")
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
