"""Files that belong to pictures but are no pictures of the gallery: recorded processes, and pictures that edits start from."""
from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from storage import files
from storage.errors import StorageError, failure


class FileStore:
    """Files of one kind by name, letters and digits. Every method raises StorageError with one sentence."""

    def __init__(self, folder: Path, ending: str, may_write: Callable[[], None] = lambda: None) -> None:
        """may_write: raises StorageError while nothing may be changed."""
        self._folder, self._ending, self._may_write = folder, ending, may_write

    def put(self, name: str, data: bytes) -> None:
        """Store or replace; after return the file survives a power cut."""
        path = self._path(name)
        self._may_write()
        try:
            files.write(path, data)
        except OSError as error:
            raise failure(f"{path.name} could not be saved", error, self._folder) from error

    def get(self, name: str) -> bytes:
        path = self._path(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise StorageError(f"The file {path.name} is not in {self._folder}; it was never kept or is gone.") from error

    def has(self, name: str) -> bool:
        return self._path(name).is_file()

    def drop(self, name: str) -> None:
        """Remove for good, if it is there."""
        with suppress(OSError, StorageError):                                # not there, or left over: it costs room and nothing else
            self._path(name).unlink()

    def _path(self, name: str) -> Path:
        if not re.fullmatch(r"[0-9A-Za-z]{2,64}", name):
            raise StorageError(f"{name[:80]!r} is not a name of a stored file; names are letters and digits.")
        return self._folder / name[:2] / f"{name}{self._ending}"
