"""Which weights there are: bundled with the project, and from the user's own training runs."""
from __future__ import annotations

import json
import math
import os
import unicodedata
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from pipelines import data, registry
from weights.check.reading import inside, short, shown, small_file, why_not
from weights.check.verify import WeightsError, check_numbers, read_header, sha256

BUNDLED = Path(__file__).parent / "bundled"
FILE, STEPS = "model.safetensors", "steps"         # in a run's folder: its weights, and the folder of those that it kept on its way


_RESERVED = {"CON", "PRN", "AUX", "NUL", *(f"{port}{k}" for port in ("COM", "LPT") for k in range(10))}     # of Windows, not for files
MAX_SIZE = 8192                    # side of a model's pictures in pixels
MAX_NUMBER, MAX_LAYERS, MAX_ENTRIES, MAX_DEPTH = 100_000, 1000, 64, 8            # in a configuration


@dataclass(frozen=True)
class Entry:
    """One weights file; its header is read when it is asked for."""
    name: str                      # "shapes-diffusion"
    path: Path
    source: str                    # "bundled" or "run"
    expected: str | None           # SHA-256 that the file must have; None: as found
    fault: str = ""                # why nothing can be made of what lies there, a sentence
    data_set: str = ""             # the one of the sets that the file knows which it is listed for; "": all of them

    adapter = ""                   # of a pretrained model

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """family, title, config, training facts. Raises WeightsError for a damaged file."""
        self.usable()
        return {"title": self.name} | described(self.path)

    @property
    def data_sets(self) -> tuple[str, ...]:
        """What it is for, by name, of what it learnt from; of weights that do not say it the first set there is, none of a pretrained
        model.

        Raises WeightsError.
        """
        learnt = () if self.adapter else tuple(self.metadata.get("data_sets") or (data.DEFAULT,))
        return tuple(name for name in learnt if self.data_set in ("", name))

    @property
    def parameters(self) -> int:
        """How many numbers the file holds, from its header alone."""
        self.usable()
        return _header(self.path)[0]

    @property
    def bytes(self) -> int:
        return size_of(self.path)

    def usable(self) -> None:
        """Raises WeightsError where there is nothing to use."""
        if self.fault:
            raise WeightsError(self.fault)

    def check(self) -> None:
        """Read header, checksum and every number again. Raises WeightsError."""
        self.usable()
        read_header(self.path)
        if self.expected not in (None, sha256(self.path)):
            raise WeightsError(f"The weights of {self.name} do not match their checksum; restore them by `git checkout "
                               "weights/bundled`, or a new installation.")
        check_numbers(self.path)

    @property
    def card(self) -> str:
        """The model card beside the file, Markdown; empty if there is none."""
        return said_in(self.path.with_suffix(".md"))


def card_in(path: Path) -> str:
    """A model card, "" if there is none. Raises WeightsError."""
    try:
        return small_file(path).decode("utf-8", "replace") if os.path.lexists(path) else ""
    except OSError as error:
        raise WeightsError(f"The card {shown(path)} could not be read ({why_not(error)}); write it anew, or delete it.") from error


def said_in(path: Path) -> str:
    """A model card for people: what is wrong with it where it cannot be read."""
    try:
        return card_in(path)
    except WeightsError as error:
        return str(error)


def size_of(path: Path) -> int:
    """Bytes of a file, 0 if there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def described(path: Path) -> dict[str, Any]:
    """What a weights file says of its network, each thing of its kind: family, config, and if they are there title and training.

    Raises WeightsError.
    """
    try:
        found = json.loads(_header(path)[1]["model"])
    except (KeyError, ValueError, RecursionError) as error:
        raise WeightsError(f"{shown(path.name)} holds no description of its network, so it cannot be loaded; use weights that "
                           "the command `train` wrote.") from error
    wrong = "is no table of facts" if not isinstance(found, dict) else _wrong(found)
    if wrong:
        raise WeightsError(f"{shown(path.name)} cannot be used because the description of its network {wrong}; use weights that "
                           "the command `train` wrote.")
    return found


def _wrong(found: dict[str, Any]) -> str:
    """What is wrong with a description, or ""."""
    family, config, title, training = (found.get(name) for name in ("family", "config", "title", "training"))
    if family not in registry.NAMES:
        return f"names no family that there is ({short(family)}; there are {', '.join(registry.NAMES)})"
    if not isinstance(config, dict):
        return "has no configuration"
    if not _possible(config):
        return "asks for what no network has"
    size = config.get("size", 0)
    if type(size) is not int or not 0 <= size <= MAX_SIZE:
        return f"gives its pictures an impossible size ({short(size)})"
    if "title" in found and not (isinstance(title, str) and 0 < len(title) <= 200 and title.isprintable()):
        return f"has a title that is no text ({short(title)})"
    learnt = found.get("data_sets", [])
    if not (isinstance(learnt, list) and all(data.there(name) for name in learnt)):
        return f"names data sets of which one is not there ({short(learnt)}; there are {', '.join(data.names())})"
    facts = training if isinstance(training, dict) else {}
    images, origin = facts.get("images", 0), facts.get("from")
    if not isinstance(training, (dict, type(None))) or type(images) is not int or not isinstance(origin, (str, type(None))):
        return "tells of its training what is not possible"
    return ""


def _possible(value: Any, layers: bool = False, depth: int = 0) -> bool:
    """Whether a configuration could be that of a network, so that to build it ends."""
    if isinstance(value, (dict, list)):
        inner = list(value.items()) if isinstance(value, dict) else [("layers" * layers, each) for each in value]
        return depth < MAX_DEPTH and len(inner) <= MAX_ENTRIES and all(
            _possible(each, "layers" in name or "blocks" in name, depth + 1) for name, each in inner)
    if isinstance(value, (int, float)):
        return abs(value) <= (MAX_LAYERS if layers else MAX_NUMBER)                 # which NaN is not
    return value is None or isinstance(value, str) and len(value) <= 200


def _header(path: Path) -> tuple[int, dict[str, str]]:
    """(numbers that a file holds, its texts) from its header, which is read again when the file has changed."""
    try:
        found = path.stat()
    except OSError:
        return _read(path, 0, 0)                                   # says why
    return _read(path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=256)
def _read(path: Path, changed: int, size: int) -> tuple[int, dict[str, str]]:
    tensors, texts = read_header(path)
    return sum(math.prod(tensor["shape"]) for tensor in tensors.values()), texts


def entries(runs: Path | None = None) -> list[Entry]:
    """All weights: the bundled ones in the order of their list, then those of finished runs, newest first, then
    those that runs kept on their way, as RUN@STEP, then what of the runs cannot be used, with its fault."""
    listed = json.loads((BUNDLED / "catalog.json").read_text(encoding="utf-8"))
    found = [_bundled(name, said, listed) for name, said in listed.items()]
    return found if runs is None else found + _of_runs(runs)


def _bundled(name: str, said: Any, listed: dict[str, Any]) -> Entry:
    """What the list says of a model: the checksum of its file; or another model whose file it is, and the data set that it is for."""
    if isinstance(said, str):
        return Entry(name, BUNDLED / f"{name}.safetensors", "bundled", said)
    return Entry(name, BUNDLED / f"{said['file']}.safetensors", "bundled", listed[said["file"]], data_set=said["data_set"])


def _of_runs(runs: Path) -> list[Entry]:
    finished: list[Entry] = []
    kept: list[Entry] = []
    faults: list[Entry] = []
    for folder in (path for path in _listed(runs, faults) if not os.path.isfile(path)):
        for path in _listed(folder, faults):
            name = _name(folder)
            if path.name == FILE and folder.name.isprintable():
                finished.append(Entry(name, path, "run", None))
            elif path.name == FILE:
                faults.append(Entry(name, path, "run", None, f"The folder {shown(folder)} has a name that is no plain text; rename it."))
            elif path.name == STEPS:
                kept += [_step(name, file) for file in _listed(path, faults) if file.suffix == ".safetensors"]
    finished.sort(key=lambda entry: _changed(entry.path), reverse=True)
    kept.sort(key=lambda entry: (entry.path.parent, len(entry.name), entry.name))
    return finished + kept + faults


def _step(run: str, file: Path) -> Entry:
    """Weights that a run kept on its way."""
    step = file.stem.isascii() and file.stem.isdigit() and file.parents[1].name.isprintable()
    return Entry(f"{run}@{shown(file.stem)}", file, "run", None, "" if step else
                 f"{shown(file)} cannot be used because the weights that a run kept go by RUN/{STEPS}/STEP.safetensors, with a number and "
                 "in plain text; rename it.")


def _listed(folder: Path, faults: list[Entry]) -> list[Path]:
    """What lies in a folder; one that cannot be looked into is added to the faults."""
    try:
        return inside(folder)
    except OSError as error:
        faults.append(Entry(shown(folder.name), folder, "run", None, f"{shown(folder)} could not be looked into ({why_not(error)}); check "
                                                                     "or delete it."))
        return []


def _changed(path: Path) -> float:
    """When a file was written last, in seconds since 1970."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _name(folder: Path) -> str:
    """What a run goes by; some file systems take names apart into letters and accents."""
    return shown(unicodedata.normalize("NFC", folder.name))


def run_folder(runs: Path, name: str) -> Path:
    """The folder of a run. Raises WeightsError for what is no plain name on every system."""
    stem = name.partition(".")[0].rstrip().upper()
    if not (0 < len(name.encode("utf-8", "replace")) <= 120 and name.isprintable() and not set(name) & set('/\\:*?"<>|')
            and name.strip(" .") == name and stem not in _RESERVED):
        raise WeightsError(f"{short(name)} is no plain name for a run: it is empty or long, has a path in it, or means something to a "
                           "system; use letters, digits, - and _.")
    return runs / name


def find(name: str, known: list[Entry]) -> Entry:
    """An entry by name. Raises WeightsError with the names that exist."""
    for entry in known:
        if entry.name == unicodedata.normalize("NFC", name):
            return entry
    raise WeightsError(f"There is no model {short(name)}; there are {', '.join(entry.name for entry in known)}.")
