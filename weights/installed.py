"""The models of the Hub that are on the disk; nothing here asks the Hub."""
from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weights.verify import WeightsError

ORIGIN = ".origin.json"            # where a model came from, with the SHA-256 of each of its files
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
    found = []
    for path in root.glob(f"*/*/{ORIGIN}"):
        try:
            origin = json.loads(path.read_text(encoding="utf-8"))
            repo, commit = str(origin["repo"]), str(origin["commit"])
            if COMMIT.fullmatch(commit) and folder_of(root, repo, commit) == path.parent:
                size = sum(file["size"] for file in origin["files"].values())
                found.append(Installed(f"{repo}@{commit[:8]}", repo, commit, path.parent, size, origin.get("revision"),
                                       str(origin.get("licence") or ""), path.stat().st_mtime))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue                                           # not ours
    return sorted(found, key=lambda model: model.name)


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
    draft = path.with_name(path.name + ".draft")
    with draft.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
