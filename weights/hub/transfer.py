"""One download: what is to be fetched, what of it is here, and what a person sees of it."""
from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.files import MISREAD
from weights.check.configs import MAX_JSON, check_name
from weights.check.reading import short, shown, small_file, why_not
from weights.check.verify import WeightsError
from weights.hub.client import Blob
from weights.hub.installed import COMMIT, folder_of, tidy, write_json

if TYPE_CHECKING:
    from weights.hub.remote import Remote

SAVED = ("id", "repo", "revision", "commit", "licence", "gated", "files")
NOTES = re.compile(r"(README|LICEN[CS]E|NOTICE)[\w-]*(\.md|\.txt)?", re.IGNORECASE)
WINDOW = 5.0                       # seconds over which the speed is measured


@dataclass(frozen=True)
class FileView:
    """One file of a download."""
    path: str
    size: int
    done: int


@dataclass(frozen=True)
class DownloadView:
    """A download as people see it."""
    id: str
    repo: str
    commit: str                    # "" until the Hub has been asked
    status: str                    # waiting, running, paused, checking, done, failed, cancelled
    files: tuple[FileView, ...]
    bytes: int
    done: int
    speed: float                   # bytes per second
    seconds_left: float | None     # None: not known
    error: str


@dataclass
class Transfer:
    """A download's state, and where it lies. Each run has its own `stop`, so that one that hangs cannot disturb the next."""
    root: Path
    id: str
    repo: str
    revision: str | None
    commit: str = ""
    licence: str = ""
    gated: bool = False
    files: dict[str, Blob] = field(default_factory=dict)
    status: str = "paused"
    error: str = ""
    done: dict[str, int] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    marks: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def left(self) -> int:
        return sum(blob.size for blob in self.files.values()) - sum(self.done.values())

    def moved(self, path: str, here: int) -> None:
        """So many bytes of a file are here."""
        self.done[path] = here
        now = time.monotonic()
        if not self.marks or now - self.marks[-1][0] > 0.05:
            self.marks.append((now, sum(self.done.values())))
        while now - self.marks[0][0] > WINDOW:
            self.marks.popleft()

    def view(self) -> DownloadView:
        speed, first = 0.0, next(iter(self.marks), None)
        if self.status == "running" and first:
            speed = max(0, sum(self.done.values()) - first[1]) / max(time.monotonic() - first[0], 0.05)
        files = tuple(FileView(path, blob.size, self.done[path]) for path, blob in self.files.items())
        return DownloadView(self.id, self.repo, self.commit, self.status, files, sum(file.size for file in files),
                            sum(file.done for file in files), speed, self.left / speed if speed else None, self.error)

    @property
    def folder(self) -> Path:
        """Where the model will be."""
        return folder_of(self.root, self.repo, self.commit)

    @property
    def part(self) -> Path:
        """Where it grows."""
        return self.folder.with_suffix(".part")

    def choose(self, remote: Remote, files: Iterable[str]) -> None:
        """Take what is to be loaded, and what its owner says about it. Raises WeightsError for files that there are not."""
        notes = [path for path, blob in remote.listing.items() if NOTES.fullmatch(path) and blob.size < MAX_JSON]
        wanted = list(dict.fromkeys([*files, *notes]))
        for path in wanted:
            check_name(path)
            if path not in remote.listing:
                raise WeightsError(f"{remote.id} names a file {short(path)} that it does not have; choose another revision or repository.")
        self.repo, self.commit, self.licence, self.gated = remote.id, remote.commit, remote.licence, remote.gated
        self.done = dict.fromkeys(wanted, 0)
        self.files = {path: remote.listing[path] for path in wanted}
        self.count()

    def count(self) -> None:
        """See what is on the disk."""
        whole = self.folder.exists()
        for path, blob in self.files.items():
            here = self.part / "files" / path
            self.done[path] = blob.size if whole else min(blob.size, here.stat().st_size) if here.exists() else 0

    def save(self) -> None:
        """Write down what is to be fetched."""
        write_json(self.part / "plan.json", {name: getattr(self, name) for name in SAVED})

    @classmethod
    def saved(cls, part: Path) -> Transfer | None:
        """What an earlier process left unfinished: failed if its plan is damaged, None if there is no plan."""
        if not (COMMIT.fullmatch(part.stem) and os.path.lexists(part / "plan.json")):
            return None
        try:
            plan = json.loads(small_file(part / "plan.json").decode("utf-8"))
            files = {path: Blob(int(size), str(digest)) for path, (size, digest) in plan["files"].items()}
            for path in files:
                check_name(path)
            transfer = cls(part.parents[1], **{**{name: plan[name] for name in SAVED}, "files": files})
            texts = (transfer.id, transfer.repo, transfer.revision or "", transfer.licence)
            if transfer.part != part or not all(isinstance(text, str) and text.isprintable() for text in texts) \
                    or any(blob.size < 0 for blob in files.values()):
                raise ValueError("it is that of another folder, or damaged")
            transfer.count()
            return transfer
        except (*MISREAD, WeightsError) as error:
            repo = shown(part.parent.name).replace("--", "/", 1)
            return cls(part.parents[1], secrets.token_hex(4), repo, None, part.stem, status="failed", error=(
                f"What was to be fetched of {repo} cannot be read any more ({why_not(error)}); cancel this download and begin again."))

    def clear(self) -> None:
        """Throw away what is unfinished."""
        shutil.rmtree(self.part, ignore_errors=True)
        tidy(self.part.parent)
