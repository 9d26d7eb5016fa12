"""Files that are there whole or not at all."""
from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` to be written, which takes its place when the block ends: before that, and if anything goes wrong, what
    was there is there. Raises OSError.
    """
    draft = path.with_name(path.name + ".part")
    try:
        yield draft
        with draft.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink()
        raise
    _settle(path.parent)


def write_whole(path: Path, content: bytes | str) -> None:
    """A file's new content; text is UTF-8. Raises OSError."""
    with replacing(path) as draft:
        draft.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)


def _settle(folder: Path) -> None:
    """Make the system write down which files a folder has, where a folder can be opened for that."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
