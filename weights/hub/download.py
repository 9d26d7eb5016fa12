"""Downloads from the Hub that survive anything, and the models that they left on the disk.

A model lies in `<root>/<owner>--<name>/<commit>/`, which appears by one rename when every file has been checked against the Hub's
checksum. Until then there is `<commit>.part/`: `plan.json` (what is to be fetched) and `files/` (what is here). Nothing else is
needed to go on after a crash, and no request is made before somebody asks for it.
"""
from __future__ import annotations

import errno
import logging
import os
import secrets
import shutil
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from weights.check.verify import WeightsError
from weights.hub.client import HUB, Hub, HubError
from weights.hub.fetch import Fetch, Patience, Stopped, patiently
from weights.hub.installed import ORIGIN, forget, write_json
from weights.hub.installed import Installed as Installed
from weights.hub.installed import installed as installed
from weights.hub.remote import listed, named
from weights.hub.transfer import DownloadView, Transfer
from weights.hub.transfer import FileView as FileView

LOG = logging.getLogger(__name__)
ACTIVE = ("waiting", "running", "checking")


class Downloads:
    """All downloads into one folder: those that run, and those that an earlier process left unfinished (they are paused)."""

    def __init__(self, root: Path, hub: Hub = HUB, *, at_once: int = 3, patience: Patience | None = None, spare: int = 2**28) -> None:
        self.root, self.hub, self.patience = root, hub, patience or Patience()
        self.spare = spare                                     # bytes that stay free on the disk
        self._places = threading.Semaphore(at_once)
        self._lock = threading.RLock()
        self._all: dict[str, Transfer] = {}
        for gone in root.glob("*/*.gone"):
            shutil.rmtree(gone, ignore_errors=True)
        for part in sorted(root.glob("*/*.part")):
            if part.with_suffix("").exists():                  # killed when all was done
                shutil.rmtree(part, ignore_errors=True)
            elif transfer := Transfer.saved(part):
                self._all[transfer.id] = transfer

    def start(self, repo: str, revision: str | None = None) -> str:
        """Begin a download, or go on with the one that there is; its id. Raises HubError for what is not a name."""
        repo, revision = named(repo, self.hub), revision or None
        with self._lock:
            for download in self._all.values():
                if (download.repo, download.revision) == (repo, revision) and download.status not in ("done", "cancelled"):
                    self.go_on(download.id)
                    return download.id
            download = Transfer(self.root, secrets.token_hex(4), repo, revision)
            self._all[download.id] = download
            self.go_on(download.id)
            return download.id

    def pause(self, id: str) -> None:
        """Stop for now; what is here stays."""
        self._leave(self._find(id), "paused")

    def go_on(self, id: str) -> None:
        """Continue where it stopped. Does nothing if it is running or at an end."""
        with self._lock:
            download = self._find(id)
            if download.status in ("paused", "failed"):
                download.status, download.error, before = "waiting", "", download.thread
                download.stop, download.marks = threading.Event(), deque()
                download.thread = threading.Thread(target=self._run, args=(download, download.stop, before), daemon=True,
                                                   name=f"download {download.repo}")
                download.thread.start()

    def cancel(self, id: str) -> None:
        """Stop and throw away what is here. Does nothing to one that is done."""
        download = self._find(id)
        if self._leave(download, "cancelled"):
            threading.Thread(target=self._throw_away, args=(download,), daemon=True).start()

    def remove(self, name: str) -> int:
        """Delete an installed model; the bytes that this freed. Raises WeightsError for an unknown name."""
        return forget(self.root, name)

    def views(self) -> list[DownloadView]:
        """All downloads, the latest first."""
        with self._lock:
            return [download.view() for download in reversed(self._all.values())]

    def close(self) -> None:
        """Pause everything."""
        for download in list(self._all.values()):
            self._leave(download, "paused")

    # one download ------------------------------------------------------------------------------------------------------

    def _find(self, id: str) -> Transfer:
        if id not in self._all:
            raise WeightsError(f"There is no download {id[:40]!r}; it may have been finished or cancelled in the meantime.")
        return self._all[id]

    def _leave(self, download: Transfer, status: str) -> bool:
        """Stop a download; whether that meant anything."""
        with self._lock:
            usual = download.status in ACTIVE or (status == "cancelled" and download.status in ("paused", "failed"))
            if usual:
                download.status = status
                download.stop.set()
            return usual

    def _turn(self, download: Transfer, stop: threading.Event, status: str, error: str = "") -> None:
        """Take on a status, unless somebody has stopped this run."""
        with self._lock:
            if stop.is_set():
                raise Stopped
            download.status, download.error = status, error

    def _run(self, download: Transfer, stop: threading.Event, before: threading.Thread | None) -> None:
        """The thread of a download."""
        try:
            if before is not None:
                before.join()
            with self._place(stop):
                self._turn(download, stop, "running")
                if not download.files:
                    self._plan(download, stop)
                with self._alone(download, stop):
                    if fresh := not download.folder.exists():  # another process may have been faster
                        self._make_sure_of_space(download)
                        self._fetch_all(download, stop)
                    with self._lock:                           # so that what is cancelled does not appear
                        self._turn(download, stop, "done")
                        if fresh:
                            os.replace(download.part / "files", download.folder)
                        download.clear()
                        download.count()
        except Stopped:
            pass
        except WeightsError as error:
            self._fail(download, stop, str(error))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            self._fail(download, stop, "The disk is full; remove a model or other files, then go on." if full else
                       f"{self.root} cannot be written ({error.strerror}); check the folder and the disk, then go on.")
        except Exception:
            LOG.exception("download of %s", download.repo)
            self._fail(download, stop, f"The download of {download.repo} failed in a way that nobody thought of; see the log, then go on.")

    def _throw_away(self, download: Transfer) -> None:
        if download.thread is not None:
            download.thread.join()
        if download.commit:
            with suppress(WeightsError), self._alone(download, download.stop), self._lock:     # or else somebody has begun anew
                download.clear()

    def _fail(self, download: Transfer, stop: threading.Event, sentence: str) -> None:
        with self._lock:
            if not stop.is_set():
                download.status, download.error = "failed", sentence

    @contextmanager
    def _place(self, stop: threading.Event) -> Iterator[None]:
        """One of the few that run at once."""
        while not self._places.acquire(timeout=0.1):
            if stop.is_set():
                raise Stopped
        try:
            yield
        finally:
            self._places.release()

    @contextmanager
    def _alone(self, download: Transfer, stop: threading.Event) -> Iterator[None]:
        """No other run, here or in another process, works at the same files; the system takes the lock back from one that was killed."""
        lock, end = FileLock(download.part / "lock", thread_local=False), time.monotonic() + self.hub.limit + 1
        while True:
            with suppress(Timeout), self._lock:                # nobody clears the folder at the same time
                download.part.mkdir(parents=True, exist_ok=True)
                lock.acquire(timeout=0)
                break
            if time.monotonic() > end:
                raise WeightsError(f"{download.repo} is being downloaded by another process; wait for that one.")
            time.sleep(0.05)
            if stop.is_set() and download.status != "cancelled":
                raise Stopped
        try:
            yield
        finally:
            lock.release()

    def _plan(self, download: Transfer, stop: threading.Event) -> None:
        """Ask the Hub what is to be fetched."""
        remote = patiently(lambda: listed(download.repo, download.revision, self.hub), stop, self.patience)
        plan = patiently(remote.plan, stop, self.patience)
        with self._lock:
            if stop.is_set():
                raise Stopped
            if any(other.commit == remote.commit and other.status not in ("done", "cancelled") for other in self._all.values()
                   if other is not download):
                raise WeightsError(f"{remote.id} is in the list of downloads already; go on with that one.")
            download.choose(remote, plan.files)

    def _fetch_all(self, download: Transfer, stop: threading.Event) -> None:
        files, origin = download.part / "files", {}
        download.save()
        for path, blob in download.files.items():
            fetch = Fetch(self.hub, download.repo, download.commit, path, blob, files / path,
                          lambda here, path=path: download.moved(path, here), stop, self.patience)       # type: ignore[misc]
            for _ in range(2):
                self._turn(download, stop, "running")
                fetch.download()
                self._turn(download, stop, "checking")
                if sha256 := fetch.checked():
                    break
            else:
                raise HubError(f"{path} of {download.repo} came twice without the checksum that the Hub states and was thrown away; go on "
                               "later, or report it to the owner.")
            origin[path] = {"size": blob.size, "sha256": sha256}
        write_json(files / ORIGIN, {"repo": download.repo, "commit": download.commit, "revision": download.revision, "files": origin,
                                "licence": download.licence, "gated": download.gated,
                                "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})

    def _make_sure_of_space(self, download: Transfer) -> None:
        """Raises WeightsError if this and what else is running do not fit on the disk."""
        needed = sum(one.left for one in list(self._all.values()) if one.status in ("running", "checking"))
        free = shutil.disk_usage(self.root).free
        if needed + self.spare > free:
            raise WeightsError(f"{download.repo} does not fit on the disk: {(needed + self.spare) / 1e9:,.2f} GB have to be free for it "
                               f"and what else is running, {free / 1e9:,.2f} GB are; remove a model or other files, then go on.")
