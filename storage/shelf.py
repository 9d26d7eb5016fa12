"""Files that belong to pictures but are no pictures of the gallery: recorded processes, and pictures that edits start from."""
from __future__ import annotations

import re
from pathlib import Path

from storage import files
from storage.errors import StorageError, failure


class Shelf:
    """Files of one kind by name, hexadecimal digits. Every method raises StorageError with one sentence."""

    def __init__(self, folder: Path, ending: str) -> None:
        self._folder, self._ending = folder, ending

    def put(self, name: str, data: bytes) -> None:
        """Store or replace; after return the file survives a power cut."""
        path = self._path(name)
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
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        if not re.fullmatch(r"[0-9a-f]{8,64}", name):
            raise StorageError(f"{name[:80]!r} is not a name of a stored file; names are hexadecimal digits.")
        return self._folder / name[:2] / f"{name}{self._ending}"
