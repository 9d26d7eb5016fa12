"""Who has a data folder open: only the first one may tidy it up, since a save of another looks like debris."""
from __future__ import annotations

import os
from pathlib import Path


class FolderLock:
    """Held while a storage is open; freed by the system when its process dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._file = (folder / ".lock").open("a+")
        self.first = self._try()   # no other process has the folder open
        if not self.first:
            self.share()           # waits until the first one has migrated and tidied

    def _try(self) -> bool:
        try:
            if os.name == "nt":
                import msvcrt
                msvcrt.locking(self._file.fileno(), msvcrt.LK_NBLCK, 1)     # type: ignore[attr-defined, unused-ignore]
            else:
                import fcntl
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            return False

    def share(self) -> None:
        """The tidying is done: from now on others may open the folder too, but not tidy it."""
        if os.name != "nt":        # Windows: the first one keeps its lock, the others go without one
            import fcntl
            fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        self._file.close()
