"""The user's own models, used where they lie: `links.json` in the models folder names folders and .safetensors files by path."""
from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipelines import registry
from pipelines.files import MISREAD
from pipelines.hub.about import ADAPTERS
from weights.check.preflight import Plan, inspected
from weights.check.reading import short, shown, small_file, why_not
from weights.check.verify import WeightsError, read_header
from weights.hub.installed import LIST, write_json


@dataclass(frozen=True)
class Link:
    """A folder or file of the user's, and what it was when it was added."""
    name: str
    path: Path
    adapter: str
    family: str
    title: str
    bytes: int
    base: str = ""                 # of a LoRA file: the model that it changes,
    scale: float = 1.0             # and how strongly

    @property
    def present(self) -> bool:
        return os.path.exists(self.path)


def add(root: Path, path: Path) -> str:
    """The name under which the model at `path` is used from now on; the same as before if it was added before.

    The files stay where they are. Raises WeightsError if they are not a model that can be loaded.
    """
    plan, path = inspected(path), _resolved(path)
    return _added(root, path.stem if path.is_file() else path.name, Link("", path, plan.adapter, plan.family, plan.title, plan.bytes))


def add_lora(root: Path, path: Path, base: str, plan: Plan, scale: float) -> str:
    """The name of a model that is another (`base`, loaded as its plan says) with the changes of a LoRA file, `scale` times.

    Raises WeightsError if the file is none, or if nobody knows how to put one into such a model.
    """
    if not (plan.adapter in ADAPTERS and ADAPTERS[plan.adapter].lora):
        kinds = ", ".join(info.title for info in ADAPTERS.values() if info.lora)
        raise WeightsError(f"LoRA files are for models of the kinds {kinds}; {base} is none of them.")
    path = _resolved(path)
    tensors, _ = read_header(path)
    if not any("lora" in name.lower() for name in tensors):
        raise WeightsError(f"{shown(path.name)} holds no LoRA layers; add it without a model that it changes if it is a model itself.")
    link = Link("", path, plan.adapter, plan.family, f"{plan.title} with a LoRA", path.stat().st_size, base, scale)
    return _added(root, f"{base.split('/')[-1]}-{path.stem}-{scale:g}", link)


def _resolved(path: Path) -> Path:
    """The file itself, without links. Raises WeightsError for what cannot be, or could not be written in a list."""
    try:
        found = path.resolve(strict=True)
        if not str(found).isprintable():
            raise ValueError("the path is no plain text")
    except (OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{short(path.name)} could not be read ({why_not(error)}); check that {shown(path)[:300]} exists and has a name "
                           "in plain text.") from error
    return found


def _added(root: Path, wanted: str, new: Link) -> str:
    """The name of a link in the list, put there if it is not yet."""
    with _changing(root):
        links = linked(root)
        for link in links:
            if (link.path, link.base, link.scale) == (new.path, new.base, new.scale):
                return link.name
        name = _free(wanted, {link.name for link in links})
        _write(root, [*links, replace(new, name=name)])
    return name


def remove(root: Path, name: str) -> None:
    """Forget a model; its files are not touched. Raises WeightsError with the names that there are."""
    with _changing(root):
        links = linked(root)
        left = [link for link in links if link.name != name]
        if len(left) == len(links):
            there = ", ".join(link.name for link in links) or "none"
            raise WeightsError(f"There is no local model {short(name)}; those that were added by path are: {there}.")
        _write(root, left)


def linked(root: Path) -> list[Link]:
    """The models that were added, oldest first, also those whose files are gone. Raises WeightsError for a damaged list."""
    links, problem = usable(root)
    if problem:
        raise WeightsError(problem)
    return links


def usable(root: Path) -> tuple[list[Link], str]:
    """(what of the list can be read, oldest first; what is wrong with the rest, "" for nothing)."""
    path = root / LIST
    if not os.path.lexists(path):
        return [], ""
    try:
        entries = json.loads(small_file(path).decode("utf-8"))
        if not isinstance(entries, list):
            raise TypeError("it is no list")
    except MISREAD as error:
        return [], (f"The list of local models cannot be read ({why_not(error)}); put {shown(path)} aside and add your models again.")
    links = [link for entry in entries if (link := _link(entry)) is not None]
    lost = len(entries) - len(links)
    return links, lost and (f"{lost} of the {len(entries)} entries in the list of local models cannot be read; put {shown(path)} aside and "
                            "add your models again.") or ""


def _link(entry: Any) -> Link | None:
    """An entry of the list, None where something in it is not of its kind."""
    try:
        link = Link(**{**entry, "path": Path(entry["path"])})
        texts = (link.name, str(link.path), link.adapter, link.family, link.title, link.base)
        good = (all(isinstance(text, str) and text.isprintable() for text in texts) and bool(link.name) and link.path.is_absolute()
                and (link.adapter == "own" or link.adapter in ADAPTERS) and link.family in registry.NAMES
                and type(link.bytes) is int and type(link.scale) in (int, float) and math.isfinite(link.scale))
    except MISREAD:
        return None
    return link if good else None


@contextmanager
def _changing(root: Path) -> Iterator[None]:
    """The list may be changed, by one thread of one process at a time. Raises WeightsError where that is not possible."""
    from filelock import FileLock
    lock = FileLock(root / "links.lock")
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        raise _unwritable(root, error) from error
    try:
        yield
    finally:
        lock.release()


def _free(wanted: str, taken: set[str]) -> str:
    """A short plain name that no other local model has."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-.")[:60] or "model"
    return next(free for free in [name, *(f"{name}-{k}" for k in range(2, len(taken) + 3))] if free not in taken)


def _write(root: Path, links: list[Link]) -> None:
    try:
        write_json(root / LIST, [{**asdict(link), "path": str(link.path)} for link in links])
    except OSError as error:
        raise _unwritable(root, error) from error


def _unwritable(root: Path, error: OSError) -> WeightsError:
    return WeightsError(f"The list of local models could not be written ({why_not(error)}); check that {shown(root)} is writable and the "
                        "disk is not full.")
