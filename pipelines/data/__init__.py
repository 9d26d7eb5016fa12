"""The data sets. One folder and one line here, and models of every family can be trained on a set, drawn with, judged and compared."""
from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.data.contract import DataSet

NAMES = ("shapes", "faces", "pixels", "fashion", "digits")
FOLDERS: list[Path] = []           # of the user, in which own sets lie and the pictures of those that do not ship, each by its name
DEFAULT = "shapes"                 # where none is named, and of weights that do not say what they learnt from


PLAIN = re.compile("[a-z0-9][a-z0-9_-]{0,39}")         # names of the user's own sets
KEPT = "set.json"                  # what lies in the folder of each of those, see pipelines/data/own.py


def there(name: Any) -> bool:
    """Whether there is a data set of a name, one that ships or one of the user's own."""
    return name in NAMES or _kept(name) is not None


def names() -> tuple[str, ...]:
    """All data sets: those that ship in their order, then the user's own."""
    own = {path.parent.name for folder in FOLDERS for path in folder.glob(f"*/{KEPT}")} - {*NAMES}
    return *NAMES, *sorted(filter(there, own))


def dataset(name: str) -> DataSet:
    """A data set by name; what of it needs torch is imported later. Raises KeyError with the names that exist, and DataSetError for one of
    the user's own that is damaged."""
    if name in NAMES:
        return import_module(f"pipelines.data.{name}.data_set").DATA_SET
    kept = _kept(name)
    if kept is None:
        raise KeyError(f"There is no data set {name!r}; there are {', '.join(names())}.")
    return import_module("pipelines.data.own").opened(kept, kept.stat().st_mtime_ns)


def dataset_in(folders: Iterable[Path], name: str) -> DataSet:
    """The same in another process, which is told the user's folders."""
    FOLDERS[:] = folders
    return dataset(name)


def _kept(name: Any) -> Path | None:
    """What describes a set of the user's own."""
    if not isinstance(name, str) or not PLAIN.fullmatch(name):
        return None
    return next((path for folder in FOLDERS if (path := folder / name / KEPT).is_file()), None)
