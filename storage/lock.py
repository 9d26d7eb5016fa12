"""Locks on files, which the system frees when their process dies, however it dies."""
from __future__ import annotations

import os
from pathlib import Path
from typing import IO


def take(file: IO[str]) -> bool:
    """Lock an open file for as long as it is open; False if it is locked elsewhere, in this process or another."""
    try:
        if os.name == "nt":
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)           # type: ignore[attr-defined, unused-ignore]
        else:
            import fcntl
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except OSError:
        return False


def wait_for(file: IO[str]) -> None:
    """Lock an open file as soon as nobody else does."""
    if os.name == "nt":
        import msvcrt
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)                # type: ignore[attr-defined, unused-ignore]
    else:
        import fcntl
        fcntl.flock(file, fcntl.LOCK_EX)


class FolderLock:
    """Who has a data folder open: only the first one may tidy it up, since a save of another looks like debris.

    Held while a storage is open.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None
        self.first = False                   # no other process has the folder open

    def take(self) -> None:
        """Raises OSError where the folder cannot be written."""
        if self._file is None:
            self._file = (self._folder / ".lock").open("a+")
            self.first = take(self._file)
            if not self.first:
                self.share()                 # waits until the first one has migrated and tidied

    def share(self) -> None:
        """The tidying is done: from now on others may open the folder too, but not tidy it."""
        if self._file is not None and os.name != "nt":       # Windows: the first one keeps its lock, the others go without one
            import fcntl
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
