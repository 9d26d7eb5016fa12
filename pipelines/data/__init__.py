"""The data sets. One folder and one line here, and models of every family can be trained on a set, drawn with, judged and compared."""
from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.data.contract import DataSet

NAMES = ("shapes", "faces", "pixels", "fashion", "digits")
FOLDERS: list[Path] = []           # of the user, in which pictures of sets lie that do not ship, each in a folder of the set's name
DEFAULT = "shapes"                 # where none is named, and of weights that do not say what they learnt from


def dataset(name: str) -> DataSet:
    """A data set by name; what of it needs torch is imported later. Raises KeyError with the names that exist."""
    if name not in NAMES:
        raise KeyError(f"There is no data set {name!r}; there are {', '.join(NAMES)}.")
    return import_module(f"pipelines.data.{name}.data_set").DATA_SET
