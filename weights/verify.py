"""Checks before a weights file is read: the header's shape, then the checksum. Only safetensors, by content."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

MAX_HEADER = 16 * 2**20            # bytes
MAX_TENSORS = 50_000
_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
          "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}


class WeightsError(Exception):
    """Weights that cannot be used; the message is one sentence for the user."""


def read_header(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(tensors: name -> {dtype, shape, data_offsets}, metadata) of a safetensors file, checked against its size.

    Raises WeightsError for anything that is not a complete, well-formed safetensors file.
    """
    def refuse(why: str) -> WeightsError:
        return WeightsError(f"{path.name} cannot be loaded because {why}; only complete safetensors files are accepted, "
                            "so fetch it again (bundled files: `git checkout weights/bundled`).")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > MAX_HEADER or 8 + length > size:
                raise refuse("it does not begin with a header of a possible length")
            header = json.loads(file.read(length))
    except OSError as error:
        raise WeightsError(f"{path.name} could not be read ({error.strerror}); check that {path} exists and is "
                           "readable.") from error
    except (ValueError, RecursionError) as error:
        raise refuse("its header is not JSON") from error
    if not isinstance(header, dict) or len(header) > MAX_TENSORS:
        raise refuse("its header is not a table of at most 50,000 tensors")
    metadata = header.pop("__metadata__", {})
    end = 0
    for name, entry in sorted(header.items(), key=lambda pair: _start(pair[1])):
        count = _bytes(entry)
        if count is None or entry["data_offsets"] != [end, end + count]:
            raise refuse(f"the entry of tensor {name[:80]!r} is not consistent")
        end += count
    if 8 + length + end != size:
        raise refuse(f"it has {size:,} bytes where its header describes {8 + length + end:,}")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise refuse("its metadata is not a table of texts")
    return header, metadata


def _start(entry: Any) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return offsets[0] if isinstance(offsets, list) and offsets and isinstance(offsets[0], int) else -1


def _bytes(entry: Any) -> int | None:
    """How many bytes an entry must span, None if it is malformed."""
    if _start(entry) < 0 or entry.get("dtype") not in _SIZES or not isinstance(entry.get("shape"), list):
        return None
    count = _SIZES[entry["dtype"]]
    for side in entry["shape"]:
        if not isinstance(side, int) or side < 0:
            return None
        count *= side
    return count


def sha256(path: Path) -> str:
    """Checksum of a file, which is the identity of the weights in it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()
