"""Which weights there are: bundled with the project, and from the user's own training runs."""
from __future__ import annotations

import json
import math
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from weights.verify import WeightsError, read_header, sha256

BUNDLED = Path(__file__).parent / "bundled"


@dataclass(frozen=True)
class Entry:
    """One weights file; its header is read when it is asked for."""
    name: str                      # "shapes-diffusion"
    path: Path
    source: str                    # "bundled" or "run"
    expected: str | None           # SHA-256 that the file must have; None: as found

    adapter = ""                   # of a pretrained model

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """family, title, config, training facts. Raises WeightsError for a damaged file."""
        try:
            return json.loads(_header(self.path)[1]["model"])
        except (KeyError, ValueError) as error:
            raise WeightsError(f"{self.path.name} holds no description of its network, so it cannot be loaded; use "
                               "weights that `launch.py train` wrote.") from error

    @property
    def parameters(self) -> int:
        """How many numbers the file holds, from its header alone."""
        return _header(self.path)[0]

    @property
    def bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def check(self) -> None:
        """Read header and checksum again. Raises WeightsError."""
        read_header(self.path)
        if self.expected not in (None, sha256(self.path)):
            raise WeightsError(f"The weights of {self.name} do not match their checksum; restore them with `git checkout "
                               "weights/bundled`.")

    @property
    def card(self) -> str:
        """The model card beside the file, Markdown; empty if there is none."""
        path = self.path.with_suffix(".md")
        return path.read_text(encoding="utf-8") if path.exists() else ""


def _header(path: Path) -> tuple[int, dict[str, str]]:
    """(numbers that a file holds, its texts) from its header, which is read again when the file has changed."""
    found = path.stat() if path.exists() else None
    return _read(path, found.st_mtime_ns if found else 0, found.st_size if found else 0)


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> tuple[int, dict[str, str]]:
    tensors, texts = read_header(path)
    return sum(math.prod(tensor["shape"]) for tensor in tensors.values()), texts


def entries(runs: Path | None = None) -> list[Entry]:
    """All weights: the bundled ones in the order of their list, then those of finished runs, newest first, then
    those that runs kept on their way, as RUN@STEP."""
    listed = json.loads((BUNDLED / "catalog.json").read_text(encoding="utf-8"))
    found = [Entry(name, BUNDLED / f"{name}.safetensors", "bundled", digest) for name, digest in listed.items()]
    if runs is not None and runs.is_dir():
        files = sorted(runs.glob("*/model.safetensors"), key=lambda path: path.stat().st_mtime, reverse=True)
        found += [Entry(_name(path.parent), path, "run", None) for path in files]
        kept = sorted(runs.glob("*/steps/*.safetensors"), key=lambda path: (path.parent, len(path.name), path.name))
        found += [Entry(f"{_name(path.parents[1])}@{path.stem}", path, "run", None) for path in kept]
    return found


def _name(folder: Path) -> str:
    """What a run goes by; some file systems take names apart into letters and accents."""
    return unicodedata.normalize("NFC", folder.name)


def find(name: str, known: list[Entry]) -> Entry:
    """An entry by name. Raises WeightsError with the names that exist."""
    for entry in known:
        if entry.name == unicodedata.normalize("NFC", name):
            return entry
    raise WeightsError(f"There is no model {name!r}; there are {', '.join(entry.name for entry in known)}.")
