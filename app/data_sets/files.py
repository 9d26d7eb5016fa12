"""The files in a folder or a zip that anybody may have made: what is no plain file inside it is refused with a reason, not followed."""
from __future__ import annotations

import io
import os
import posixpath
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

from app.errors import BadInput
from weights.check.reading import regular, shown, why_not

MAX_FILES = 500_000                # in a folder or a zip
MAX_FILE = 256 * 2**20             # bytes of one
MAX_ZIP = 4 * 2**30                # bytes that a zip may unpack to


@dataclass(frozen=True)
class File:
    """One that may be read; at most one at a time is held in memory."""
    path: str                                # below the folder, with slashes
    content: Callable[[], BinaryIO]          # raises BadInput


@dataclass
class Files:
    """All that lie in a folder or a zip, in order."""
    files: list[File] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)         # (path, reason)

    def add(self, path: str, content: Callable[[], BinaryIO]) -> None:
        """Raises BadInput where there are too many."""
        if len(self.files) == MAX_FILES:
            raise BadInput(f"There are more than {MAX_FILES:,} files; choose a folder with fewer.")
        self.files.append(File(path, content))

    def refuse(self, path: str, reason: str) -> None:
        self.refused.append((shown(path), reason))


@contextmanager
def opened(path: Path) -> Iterator[Files]:
    """The files in a folder or a zip; they can be read inside the block. Raises BadInput for anything else."""
    try:
        folder = _in_folder(path) if path.is_dir() else None
        archive = zipfile.ZipFile(path) if folder is None and regular(path) else None
    except (OSError, ValueError) as error:
        raise BadInput(f"{shown(path)} cannot be read ({why_not(error)}); give a folder of pictures, or a zip.") from error
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise BadInput(f"{shown(path)} is neither a folder nor a zip that can be read ({error}); give one with pictures in it.") from error
    if archive is None:
        yield folder or Files()
        return
    with archive:
        yield _in_zip(archive)


def _in_folder(root: Path) -> Files:
    found, real, waiting = Files(), os.path.realpath(root), [""]
    while waiting:
        folder = waiting.pop()
        try:
            names = sorted(os.listdir(root / folder))
        except OSError as error:
            if not folder:
                raise
            found.refuse(folder, f"The folder could not be looked into ({why_not(error)}).")
            continue
        for name in names:
            path = posixpath.join(folder, name)
            reason = _strange(root / path, real)
            if reason is None:
                waiting.append(path)
            elif reason:
                found.refuse(path, reason)
            else:
                found.add(path, partial(_open, root / path))
    return found


def _strange(path: Path, root: str) -> str | None:
    """Why a path in a folder is not read; "" for a file that is, None for a folder."""
    try:
        linked = path.is_symlink()
        mode = path.stat().st_mode
    except OSError as error:
        return f"It is a link that leads nowhere ({why_not(error)})." if path.is_symlink() else f"It cannot be read ({why_not(error)})."
    if stat.S_ISDIR(mode):
        return "It is a link to a folder, which is not followed; put the folder itself there." if linked else None
    if linked and not os.path.realpath(path).startswith(os.path.join(root, "")):
        return "It is a link that leads outside of the folder; put the file itself there."
    return "" if stat.S_ISREG(mode) else "It is no file, but a pipe, a socket or a device."


def _open(path: Path) -> BinaryIO:
    try:
        if regular(path).st_size > MAX_FILE:
            raise BadInput(_large(path.name))
        return path.open("rb")
    except OSError as error:
        raise BadInput(f"{shown(path.name)} cannot be read ({why_not(error)}).") from error


def _large(name: str) -> str:
    return f"{shown(name)} has more than {MAX_FILE // 2**20} MiB, which no picture needs."


def _in_zip(archive: zipfile.ZipFile) -> Files:
    """What a zip says of a file is judged before it is unpacked, and what comes out again."""
    found, room = Files(), _Room(MAX_ZIP)
    for info in archive.infolist():
        parts = info.filename.replace("\\", "/").split("/")
        if info.filename.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
            found.refuse(info.filename, "Its name in the zip leads outside of it.")
        elif stat.S_ISLNK(info.external_attr >> 16):
            found.refuse(info.filename, "It is a link, which is not followed in a zip.")
        elif not info.is_dir():
            found.add("/".join(part for part in parts if part not in ("", ".")), partial(room.unpacked, archive, info))
    tops = {file.path.partition("/")[0] for file in found.files}
    if len(tops) == 1 and all("/" in file.path for file in found.files):          # the folder that was packed
        found.files = [replace(file, path=file.path.partition("/")[2]) for file in found.files]
    found.files.sort(key=lambda file: file.path)
    return found


@dataclass
class _Room:
    """How many more bytes a zip may unpack to."""
    left: int

    def unpacked(self, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
        """A file of a zip, in memory. Raises BadInput."""
        name, most = posixpath.basename(info.filename), min(MAX_FILE, self.left)
        said = _large(name) if most == MAX_FILE else \
            f"The zip unpacks to more than {MAX_ZIP // 2**30} GiB; unpack it, and give the folder."
        if info.file_size > most:
            raise BadInput(said)
        try:
            with archive.open(info) as file:
                content = file.read(most + 1)
        except (OSError, EOFError, RuntimeError, ValueError, LookupError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
            raise BadInput(f"{shown(name)} cannot be unpacked ({why_not(error)}).") from error
        if len(content) > most:
            raise BadInput(said)
        self.left -= len(content)
        return io.BytesIO(content)
