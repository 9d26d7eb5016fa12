"""How long the server waits for a request that has begun, or for one that never does."""
from __future__ import annotations

import asyncio
import json
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from app.web.policy import CLOSED

HEAD = 15.0                        # seconds from the connection, or a head's first byte, to the head's end
SILENCE, BODY = 20.0, 600.0        # seconds between two parts of a body, and for the whole of it


def last_word(status: str, sentence: str) -> bytes:
    """An answer to what is no request yet, or none at all; the connection ends with it."""
    headers = {"Content-Type": "application/json", "Connection": "close"} | CLOSED
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()), "", json.dumps({"error": sentence})]
    return "\r\n".join(lines).encode()


LATE = last_word("408 Request Timeout", "The request did not arrive in time; try again.")
BROKEN = last_word("400 Bad Request", "What was sent is no HTTP request that can be read; open the page in a browser.")


class Patient(H11Protocol):
    """uvicorn's own protocol, which waits for ever; this one closes what stays half open."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self._waiting: asyncio.TimerHandle | None = None
        self._body_until: float | None = None              # while a body comes in
        self._begun = False                                # a browser may open connections for later, which just close

    def connection_made(self, transport: asyncio.Transport) -> None:       # type: ignore[override]
        super().connection_made(transport)
        self._wait(HEAD)

    def data_received(self, data: bytes) -> None:
        self._begun = True
        super().data_received(data)
        now, state = self.loop.time(), self.conn.their_state
        if state is h11.SEND_BODY:
            self._body_until = self._body_until or now + BODY
            self._wait(min(SILENCE, self._body_until - now))
        elif state is h11.IDLE and self.conn.trailing_data[0]:
            if self._waiting is None:                      # more bytes of a head do not prolong it
                self._wait(HEAD)
        else:
            self._body_until = None
            self._wait(None)

    def send_400_response(self, msg: str) -> None:
        self.transport.write(BROKEN)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._wait(None)
        super().connection_lost(exc)

    def _wait(self, seconds: float | None) -> None:
        """Close the connection after so many seconds, in place of what was arranged before; None: do not."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = None if seconds is None else self.loop.call_later(seconds, self._late)

    def _late(self) -> None:
        self._waiting = None
        if self.transport.is_closing():
            return
        if self.flow.read_paused:                          # it is we who have not read on
            self._wait(SILENCE)
            return
        answered = self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete
        if not answered and self.conn.their_state in (h11.IDLE, h11.SEND_BODY) and self._begun:
            self.transport.write(LATE)
        self.transport.close()
