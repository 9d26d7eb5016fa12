"""A Hub on 127.0.0.1 that speaks what huggingface_hub, diffusers, transformers and this project ask of one, with faults.

Its CDN is the same server under another host name (localhost), as the real one's is another machine. Every request is logged.
"""
from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any

from tests.hub.repository import Repository

TOKEN = "hf_test_token_of_this_hub"
SILENCE = 60.0                     # seconds that a Hub which hangs says nothing


@dataclass
class Fault:
    """What goes wrong in a phase: "404", "401" (gated), "429", "500", "hang", "stall" (half a body, then silence), "truncated",
    "hash", "redirect" (to another host name), "gone" (half a body, then no answers any more), "whole" (ranges are ignored) or "long"
    (more bytes than were stated)."""
    kind: str
    times: int | None = None                 # None: for good
    skip: int = 0                            # requests of the phase that still pass
    after: str = "0"                         # Retry-After of a 429, in seconds
    used: int = 0
    over: threading.Event = field(default_factory=threading.Event)

    def strikes(self) -> bool:
        """Whether it hits the request that is at hand."""
        if self.skip:
            self.skip -= 1
            return False
        if self.times is not None and self.used >= self.times:
            return False
        self.used += 1
        return True


@dataclass
class Seen:
    """A request that came."""
    phase: str
    method: str
    path: str
    host: str
    token: bool
    range: str | None
    sent: int = 0                            # bytes of the body


class _Server(ThreadingHTTPServer):
    """Quiet about clients that go away."""
    daemon_threads, block_on_close, allow_reuse_address, request_queue_size = True, False, True, 64

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class HubServer:
    """The server with its repositories; a context manager."""

    def __init__(self, port: int = 0, page: int = 1000) -> None:
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}          # uploaded large files by SHA-256
        self.faults: dict[str, Fault] = {}           # by phase
        self.log: list[Seen] = []
        self.pace = 0.0                              # seconds between two blocks of a body
        self.block = 16 * 2**10
        self.page = page                             # entries on one page of a listing
        self.token = TOKEN
        self.lock = threading.Lock()
        self.closed = threading.Event()
        self._server: ThreadingHTTPServer | None = self._bind(port)

    def _bind(self, port: int) -> ThreadingHTTPServer:
        from tests.hub.handler import handler
        server = _Server(("127.0.0.1", port), handler(self))
        self._port = server.server_address[1]
        return server

    def __enter__(self) -> HubServer:
        self.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def start(self) -> None:
        """Answer, again if it was stopped, on the same port."""
        self.closed.clear()
        self._server = self._server or self._bind(self._port)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more."""
        self.closed.set()
        self._speak()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def cdn(self) -> str:
        return f"http://localhost:{self._port}"

    def add(self, repo: str, files: dict[str, bytes], **facts: Any) -> str:
        """A repository, or a new commit in one, with these files; the commit's name."""
        branch = facts.pop("branch", "main")
        found = self.repositories.setdefault(repo, Repository(repo))
        for name, value in facts.items():
            setattr(found, name, value)
        return found.commit(files, branch)

    def fault(self, phase: str, kind: str, **details: Any) -> None:
        """From now on `kind` goes wrong in `phase`: search, info, listing, small (file), resolve, big (file at the CDN), whoami, refs,
        create, yaml, preupload, batch, put or commit."""
        self.faults[phase] = Fault(kind, **details)

    def mend(self) -> None:
        """Nothing goes wrong any more; who still hangs is let go."""
        self._speak()
        self.faults.clear()

    def _speak(self) -> None:
        for fault in self.faults.values():
            fault.over.set()

    def strike(self, phase: str) -> Fault | None:
        with self.lock:
            fault = self.faults.get(phase)
            return fault if fault and fault.strikes() else None

    def forget(self) -> None:
        """Begin the log anew."""
        self.log.clear()

    def sent(self, phase: str) -> int:
        """Bytes of bodies that went out in a phase."""
        return sum(seen.sent for seen in list(self.log) if seen.phase == phase)

    def asked(self) -> Counter[str]:
        """How many requests came, by phase."""
        return Counter(seen.phase for seen in list(self.log))

    def leaks(self) -> list[Seen]:
        """Requests that carried a token to another host than the Hub's own."""
        return [seen for seen in list(self.log) if seen.token and not seen.host.startswith("127.0.0.1")]

    def until(self, condition: Any, seconds: float = 120.0) -> None:
        """Wait for something that the server can see; the time is a guard against hanging."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "what the test waits for did not happen"
            time.sleep(0.005)
