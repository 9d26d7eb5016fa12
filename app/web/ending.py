"""How the server ends: in order when it is asked to, which takes a moment, and at once when Ctrl-C is pressed again."""
from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from app.stopping import end_at_once


class Server(uvicorn.Server):
    """uvicorn's own leaves what it is doing, half done, at the second Ctrl-C."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Also by whoever runs it, around more than the running: what was asked meanwhile is passed on once, at the end of that."""
        if signal.getsignal(signal.SIGINT) == self.handle_exit:
            yield
            return
        with super().capture_signals():
            yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.should_exit and sig == signal.SIGINT:
            end_at_once()
        super().handle_exit(sig, frame)
