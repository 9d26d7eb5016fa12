"""Checks before a weights file is read: the header's shape, then the checksum. Only safetensors, by content."""
from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from weights.check.reading import regular, short, shown, why_not

MAX_HEADER = 16 * 2**20            # bytes
MAX_TENSORS = 50_000
MAX_SIDES, MAX_SIDE = 64, 2**48    # of a tensor: more of them no library takes, and no file has room for a longer one
BLOCK = 2**22                      # bytes that are looked at together
_SIZES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2, "U16": 2,
          "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}
# The bits that are all set in a NaN or an infinity and in no number: the exponent's, of E4M3 all but the sign.
_NO_NUMBER = {"F64": 0x7FF << 52, "F32": 0xFF << 23, "BF16": 0xFF << 7, "F16": 0x1F << 10, "F8_E5M2": 0x1F << 2, "F8_E4M3": 0x7F}
# A mask of minus infinity that OpenCLIP keeps beside its text encoder's weights.
_MASK = "attn_mask"


class WeightsError(Exception):
    """Weights that cannot be used; the message is one sentence for the user."""


def read_header(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """(tensors: name -> {dtype, shape, data_offsets}, metadata) of a safetensors file, checked against its size.

    Raises WeightsError for anything that is not a complete, well-formed safetensors file.
    """
    def refuse(why: str) -> WeightsError:
        return WeightsError(f"{shown(path.name)} cannot be loaded because {why}; only complete safetensors files are accepted, "
                            "so fetch it again (bundled files: by `git checkout weights/bundled`, or a new installation).")
    try:
        size = regular(path).st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > MAX_HEADER or 8 + length > size:
                raise refuse("it does not begin with a header of a possible length")
            header = json.loads(file.read(length))
    except OSError as error:
        raise WeightsError(f"{shown(path.name)} could not be read ({why_not(error)}); check that {shown(path)} exists and is "
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
            raise refuse(f"the entry of tensor {short(name)} is not consistent")
        end += count
    if 8 + length + end != size:
        raise refuse(f"it has {size:,} bytes where its header describes {8 + length + end:,}")
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise refuse("its metadata is not a table of texts")
    return header, metadata


def _start(entry: Any) -> int:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    whole = isinstance(offsets, list) and len(offsets) == 2 and all(type(offset) is int for offset in offsets)
    return offsets[0] if whole else -1                        # type: ignore[index]


def _bytes(entry: Any) -> int | None:
    """How many bytes an entry must span, None if it is malformed."""
    if _start(entry) < 0:
        return None
    dtype, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(dtype, str) or dtype not in _SIZES or not isinstance(shape, list) or len(shape) > MAX_SIDES:
        return None
    count = _SIZES[dtype]
    for side in shape:
        if type(side) is not int or not 0 <= side <= MAX_SIDE:
            return None
        count *= side
    return count


def check_numbers(path: Path) -> None:
    """Look at every floating-point value of a safetensors file, a block at a time.

    Raises WeightsError if some are NaN or infinite, and for a file that is none.
    """
    import numpy as np
    tensors, _ = read_header(path)
    count, first = 0, ""
    with path.open("rb") as file:
        begin = 8 + int.from_bytes(file.read(8), "little")
        for name, entry in tensors.items():
            bits = _NO_NUMBER.get(entry["dtype"])
            if bits is None or name.rpartition(".")[2] == _MASK:
                continue
            start, end = entry["data_offsets"]
            file.seek(begin + start)
            for left in range(end - start, 0, -BLOCK):
                values = np.frombuffer(file.read(min(BLOCK, left)), f"<u{_SIZES[entry['dtype']]}")
                found = int(np.count_nonzero((values & values.dtype.type(bits)) == bits))
                count, first = count + found, first or name * bool(found)
    if count:
        many = f"{count:,} values that are no numbers" if count > 1 else "1 value that is no number"
        raise WeightsError(f"{shown(path.name)} holds {many} (NaN or infinite), the first of them in its tensor {short(first)}, so what "
                           "it draws is none either; use an earlier copy of it, or train or fetch it again.")


def sha256(path: Path) -> str:
    """Checksum of a file, which is the identity of the weights in it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(2**20):
        digest.update(block)
    return digest.hexdigest()
