"""The models of the Hub that are on the disk; nothing here asks the Hub."""
from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.files import MISREAD, write_whole
from weights.check.reading import inside, shown, small_file, why_not
from weights.check.verify import WeightsError

ORIGIN = ".origin.json"            # where a model came from, with the SHA-256 of each of its files
LIST = "links.json"                # of the user's own models, beside them
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Installed:
    """A model in `<root>/<owner>--<name>/<commit>/`."""
    name: str                      # "owner/name@1a2b3c4d"
    repo: str
    commit: str
    folder: Path
    bytes: int
    revision: str | None           # the branch or tag that was asked for, None: the main branch
    licence: str
    since: float                   # when its last file had come, in seconds since 1970


def folder_of(root: Path, repo: str, commit: str) -> Path:
    """Where a repository lies at a commit."""
    return root / repo.replace("/", "--") / commit


def installed(root: Path) -> list[Installed]:
    """All complete models under a folder, by name."""
    return _found(root)[0]


def damaged(root: Path) -> list[tuple[str, Path, str]]:
    """(name, folder, a sentence) of each model that came from the Hub and is not whole any more."""
    return _found(root)[1]


def _found(root: Path) -> tuple[list[Installed], list[tuple[str, Path, str]]]:
    """The models that are whole, and those that are not."""
    whole: list[Installed] = []
    broken: list[tuple[str, Path, str]] = []
    for parent in (path for path in _folders(root, broken) if path.name != LIST and (os.path.isdir(path) or os.path.islink(path))):
        for folder in _folders(parent, broken):
            if not COMMIT.fullmatch(folder.name):
                continue                                       # a download that is not finished, or nothing of ours
            try:
                whole.append(_installed(root, folder))
            except MISREAD as error:
                name = f"{shown(parent.name).replace('--', '/', 1)}@{folder.name[:8]}"
                broken.append((name, folder, f"{name} cannot be used because the record of its download is damaged ({why_not(error)}); "
                                             f"delete the folder {shown(folder)} and download it again."))
    return sorted(whole, key=lambda model: model.name), broken


def _folders(folder: Path, broken: list[tuple[str, Path, str]]) -> list[Path]:
    """What lies in a folder; one that cannot be looked into is added to what is broken."""
    try:
        return inside(folder)
    except OSError as error:
        broken.append((shown(folder.name), folder, f"{shown(folder)} could not be looked into ({why_not(error)}); check or delete it."))
        return []


def _installed(root: Path, folder: Path) -> Installed:
    """The model in a folder, as its record says. Raises one of MISREAD."""
    path = folder / ORIGIN
    origin = json.loads(small_file(path).decode("utf-8"))
    repo, commit, revision, licence = origin["repo"], origin["commit"], origin.get("revision"), origin.get("licence")
    files = list(origin["files"].values())
    if not all(isinstance(text, (str, type(None))) for text in (repo, commit, revision, licence)) or not repo.isprintable() \
            or not all(type(file["size"]) is int and file["size"] >= 0 and isinstance(file["sha256"], str) for file in files):
        raise ValueError("a value of another kind than it should be")
    if folder_of(root, repo, commit) != folder:
        raise ValueError("it is that of another folder")
    return Installed(f"{repo}@{commit[:8]}", repo, commit, folder, sum(file["size"] for file in files), revision, licence or "",
                     path.stat().st_mtime)


def forget(root: Path, name: str) -> int:
    """Delete a model, named in full or, where there is only one commit of it, by its repository; the bytes that were freed.

    Raises WeightsError for a name that there is not.
    """
    known = installed(root)
    matching = [model for model in known if name in (model.name, model.repo)]
    if len(matching) != 1:
        raise WeightsError(f"{name[:200]!r} names {'several' if matching else 'none'} of the models that are here; there are "
                           f"{', '.join(model.name for model in known) or 'none'}.")
    folder = matching[0].folder
    size = sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())
    gone = folder.rename(folder.with_suffix(".gone"))          # at once, so that nothing finds half a model
    shutil.rmtree(gone)
    tidy(folder.parent)
    return size


def tidy(parent: Path) -> None:
    """Remove a repository's folder if it is empty."""
    if parent.is_dir() and not any(parent.iterdir()):
        parent.rmdir()


def write_json(path: Path, content: Any) -> None:
    """A small file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(content, indent=1))
