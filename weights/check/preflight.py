"""What a model is and whether it will load, said before any library reads it. Nothing of it is ever run.

`planned` judges a listing, so what is not downloaded yet; `inspected` judges what is on the disk.
"""
from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

from pipelines.hub.about import ADAPTERS
from weights.check.configs import MAX_JSON, check_name, parsed
from weights.check.reading import short, shown, why_not
from weights.check.repository import ARCHIVES, MAX_VOCABULARY, PICKLES, ROOTS, Plan, planned
from weights.check.single_file import recognised
from weights.check.verify import WeightsError, read_header

__all__ = ["Plan", "inspected", "planned"]

MAX_FILES = 20_000
_DTYPES = {"F16": "fp16", "BF16": "bf16", "F32": "fp32", "F64": "mixed", "F8_E4M3": "mixed", "F8_E5M2": "mixed"}


def inspected(path: Path, prefer: str = "fp16") -> Plan:
    """The plan for a local folder or a single .safetensors file; of the weights, every header is read.

    Raises WeightsError with one sentence if it cannot be loaded.
    """
    try:
        path = path.resolve(strict=True)
        if path.is_dir():
            return _folder(path, prefer)
        return _single(path)
    except (OSError, RuntimeError, ValueError) as error:      # absent, unreadable, links in a circle, a NUL in the name
        raise WeightsError(f"{short(path.name)} could not be read ({why_not(error)}); check that {shown(path)[:300]} exists and is "
                           "readable.") from error


def _folder(root: Path, prefer: str) -> Plan:
    """The plan for a folder. All copies of the weights are looked at: which one is read is decided again on the device."""
    top = {path.name: path.stat().st_size for path in root.iterdir() if path.is_file()}
    listing = dict(_files(root)) if ROOTS & top.keys() else top              # what is no model is not searched
    plan, *others = [planned(listing, lambda name: _read(root / name, MAX_JSON), kind) for kind in (prefer, "fp16", "bf16", "fp32")]
    names = dict.fromkeys(name for each in (plan, *others) for name in each.files)
    headers = {name: _header(root / name) for name in names if name.endswith(".safetensors")}
    for name in names:
        if name not in headers:
            _check_text(name, _read(root / name, MAX_VOCABULARY), headers)
    dtype, parameters = _numbers(headers[name] for name in plan.files if name in headers)
    return replace(plan, dtype=dtype, parameters=parameters)


def numbers_in(root: Path, parts: tuple[str, ...]) -> int:
    """How many numbers the weights of some parts of a folder are. Raises WeightsError."""
    names = [name for name in inspected(root).files if name.endswith(".safetensors") and name.split("/")[0] in parts]
    return _numbers(_header(root / name) for name in names)[1]


def _single(path: Path) -> Plan:
    """The plan for a file that holds a whole model."""
    check_name(path.name)
    kind = path.suffix.lower()
    if kind in PICKLES:
        raise WeightsError(f"{short(path.name)} is a pickle, which can run any code when it is read; use the same model as a .safetensors "
                           "file, or convert it on a machine where that does no harm.")
    if kind != ".safetensors" or not path.is_file():
        todo = "unpack it and choose the folder inside" if kind in ARCHIVES else "choose a folder or a .safetensors file"
        raise WeightsError(f"{short(path.name)} is not a model that can be loaded; {todo}.")
    header = _header(path)
    adapter, missing = recognised(path.name, header)
    info, size = ADAPTERS[adapter], path.stat().st_size
    dtype, parameters = _numbers([header])
    return Plan(adapter, info.family, info.title, (path.name,), size, size, dtype, parameters, missing)


def _files(root: Path) -> Iterator[tuple[str, int]]:
    """(name, size) of the files below a folder; hidden folders are passed over. Raises WeightsError."""
    # A snapshot in the cache of huggingface_hub consists of links to the blobs beside it.
    homes = (root, root.parent.parent / "blobs") if root.parent.name == "snapshots" else (root,)
    count = 0
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in folders + names:
            path = Path(folder, name)
            relative = path.relative_to(root).as_posix()
            check_name(relative)
            count += 1
            if count > MAX_FILES:
                raise WeightsError(f"{short(root.name)} has more than {MAX_FILES:,} files, so it is not the folder of one model; choose "
                                   "the folder that holds model_index.json or config.json.")
            if path.is_symlink() and not any(path.resolve().is_relative_to(home) for home in homes):
                raise WeightsError(f"{short(relative)} is a link that leads out of the folder; put the file itself in its place.")
            if name in folders:
                continue
            if not path.is_file():
                raise WeightsError(f"{short(relative)} is not a regular file; remove it from the folder.")
            yield relative, path.stat().st_size


def _check_text(name: str, data: bytes, headers: dict[str, dict[str, Any]]) -> None:
    """A configuration, an index or a vocabulary. Raises WeightsError, also if shards lack tensors that their index expects in them."""
    if not name.endswith(".json"):
        try:
            data.decode("utf-8")
        except ValueError as error:
            raise WeightsError(f"{short(name)} is not text; fetch it again, or use another copy of this model.") from error
        return
    content = parsed(name, data, MAX_VOCABULARY)
    folder = name.rpartition("/")[0]
    for tensor, file in content["weight_map"].items() if ".safetensors.index." in name else ():
        if tensor not in headers[f"{folder}/{file}" if folder else file]:
            raise WeightsError(f"{short(file)} does not hold the tensor {short(tensor)} that {short(name)} expects; fetch both again.")


def _header(path: Path) -> dict[str, Any]:
    """The tensors of a file of weights. Raises WeightsError."""
    if _read(path, 40).startswith(b"version https://git-lfs"):
        raise WeightsError(f"{short(path.name)} is only the pointer that git keeps in place of a large file; run `git lfs pull` in its "
                           "folder.")
    header, _ = read_header(path)
    if not header:
        raise WeightsError(f"{short(path.name)} holds no tensors; fetch it again.")
    return header


def _numbers(headers: Iterable[dict[str, Any]]) -> tuple[str, int]:
    """(what the weights are kept in, how many numbers they are); a dtype of less than a hundredth of them does not count."""
    counts: dict[str, int] = {}
    for header in headers:
        for entry in header.values():
            if entry["dtype"] in _DTYPES:
                counts[_DTYPES[entry["dtype"]]] = counts.get(_DTYPES[entry["dtype"]], 0) + prod(entry["shape"])
    total = sum(counts.values())
    main = [dtype for dtype, count in counts.items() if 100 * count >= total]
    return (main[0] if len(main) == 1 else "mixed"), total


def _read(path: Path, limit: int) -> bytes:
    """The file, or one byte more than the limit of it."""
    with path.open("rb") as file:
        return file.read(limit + 1)
