"""Picture files: written so that a crash leaves either the whole picture or none, and read with suspicion."""
from __future__ import annotations

import io
import json
import os
import struct
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage.errors import StorageError

KEY = "playground"                 # the text chunk with the settings
MAX_BYTES = 32 * 2**20
MAX_PIXELS = 40_000_000
MAX_CHUNKS = 64
MAX_TEXT = 256 * 1024
FIELDS = frozenset({"family", "model_sha256", "model_name", "prompt", "negative_prompt", "sampler", "steps", "guidance",
                    "seed", "nfe", "seconds", "options", "job_id", "cell_id", "environment"})
REQUIRED = FIELDS - {"job_id", "cell_id", "environment"}


def encode(pixels: np.ndarray, settings: dict[str, Any]) -> bytes:
    """(H, W, 3) uint8 as a PNG that carries its settings."""
    info = PngInfo()
    info.add_itxt(KEY, json.dumps(settings))
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def write(path: Path, data: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folder: after return the file survives a power cut."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.parent / f".{uuid.uuid4().hex}.part"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    if os.name != "nt":                               # Windows cannot open a folder to sync it
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a picture of ours. Raises StorageError, and nothing else, for any other file."""
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BYTES else b""
        _check_chunks(data)
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError("too large")
            image.load()
            settings = json.loads(image.info[KEY])
        if not isinstance(settings, dict) or not REQUIRED <= set(settings) <= FIELDS:
            raise ValueError("other keys")
        return settings
    except (OSError, ValueError, KeyError, TypeError, SyntaxError, RecursionError, struct.error,
            Image.DecompressionBombError) as error:
        raise StorageError(f"{path.name} is not a picture of this program or is damaged; choose a PNG that it "
                           "saved.") from error


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
