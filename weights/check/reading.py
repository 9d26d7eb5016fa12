"""Reading what may be anything: a folder of the user's may hold pipes, links in a circle, names and files that are no text."""
from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

MAX_TEXT = 8 * 2**20               # bytes of a card or a list


def short(value: Any) -> str:
    """A foreign value for a sentence: quoted, escaped, cut."""
    return repr(value[:80] if isinstance(value, str) else value)[:90]


def shown(name: Any) -> str:
    """A file's name or path for a sentence or a list: as it is, or escaped where it could not be printed."""
    return str(name) if str(name).isprintable() else repr(str(name))[1:-1]


def regular(path: Path) -> os.stat_result:
    """What the system says of a file. Raises OSError, also for what is no file: to open a pipe could wait for ever."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    return found


def small_file(path: Path, limit: int = MAX_TEXT) -> bytes:
    """The content of a file. Raises OSError, also if it is larger than any of its kind."""
    if regular(path).st_size > limit:
        raise OSError(errno.EFBIG, f"it has more than {limit // 2**20} MiB", str(path))
    return path.read_bytes()


def inside(folder: Path) -> list[Path]:
    """What lies in a folder, by name; nothing where there is no folder. Raises OSError for one that cannot be looked into."""
    try:
        return sorted(folder / name for name in os.listdir(os.path.join(folder, ".")))       # which needs leave to go in, too
    except FileNotFoundError:
        if os.path.islink(folder):
            raise
        return []


def why_not(error: BaseException) -> str:
    """What an error says of itself, for the middle of a sentence."""
    return getattr(error, "strerror", None) or f"{type(error).__name__}: {short(str(error))}"
