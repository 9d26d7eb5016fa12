"""The weights as people see them."""
from __future__ import annotations

import json
import shutil
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.requests import face_of
from app.views import Ask, BadInput, ModelView, UserError
from pipelines import registry
from weights import catalog
from weights.catalog import Entry, entries, find
from weights.verify import WeightsError, read_header, sha256

if TYPE_CHECKING:
    from torch import device as Device
    from torch import nn

    from pipelines.protocol import Net, NetKey

RESIDENT = 4                       # networks that stay in memory


@dataclass(frozen=True)
class Loaded:
    """A network in memory."""
    sha256: str
    net: nn.Module
    entry: Entry

    @property
    def size(self) -> int:
        """Side of the pictures that the network knows."""
        config: Any = self.net.config
        return config.size


class Residents:
    """The few networks that are in memory; the one used longest ago makes room first."""

    def __init__(self) -> None:
        self._loaded: dict[str, Loaded] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        return list(self._loaded)

    def load(self, entry: Entry, nets: MutableMapping[NetKey, Net], device: Device, needed: set[str]) -> tuple[Loaded, bool]:
        """(the network of an entry, whether it was read just now); its methods are put into `nets`.

        Networks that are `needed` by unfinished jobs stay. Raises WeightsError.
        """
        from pipelines.precision import keyed
        from weights.load import load
        with self._lock:
            fresh = entry.name not in self._loaded
            if fresh:
                self._make_room(nets, needed)
                digest, net = load(entry, device)
                family = registry.family(entry.metadata["family"])
                nets.update(keyed(digest, net, family.methods, device, family.memory(net)))
                self._loaded[entry.name] = Loaded(digest, net, entry)
            self._loaded[entry.name] = self._loaded.pop(entry.name)            # the latest stands last
            return self._loaded[entry.name], fresh

    def _make_room(self, nets: MutableMapping[NetKey, Net], needed: set[str]) -> None:
        free = [name for name in self._loaded if name not in needed]
        for name in free[:max(0, len(self._loaded) - RESIDENT + 1)]:
            digest = self._loaded.pop(name).sha256
            for key in [key for key in nets if key.weights == digest]:
                del nets[key]


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
                usual = registry.face(meta["family"]).usual(meta["config"]) if meta.get("family") in registry.NAMES else {}
                found.append(ModelView(entry.name, meta.get("family", ""), meta.get("title", entry.name), count,
                                       entry.expected or "", entry.source, size, entry.card, usual, problem))
        return found

    def resolved(self, ask: Ask) -> Ask:
        """The request with its model named, and with what is usual for that model where it says nothing. Raises UserError."""
        entry = self._entry(ask)
        usual = registry.face(ask.family).usual(entry.metadata["config"])
        options = ask.options
        if "steps" in usual and ask.sampler in (None, usual["sampler"]):
            options = {"steps": usual["steps"]} | options
        return replace(ask, model=entry.name, options=options, sampler=ask.sampler or usual.get("sampler"),
                       guidance_scale=usual.get("guidance_scale") if ask.guidance_scale is None else ask.guidance_scale)

    def _entry(self, ask: Ask) -> Entry:
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
