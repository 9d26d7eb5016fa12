"""Files that are there whole or not at all, and what reading others may raise."""
from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# What Python raises over foreign data of another kind than expected, where it is used without a look at every value.
MISREAD = (OSError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError)


@contextmanager
def replacing(path: Path, draft: Path | None = None) -> Iterator[Path]:
    """A draft beside `path` to be written, which takes its place when the block ends: before that, and if anything goes wrong, what
    was there is there. draft: where it is, if several may write at once. Raises OSError.
    """
    draft = draft or path.with_name(path.name + ".part")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException as error:
        with suppress(OSError):
            draft.unlink()
        if isinstance(error, OSError) and error.filename is None:
            error.filename = str(path)                             # a disk that is full does not say where
        raise
    settle(path.parent)


def write_whole(path: Path, content: bytes | str) -> None:
    """A file's new content; text is UTF-8. Raises OSError."""
    with replacing(path) as draft:
        draft.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def settle(folder: Path) -> None:
    """Make the system write down which files a folder has, where a folder can be opened for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def unwritten(error: OSError) -> tuple[str, str]:
    """(why a file could not be written, what to do): "the disk is full", "free space"."""
    known = {errno.ENOSPC: ("the disk is full", "free space"), errno.EDQUOT: ("your share of the disk is full", "free space"),
             errno.EFBIG: ("files may not become so large here", "raise that limit"), errno.EROFS: ("it is read-only", "make it writable"),
             errno.EACCES: ("it is not writable", "make it so"), errno.EPERM: ("it is not writable", "make it so")}
    return known.get(error.errno or 0, (error.strerror or str(error), "check the folder and the disk"))
