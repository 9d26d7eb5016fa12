"""Data sets of the user's own in the data folder: made whole or not at all, never changed, listed beside those that ship."""
from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from app.data_sets.reading import Found, read
from app.errors import BadInput, UserError
from app.paths import Paths
from app.whole import trouble
from pipelines.data import FOLDERS, KEPT, NAMES, PLAIN, dataset, names, own, there
from pipelines.data.contract import DataSetError
from pipelines.files import settle
from weights.check.reading import short, shown

Progress = Callable[[int, int], None]


def make(paths: Paths, name: str, path: Path, size: Any, progress: Progress) -> dict[str, Any]:
    """Read a folder or a zip into a set of this name; what was found in it. Raises BadInput and UserError."""
    if not PLAIN.fullmatch(name):
        raise BadInput(f"{short(name)} is no name for a data set; use up to 40 small letters, digits, - and _, a letter or digit first.")
    if there(name):
        raise BadInput(f"There is a data set {name} already, and none is changed; choose another name.")
    found = _usable(path, size, progress)
    return {"name": name} | found.report() | {"path": str(_keep(paths, found, name, path, _digest(found)))}


def made_of(paths: Paths, path: Path, size: Any, progress: Progress) -> str:
    """The name of the set of what is in a folder or a zip now: one that was made of the same before, or a new one that goes by the
    folder's name. Raises BadInput and UserError."""
    found = _usable(path, size, progress)
    digest = _digest(found)
    for name, said in _own(paths):
        if said["digest"] == digest:
            return name
    stem = re.sub("[^a-z0-9]+", "-", path.resolve().stem.lower()).strip("-")[:30] or "pictures"
    name = next(name for name in (stem, *(f"{stem}-{k}" for k in range(2, 10**6))) if not there(name))
    _keep(paths, found, name, path, digest)
    return name


def is_of(name: str, path: Path) -> bool:
    """Whether a set was made of what lies at a path."""
    return any(own.said_in(folder / name / KEPT)["from"] == str(path.resolve()) for folder in FOLDERS if (folder / name / KEPT).is_file())


def listing() -> list[dict[str, Any]]:
    """All data sets; of one that cannot be used the problem."""
    return [_line(name) for name in names()]


def _line(name: str) -> dict[str, Any]:
    line: dict[str, Any] = {"name": name, "own": name not in NAMES, "here": False, "problem": None}
    try:
        data = dataset(name)
        counts = [*data.splits.values()]
        line |= {"pictures": "endless" if None in counts else sum(filter(None, counts)), "size": data.size, "channels": data.channels,
                 "source": data.source}
        data.picture(data.item("train", 0, 0, None), data.size)
    except DataSetError as error:
        return line | {"problem": str(error)}
    return line | {"here": True}


def _usable(path: Path, size: Any, progress: Progress) -> Found:
    found = read(path, size, progress)
    if not found.pictures:
        why = f": {found.rejected[0][0]}: {found.rejected[0][1]}" if found.rejected else "."
        raise BadInput(f"No picture in {shown(path)} can be used, of {len(found.rejected)} files{why}")
    return found


def _digest(found: Found) -> str:
    """Of all that a set is made of."""
    digest = hashlib.sha256(f"{found.size} {found.channels} {found.classes}".encode())
    for picture in found.pictures:
        digest.update(f"\n{picture.digest} {picture.caption}".encode())
    return digest.hexdigest()


def _own(paths: Paths) -> Iterator[tuple[str, dict[str, Any]]]:
    """The user's own sets that are sound, by name, with what is said of them."""
    for name in names():
        path = paths.data_sets / name / KEPT
        if name not in NAMES:
            try:
                yield name, own.said_in(path)
            except DataSetError:
                continue


def _keep(paths: Paths, found: Found, name: str, path: Path, digest: str) -> Path:
    """The folder of a new set. Raises UserError, after which nothing of it is there."""
    pictures = np.stack([picture.pixels[..., :found.channels] for picture in found.pictures])
    said = {"about": shown(path.resolve().name), "from": str(path.resolve()), "digest": digest}
    with _drafted(paths.data_sets, name) as draft:
        own.write(draft, name, pictures, [picture.caption for picture in found.pictures],
                  [picture.digest for picture in found.pictures], found.classes, said)
    return paths.data_sets / name


@contextmanager
def _drafted(folder: Path, name: str) -> Iterator[Path]:
    """An empty folder, which becomes that of a set when the block ends; one process at a time makes a set."""
    from filelock import FileLock, Timeout
    draft, target = folder / ".part", folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock", timeout=60):
            shutil.rmtree(draft, ignore_errors=True)               # of one that was killed
            draft.mkdir()
            try:
                yield draft
                os.rename(draft, target)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
        settle(folder)
    except Timeout:
        raise UserError("Another process is making a data set; try again when it has ended.") from None
    except OSError as error:
        raise trouble(target, error, "choose another --data folder, or another name") from error
