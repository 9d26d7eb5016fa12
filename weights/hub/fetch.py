"""One file of the Hub, brought to the disk: from where it stopped, patiently, and checked."""
from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import TypeVar

from weights.hub.client import Blob, Hub, HubError, digests, place

T = TypeVar("T")


class Stopped(Exception):
    """Somebody does not want this any more."""


@dataclass(frozen=True)
class Patience:
    """When to ask the Hub again. `seconds` and one call's time limit together stay under half a minute."""
    seconds: float = 19.0                    # without a new byte, then no further try begins
    pause: float = 0.5                       # before the second try, twice as long before each further one
    longest: float = 8.0


def patiently(action: Callable[[], T], stop: Event, patience: Patience, progress: Callable[[], int] = lambda: 0) -> T:
    """The action's result; where it fails for a time it is tried again, as long as `progress` grows now and then.

    Raises the HubError of the last try, and Stopped.
    """
    reached, since, pause = progress(), time.monotonic(), patience.pause
    while True:
        try:
            return action()
        except HubError as error:
            now = time.monotonic()
            if progress() > reached:
                reached, since, pause = progress(), now, patience.pause
            wait = max(pause, error.after or 0.0)
            if not error.temporary or now + wait - since > patience.seconds:
                raise
            if stop.wait(wait):
                raise Stopped from error
            pause = min(2 * pause, patience.longest)


@dataclass(frozen=True)
class Fetch:
    """A file of a repository at a commit, on its way to `target`; `moved` hears how many of its bytes are there."""
    hub: Hub
    repo: str
    commit: str
    path: str
    blob: Blob
    target: Path
    moved: Callable[[int], None]
    stop: Event
    patience: Patience

    def here(self) -> int:
        """Bytes on the disk."""
        return self.target.stat().st_size if self.target.exists() else 0

    def download(self) -> None:
        """All bytes, of which those that are on the disk are not asked for again. Raises HubError, OSError, Stopped."""
        self.target.parent.mkdir(parents=True, exist_ok=True)
        patiently(self._rest, self.stop, self.patience, self.here)

    def _rest(self) -> None:
        here = self.here()
        if here > self.blob.size:
            self.target.unlink()
            here = 0
        if here == self.blob.size > 0:
            return
        name = f"{self.path[:200]} of {self.repo}"
        with self.hub.ask(place(self.repo, self.commit, self.path), name, headers={"Range": f"bytes={here}-"} if here else {}) as response:
            if not (response.status_code == 206 and response.headers.get("Content-Range", "").startswith(f"bytes {here}-")):
                here = 0                                       # the whole file is on its way
            with self.target.open("ab", buffering=0) as file:
                file.truncate(here)
                for block in response.iter_raw():
                    if self.stop.is_set():
                        raise Stopped
                    here += len(block)
                    if here > self.blob.size:
                        break                                  # the check will say that it is not the file
                    file.write(block)
                    self.moved(here)
                os.fsync(file.fileno())
        if here < self.blob.size:
            raise HubError(f"The connection to the Hub broke at {here:,} of {self.blob.size:,} bytes of {name}; try again.", True)

    def checked(self) -> str:
        """The SHA-256 of the file on the disk, "" (and no file any more) if it is not the one that the Hub states. Raises Stopped."""
        sha256, git = digests(self._blocks(), self.blob.size)
        if self.blob.digest in (sha256, git) and self.here() == self.blob.size:
            return sha256
        self.target.unlink()
        self.moved(0)
        return ""

    def _blocks(self) -> Iterator[bytes]:
        with self.target.open("rb") as file:
            while block := file.read(2**20):
                if self.stop.is_set():
                    raise Stopped
                yield block
