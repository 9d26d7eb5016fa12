"""The weights there are, and which of them a request means."""
from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.drawing.ask import Ask, make_request, with_seed
from app.errors import BadInput
from app.text import readable
from pipelines import registry
from pipelines.data import DEFAULT, dataset
from pipelines.data.contract import DataSet, DataSetError
from pipelines.effects import never
from pipelines.files import MISREAD
from pipelines.hub.about import ADAPTERS
from pipelines.options import options_of
from pipelines.request import Request, data_set_of, face_of, samplers_of
from weights.catalog import Entry, entries, find
from weights.check.reading import short, why_not
from weights.check.verify import WeightsError
from weights.pretrained import pretrained


def defaults_of(entry: Entry) -> dict[str, Any]:
    """What a model is used with where that is not what its family begins with: sampler, guidance_scale, options."""
    meta = entry.metadata
    if entry.adapter:
        return meta["defaults"]
    return registry.face(meta["family"]).defaults(meta["config"])


def traits_of(entry: Entry) -> dict[str, Any]:
    """What differs from model to model within a family: its adapter, samplers, size, what does nothing with it, what it reads and
    what one may ask of it first."""
    meta = entry.metadata
    face = registry.face(meta["family"])
    first = next(iter(entry.data_sets), "")
    found: dict[str, Any] = {
        "adapter": entry.adapter, "samplers": samplers_of(face, entry.adapter), "size": size_of(meta["config"], first),
        "idle": tuple(never(face, entry.adapter)), "prompts": tuple(dataset(first or DEFAULT).prompts)}
    if entry.adapter:
        info = ADAPTERS[entry.adapter]
        return found | {"reads": info.reads, "guided": info.guided}
    return found | {"guided": face.guided} | ({} if any(found["prompts"]) else {"reads": "nothing"})


def size_of(config: dict[str, Any], data_set: str) -> int:
    """The side of the pictures that a network of this configuration draws of a data set; 0: it does not say."""
    return int(config.get("sizes", {}).get(data_set, config.get("size", 0)))


@contextmanager
def understood(entry: Entry) -> Iterator[None]:
    """What a model's files say may be of any kind. Raises WeightsError with one sentence."""
    try:
        yield
    except DataSetError as error:
        raise WeightsError(f"{entry.name} cannot be used: {error}") from error
    except MISREAD as error:
        raise WeightsError(f"What the files of {entry.name} say cannot be ({why_not(error)}); fetch or train it again.") from error


def family_of(entry: Entry) -> str:
    """The family of a model that can be used. Raises WeightsError."""
    with understood(entry):
        defaults_of(entry), traits_of(entry)
        return entry.metadata["family"]


class Weights:
    """Bundled weights, those of the user's own runs, those of the Hub, and the user's own folders and files."""

    def __init__(self, runs: Path, models: Path) -> None:
        self.runs, self.models = runs, models

    def entries(self) -> list[Entry]:
        """All of them; what cannot be used has its fault."""
        return [*entries(self.runs), *pretrained(self.models)]

    def find(self, name: str) -> Entry:
        """An entry by name. Raises WeightsError, also for one that cannot be used."""
        entry = find(name, self.entries())
        entry.usable()
        return entry

    def first(self) -> str:
        """The name of the first model, which a new page shows."""
        return entries()[0].name

    def request(self, ask: Ask) -> Request:
        """The checked request, its model named and its seed drawn. Raises WeightsError, BadInput, OptionError."""
        return make_request(self.resolved(with_seed(ask)))

    def resolved(self, ask: Ask) -> Ask:
        """The request with its model named, and with that model's defaults where it says nothing. Raises WeightsError, BadInput."""
        ask = readable(ask)
        entry = self._meant(ask)
        defaults, face = defaults_of(entry), registry.face(ask.family)
        sampler = ask.sampler or defaults.get("sampler")
        own_defaults: dict[str, Any] = {}
        if sampler in face.every and (sampler == defaults.get("sampler") or entry.adapter):
            own = {o.name for o in options_of(face.every[str(sampler)].options)}
            own_defaults = {name: value for name, value in defaults.items() if name in own}
        size = size_of(entry.metadata["config"], ask.data_set or next(iter(entry.data_sets), ""))
        if not entry.adapter and not {str(ask.width), str(ask.height)} <= {"0", "None", str(size)}:
            raise BadInput(f"The model {entry.name} draws pictures of {size} by {size} pixels; leave width and height at 0.")
        known = entry.data_sets
        if ask.data_set not in ("", *known):
            raise BadInput(f"The model {entry.name} learnt from {' and '.join(known) or 'no data set of this project'}, not from "
                           f"{short(ask.data_set)}; choose another model, or leave out the data set.")
        learnt = ask.data_set or next(iter(known), "")
        return replace(ask, model=entry.name, options=own_defaults | ask.options, sampler=sampler, adapter=entry.adapter, data_set=learnt,
                       guidance_scale=defaults.get("guidance_scale") if ask.guidance_scale is None else ask.guidance_scale)

    def data(self, ask: Ask) -> DataSet:
        """What the model that a request means learnt from. Raises WeightsError, BadInput."""
        return dataset(data_set_of(self.resolved(ask).data_set))

    def data_sets(self, name: str) -> tuple[str, ...]:
        """What a model of a name learnt from; of one that is not here any more the first set."""
        try:
            return self.find(name).data_sets or (DEFAULT,)
        except WeightsError:
            return (DEFAULT,)

    def _meant(self, ask: Ask) -> Entry:
        """The weights that a request names, or its family's first. Raises WeightsError, BadInput."""
        face_of(ask.family)
        if not ask.model:
            return self._first_of(ask.family, ask.data_set)
        entry = self.find(ask.model)
        family = family_of(entry)
        if family != ask.family:
            raise BadInput(f"The model {entry.name} belongs to the family {family}; choose one of {ask.family}.")
        return entry

    def _first_of(self, family: str, data_set: str) -> Entry:
        """A family's first model that is sound, of a data set if one is given. Raises WeightsError, also where a bundled one may have been
        meant that is damaged: no other takes its place unasked."""
        damage = None
        data_set_of(data_set)
        for entry in self.entries():
            try:
                found = family_of(entry)
            except WeightsError as error:
                damage = damage or (error if entry.source == "bundled" else None)
                continue
            if found == family and data_set in ("", *entry.data_sets[:1]):
                if damage is not None and entry.source != "bundled":
                    break
                return entry
        such, how = (f" of {data_set}", f" --data-set {data_set}") if data_set else ("", "")
        raise damage or WeightsError(f"There are no weights for {family}{such}; train some with the command `train {family}{how}`.")
