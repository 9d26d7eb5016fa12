"""Where pictures of the users' disks lie: a folder of the server's own, which leaves with it."""
from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX, OWNER = "sextant-", "owner"
YOUNG = 60.0                       # seconds in which a folder may still be without its owner's lock
TOTAL = 512 << 20                  # bytes of all uploads together


class Uploads:
    """A private folder (mode 0700), limited in all; what servers left that were killed is removed."""

    def __init__(self, total: int = TOTAL) -> None:
        remove_left_over()
        self.total, self.coming = total, 0
        self._root = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        self._lock = FileLock(self._root / OWNER)          # the system frees it when this process dies, however it dies
        self._lock.acquire()
        self.folder = self._root / "files"
        self.folder.mkdir()

    def room(self) -> int:
        """Bytes that may still be uploaded, beside those that are on their way."""
        sizes = (entry.stat(follow_symlinks=False).st_size for entry in _files(self.folder))
        return self.total - self.coming - sum(sizes)

    def close(self) -> None:
        self._lock.release()
        shutil.rmtree(self._root, ignore_errors=True)


def _files(folder: Path) -> list[os.DirEntry[str]]:
    """All files below a folder."""
    found: list[os.DirEntry[str]] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found += _files(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else [entry]
    return found


def remove_left_over() -> None:
    """Remove the folders of this user's servers that are gone."""
    for root in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            about = root.lstat()
            others = hasattr(os, "getuid") and about.st_uid != os.getuid()
            if others or root.is_symlink() or not (root / OWNER).is_file() or time.time() - about.st_mtime < YOUNG:
                continue
            lock = FileLock(root / OWNER)
            lock.acquire(timeout=0)
        except (Timeout, OSError):
            continue
        lock.release()
        shutil.rmtree(root, ignore_errors=True)
