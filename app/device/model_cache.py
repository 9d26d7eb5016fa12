"""The networks that are in memory, within a budget."""
from __future__ import annotations

import gc
import threading
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.errors import NoRoom, UserError
from pipelines import registry
from pipelines.hub.about import ADAPTERS
from weights.catalog import Entry

if TYPE_CHECKING:
    from torch import device as Device
    from torch import nn

    from pipelines.family import GenerativeModel
    from pipelines.protocol import Net, NetKey
    from pipelines.request import Request

RESIDENT = 4                       # networks of this project that stay in memory; pretrained ones stay while the budget allows
FULL = 0.5                         # of what networks may hold: a model that takes more lets its text encoders go when they have read
SHARE = 0.7                        # of the device's memory that networks may hold; the rest is for what they calculate with


@dataclass(frozen=True)
class Loaded:
    """A network in memory."""
    sha256: str
    net: nn.Module
    entry: Entry
    bytes: int
    drawing: GenerativeModel
    size: int                      # side of the pictures that the network knows
    own: bool                      # of this project, and not a pretrained one
    note: str = ""                 # what a person should know of how it lies in memory

    def side(self, request: Request) -> int:
        """Of the pictures that it draws for a request which names no side."""
        return self.net.config.at(request.data).size if self.own else self.size             # type: ignore[union-attr,operator,no-any-return]


def needed_bytes(parameters: int, own: bool, device_type: str) -> int:
    """What a network's weights will hold: two bytes a number on a GPU for a pretrained one, else four."""
    return parameters * (2 if not own and device_type == "cuda" else 4)


class ModelCache:
    """Networks by name; the one used longest ago makes room first."""

    def __init__(self) -> None:
        self._loaded: dict[str, Loaded] = {}
        self._lock = threading.Lock()                  # of the table, never held for long
        self._loading = threading.Lock()               # one network is read at a time

    def names(self) -> list[str]:
        return list(self._loaded)

    def get(self, name: str) -> Loaded | None:
        """A network that is in memory, which then counts as the latest; nothing is asked of the disk."""
        with self._lock:
            if name in self._loaded:
                self._loaded[name] = self._loaded.pop(name)
            return self._loaded.get(name)

    def bytes(self) -> dict[str, int]:
        """What each network's weights hold."""
        return {name: loaded.bytes for name, loaded in list(self._loaded.items())}

    def load(self, entry: Entry, nets: MutableMapping[NetKey, Net], device: Device, needed: Callable[[], set[str]],
             stop: Callable[[], bool] = lambda: False) -> tuple[Loaded, bool]:
        """(the network of an entry, whether it was read just now); its methods are put into `nets`.

        Networks that are `needed` by unfinished jobs stay. Where a pretrained one fills a GPU or does not fit it, its parts
        take turns there, or even their layers. Raises WeightsError, also if it is to stop, UserError where memory is too small,
        and NoRoom where it is so beside those that are needed.
        """
        from app.device.device import machine_bytes, memory_bytes
        from pipelines.engine.graphs import graphed
        from pipelines.engine.precision import keyed
        from pipelines.hub.offload import held_bytes, in_turns, without_encoders
        from weights.load import load
        with self._loading:
            there = self.get(entry.name)
            if there is not None:
                return there, False
            own = not entry.adapter
            budget, wanted = int(SHARE * memory_bytes(device)), needed_bytes(entry.parameters, own, device.type)
            apart = not own and device.type == "cuda"
            turns, full = apart and wanted > budget, apart and wanted > FULL * budget
            if turns:
                budget = int(SHARE * machine_bytes())
            with self._lock:
                self._make_room(entry.name, wanted, budget, nets, needed(), own)
            digest, network = load(entry, device, stop, waiting=turns)
            net: Any = network
            shared = in_turns(net, device, SHARE * memory_bytes(device)) if turns else without_encoders(net, device) if full else None
            called: Any = shared or net
            drawing = registry.drawing(entry.metadata["family"], entry.adapter)
            found = keyed(digest, called, drawing.methods, device, drawing.memory(net), own_dtype=not own)
            stays = shared is None and (own or ADAPTERS[entry.adapter].graphs)          # where a recording finds its weights
            loaded = Loaded(digest, net, entry, held_bytes(net), drawing, net.config.size if own else net.size, own,
                            shared.note if shared else "")
            with self._lock:
                self._loaded[entry.name] = loaded
                nets.update(graphed(found, device) if stays else found)
            return loaded, True

    def unload(self, name: str, nets: MutableMapping[NetKey, Net], needed: set[str]) -> int:
        """Take a network out of memory; the bytes that its weights held, 0 if it was not there. Raises UserError while a job uses it."""
        with self._lock:
            if name not in self._loaded:
                return 0
            if name in needed:
                raise UserError(f"{name} is drawing at this moment; stop that, or wait for it, then unload the model.")
            return self._drop(name, nets)

    def _make_room(self, name: str, wanted: int, budget: int, nets: MutableMapping[NetKey, Net], needed: set[str], own: bool) -> None:
        if wanted > budget:
            raise UserError(f"{name} needs {wanted / 2**30:.1f} GiB of memory for its weights, and {budget / 2**30:.1f} GiB are "
                            "there for networks on this device; choose a smaller model or a device with more memory.")
        for other in [other for other in self._loaded if other not in needed]:
            ours = sum(loaded.own for loaded in self._loaded.values())
            crowded = own and ours >= RESIDENT and self._loaded[other].own
            if crowded or sum(self.bytes().values()) + wanted > budget:
                self._drop(other, nets)
        if sum(self.bytes().values()) + wanted > budget:
            raise NoRoom(f"{name} needs {wanted / 2**30:.1f} GiB of memory for its weights, and of {budget / 2**30:.1f} GiB that networks "
                         f"may hold too much is in use by what is drawing now ({', '.join(self._loaded)}); wait until it has ended, or "
                         "stop it.")

    def _drop(self, name: str, nets: MutableMapping[NetKey, Net]) -> int:
        loaded = self._loaded.pop(name)
        if all(other.sha256 != loaded.sha256 for other in self._loaded.values()):      # the same weights may be here by two names
            for key in [key for key in nets if key.weights == loaded.sha256]:
                del nets[key]
        held = loaded.bytes
        del loaded
        gc.collect()                         # adapters refer to themselves in places, and a GPU's memory is not the collector's
        from app.device.device import give_back
        give_back()
        return held
