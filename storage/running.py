"""Which runs are under way, whichever process draws them: a lock file each, freed by the system when its process dies, however it dies."""
from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from storage.lock import take, wait_for


class Running:
    """Jobs and grids by their ids."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, IO[str]] = {}
        self._mine = threading.Lock()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One look at a time, of all processes: a look takes the lock that it looks at for a moment."""
        with self._mine, (self._folder / ".lock").open("a+") as gate:
            wait_for(gate)
            yield

    def claim(self, name: str) -> IO[str] | None:
        """Begin a run of this process: its lock; None if one is under way. Raises OSError where the folder cannot be written."""
        self._folder.mkdir(exist_ok=True)
        with self._alone():
            file = self._taken(name)
            if file is not None:
                self._held[name] = file
            return file

    def alive(self, name: str) -> bool:
        """Whether a run is under way, in this process or another; where nobody can look, it is believed."""
        if name in self._held:
            return True
        try:
            if not name.isalnum() or not self._file(name).exists():
                return False
            with self._alone():
                file = self._taken(name)
                if file is not None:
                    self._drop(name, file)
                return file is None
        except OSError:
            return True

    def release(self, name: str, lock: IO[str] | None = None) -> None:
        """A run of this process has ended; nothing happens if there is none. lock: if it is still that run."""
        if name not in self._held or lock not in (None, self._held[name]):
            return
        file = self._held.pop(name)
        try:
            with self._alone():
                self._drop(name, file)
        except OSError:
            file.close()                                 # what is left is removed by the next who looks

    def close(self) -> None:
        for name in list(self._held):
            self.release(name)

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _taken(self, name: str) -> IO[str] | None:
        """The lock of a run; None if somebody has it."""
        file = self._file(name).open("a+")
        if take(file):
            return file
        file.close()
        return None

    def _drop(self, name: str, file: IO[str]) -> None:
        """Nobody else has it open, since everybody looks alone."""
        file.close()                                     # before it is removed, for the sake of Windows
        self._file(name).unlink(missing_ok=True)
