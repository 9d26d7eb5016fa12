"""The device that networks run on: its engine, and what it has in memory."""
from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from app.device.model_cache import SHARE, Loaded, ModelCache
from weights.catalog import Entry

if TYPE_CHECKING:
    from torch import device as Device

    from pipelines.engine import Engine


class Machine:
    """Made without torch; the engine starts at the first need of it.

    find: the entry of a name; needed: the models of unfinished jobs, which stay in
    memory; loaded: is told of a network that was read just now.
    """

    def __init__(self, find: Callable[[str], Entry], needed: Callable[[], set[str]], loaded: Callable[[str, Loaded], None]) -> None:
        self._find, self._needed, self._loaded = find, needed, loaded
        self._starting = threading.Lock()
        self._engine: Engine | None = None
        self.cache = ModelCache()

    @property
    def engine(self) -> Engine:
        with self._starting:
            if self._engine is None:
                from app.device.device import choose_device, threads
                from pipelines.engine import Engine
                self._engine = Engine({}, choose_device(), cores=threads())
            return self._engine

    @property
    def device(self) -> Device:
        return self.engine.device

    def load(self, name: str, stop: Callable[[], bool] = lambda: False) -> Loaded:
        """The network of a name, loaded and known to the engine. Raises WeightsError and UserError, also if it is to stop."""
        there = self.cache.get(name)
        if there is not None:
            return there
        entry = self._find(name)
        found, fresh = self.cache.load(entry, self.engine.nets, self.device, self._needed, stop)
        if fresh:
            self._loaded(name, found)
        return found

    def unload(self, name: str) -> int:
        """Take a model out of memory; the bytes that its weights held."""
        return self.cache.unload(name, self.engine.nets, self._needed())

    def room(self) -> tuple[str, int, int]:
        """(kind of device, bytes of memory that networks may hold, bytes that nobody holds now)."""
        from app.device.device import free_bytes, memory_bytes
        return self.device.type, int(SHARE * memory_bytes(self.device)), free_bytes(self.device)

    def held_bytes(self) -> int:
        """What the device holds for this process: memory of the GPU, else of the process."""
        from app.device.device import held_bytes
        return held_bytes(self.device)

    def environment(self) -> dict[str, str]:
        """Device and versions, stored with every picture."""
        from app.device.device import environment
        return environment(self.device)

    def described(self) -> str:
        """The device for people, which is not waited for."""
        if self._engine is None:
            return "starting"
        from app.device.device import describe
        return describe(self._engine.device)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
