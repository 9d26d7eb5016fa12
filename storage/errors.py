"""The exceptions of the storage, and what is said about each cause of a failure."""
from __future__ import annotations

import errno
import shutil
from dataclasses import dataclass
from pathlib import Path


class StorageError(Exception):
    """Something could not be stored or found; the message is one sentence for the user."""


class NoSuchPlace(StorageError):
    """A list cannot go on from where it was asked to."""


class DiskFull(StorageError):
    """There is no room on the disk for what was to be stored; later there may be."""


class NotWritable(StorageError):
    """The folder or the file may be read only."""


class Damaged(StorageError):
    """The database is not as it was written; `reason` says in a few words how that was seen."""
    reason = ""


@dataclass(frozen=True)
class _Cause:
    kind: type[StorageError]
    numbers: frozenset[int]        # of the system's errors
    texts: tuple[str, ...]         # of SQLite's; its codes are told from Python 3.11 on only
    words: str
    advice: str


_CAUSES = (
    _Cause(DiskFull, frozenset({errno.ENOSPC, errno.EDQUOT}), ("disk is full",), "because the disk is full",
           "free space or choose another folder with --data DIR; nothing that was saved before is affected."),
    _Cause(NotWritable, frozenset({errno.EACCES, errno.EPERM, errno.EROFS}), ("readonly", "unable to open"),
           "because the folder is not writable", "make the folder writable or choose another one with --data DIR."),
    _Cause(StorageError, frozenset({errno.EBUSY}), ("is locked",), "because another program holds the database",
           "wait until it is done or close it, then try again."),
    _Cause(StorageError, frozenset(), ("too large to convert", "surrogates not allowed"), "because a value cannot be kept",
           "write Unicode text and whole numbers below 2^63."),
    _Cause(Damaged, frozenset(), ("malformed", "not a database", "no such table", "no such column", "has no column",
                                  "were matched", "can't decode"),
           "because the database is damaged",
           "start the program again: it keeps the damaged file and brings back the latest backup and every picture."),
)
_OTHER = _Cause(StorageError, frozenset(), (), "because of an error",
                "nothing that was saved before is affected; start the program again, and if that does not help, choose another folder "
                "with --data DIR.")
ROOM = 2**20                       # bytes; with less than these SQLite's "disk I/O error" means a full disk


def failure(what: str, error: BaseException, folder: Path) -> StorageError:
    """What is to be raised where `what` ("The picture could not be saved") failed; each cause has its own words and advice."""
    inner = getattr(error, "orig", None) or error
    lines = (getattr(inner, "strerror", None) or str(inner)).splitlines() or [type(inner).__name__]
    number = inner.errno if isinstance(inner, OSError) else None
    cause = next((c for c in _CAUSES if number in c.numbers or (number is None and any(text in lines[0] for text in c.texts))), _OTHER)
    if cause is _OTHER and "disk I/O" in lines[0] and _room(folder) < ROOM:
        cause = _CAUSES[0]
    found = cause.kind(f"{what} {cause.words} ({lines[0]}); {cause.advice}")
    if isinstance(found, Damaged):
        found.reason = lines[0]
    return found


def damaged(path: Path, reason: str) -> Damaged:
    """What is to be raised where a damaged database cannot be exchanged."""
    found = Damaged(f"The database {path} is damaged ({reason}); close the other programs that use this data folder and start again.")
    found.reason = reason
    return found


def _room(folder: Path) -> int:
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return ROOM
