"""Picture files: written so that a crash leaves either the whole picture or none, and read with suspicion."""
from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import struct
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.errors import StorageError
from storage.records import ASKED, FACTS, OPTIONAL, FileFacts, columns_of
from storage.soundness import wrong
from storage.tables import Image as Row

KEY = "playground"                 # the text chunk with the settings
MAX_BYTES = 32 * 2**20
MAX_PIXELS = 40_000_000
MAX_CHUNKS = 64
MAX_TEXT = 256 * 1024
FIELDS = frozenset({*ASKED.values(), *FACTS, "request"})
REQUIRED = FIELDS.difference(OPTIONAL)


def encode(pixels: np.ndarray, settings: dict[str, Any]) -> bytes:
    """(H, W, 3) uint8 as a PNG that carries its settings."""
    info = PngInfo()
    info.add_itxt(KEY, json.dumps(settings))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


@contextmanager
def replacing(path: Path, durable: bool = True) -> Iterator[Path]:
    """A draft beside `path` to be written, which takes its place when the block ends: before that, and if anything goes wrong, what was
    there is there. It and its name are then on the disk and survive a power cut, if they are to be durable."""
    draft = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        yield draft
        if durable:
            with draft.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(draft, path)
    except BaseException:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
        raise
    if durable and os.name != "nt":                   # Windows cannot open a folder to sync it
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write(path: Path, data: bytes, durable: bool = True) -> None:
    """A file's new content, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, durable) as draft, draft.open("xb") as file:
        file.write(data)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a picture of ours. Raises StorageError, and nothing else, for any other file."""
    return inspect(path)[0]


def inspect(path: Path) -> tuple[dict[str, Any], FileFacts]:
    """(settings, facts of the file) of a picture of ours. Raises StorageError, and nothing else, for any other file."""
    try:
        data = read(path)
        _check_chunks(data)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("it has too many pixels")
            image.load()
            if KEY not in image.info:
                raise ValueError("it carries no settings")
            settings = json.loads(image.info[KEY])
            found = facts(data, image.width, image.height)
        if not isinstance(settings, dict) or not REQUIRED <= set(columns := columns_of(settings)) <= FIELDS:
            raise ValueError("its settings are not those of a picture")
        if reason := wrong(Row.__table__, columns):                                                # type: ignore[arg-type]
            raise ValueError(reason)
        return settings, found
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, RecursionError, struct.error,
            Image.DecompressionBombError) as error:
        name = path.name.encode("utf-8", "backslashreplace").decode()
        raise StorageError(f"{name} is not a picture of this program or is damaged ({error}); choose a PNG that it saved.") from error


def facts(data: bytes, width: int, height: int) -> FileFacts:
    """What is noted of a file, so that it is known again."""
    return FileFacts(width, height, len(data), hashlib.sha256(data).hexdigest())


def read(path: Path) -> bytes:
    """A file of at most MAX_BYTES. Raises OSError or ValueError; never waits, as reading a pipe would."""
    about = path.stat()
    if not stat.S_ISREG(about.st_mode):
        raise ValueError("it is no file")
    if about.st_size > MAX_BYTES:
        raise ValueError("it is too large")
    return path.read_bytes()


def _check_chunks(data: bytes) -> None:
    """Raise ValueError unless the text chunks are few and small, before anything decodes them."""
    if data[:8] != b"\x89PNG\r\n\x1a\n":
        raise ValueError("not a PNG")
    position, texts = 8, 0
    while position + 8 <= len(data):
        length, kind = struct.unpack(">I4s", data[position:position + 8])
        if kind in (b"tEXt", b"zTXt", b"iTXt"):
            texts += 1
            if texts > MAX_CHUNKS or length > MAX_TEXT:
                raise ValueError("too much text")
        position += 12 + length
