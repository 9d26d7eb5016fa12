"""The networks that are in memory, within a budget."""
from __future__ import annotations

import gc
import threading
from collections.abc import MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.views import UserError
from pipelines import registry
from weights.catalog import Entry

if TYPE_CHECKING:
    from torch import device as Device
    from torch import nn

    from pipelines.protocol import Net, NetKey
    from pipelines.registry import Drawing

RESIDENT = 4                       # networks of this project that stay in memory; pretrained ones stay while the budget allows
SHARE = 0.7                        # of the device's memory that networks may hold; the rest is for what they calculate with


@dataclass(frozen=True)
class Loaded:
    """A network in memory."""
    sha256: str
    net: nn.Module
    entry: Entry
    bytes: int

    @property
    def size(self) -> int:
        """Side of the pictures that the network knows."""
        net: Any = self.net
        return net.size if self.entry.adapter else net.config.size

    @property
    def drawing(self) -> Drawing:
        return registry.drawing(self.entry.metadata["family"], self.entry.adapter)


def needed_bytes(entry: Entry, device_type: str) -> int:
    """What a network's weights will hold: two bytes a number on a GPU for a pretrained one, else four."""
    return entry.parameters * (2 if entry.adapter and device_type == "cuda" else 4)


class Residents:
    """Networks by name; the one used longest ago makes room first."""

    def __init__(self) -> None:
        self._loaded: dict[str, Loaded] = {}
        self._lock = threading.Lock()

    def names(self) -> list[str]:
        return list(self._loaded)

    def bytes(self) -> dict[str, int]:
        """What each network's weights hold."""
        return {name: loaded.bytes for name, loaded in list(self._loaded.items())}

    def load(self, entry: Entry, nets: MutableMapping[NetKey, Net], device: Device, needed: set[str]) -> tuple[Loaded, bool]:
        """(the network of an entry, whether it was read just now); its methods are put into `nets`.

        Networks that are `needed` by unfinished jobs stay. Raises WeightsError, and UserError where memory is too small.
        """
        from app.device import memory_bytes
        from pipelines.precision import keyed
        from weights.load import load
        with self._lock:
            fresh = entry.name not in self._loaded
            if fresh:
                self._make_room(entry, nets, needed, int(SHARE * memory_bytes(device)), device.type)
                digest, net = load(entry, device)
                held = sum(z.nbytes for z in (*net.parameters(), *net.buffers()))
                self._loaded[entry.name] = loaded = Loaded(digest, net, entry, held)
                methods, memory = loaded.drawing.methods, loaded.drawing.memory(net)
                nets.update(keyed(digest, net, methods, device, memory, own_dtype=bool(entry.adapter)))
            self._loaded[entry.name] = self._loaded.pop(entry.name)            # the latest stands last
            return self._loaded[entry.name], fresh

    def unload(self, name: str, nets: MutableMapping[NetKey, Net], needed: set[str]) -> int:
        """Take a network out of memory; the bytes that its weights held, 0 if it was not there. Raises UserError while a job uses it."""
        with self._lock:
            if name not in self._loaded:
                return 0
            if name in needed:
                raise UserError(f"{name} is drawing at this moment; stop that, or wait for it, then unload the model.")
            return self._drop(name, nets)

    def _make_room(self, entry: Entry, nets: MutableMapping[NetKey, Net], needed: set[str], budget: int, device_type: str) -> None:
        wanted = needed_bytes(entry, device_type)
        if wanted > budget:
            raise UserError(f"{entry.name} needs {wanted / 2**30:.1f} GiB of memory for its weights, and {budget / 2**30:.1f} GiB are "
                            "there for networks on this device; choose a smaller model or a device with more memory.")
        for name in [name for name in self._loaded if name not in needed]:
            own = sum(not loaded.entry.adapter for loaded in self._loaded.values())
            crowded = not entry.adapter and own >= RESIDENT and not self._loaded[name].entry.adapter
            if crowded or sum(self.bytes().values()) + wanted > budget:
                self._drop(name, nets)

    def _drop(self, name: str, nets: MutableMapping[NetKey, Net]) -> int:
        loaded = self._loaded.pop(name)
        for key in [key for key in nets if key.weights == loaded.sha256]:
            del nets[key]
        held = loaded.bytes
        del loaded
        gc.collect()                         # adapters refer to themselves in places, and a GPU's memory is not the collector's
        from app.device import give_back
        give_back()
        return held
