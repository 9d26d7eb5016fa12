"""One server for a data folder: who has the seat, and at which address."""
from __future__ import annotations

import http.client
import json
import secrets
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import UserError
from app.web.policy import CLOSED

ROUTE = "/sextant"                 # where a server says its id
PATIENCE = 60.0                    # seconds that one that starts is waited for


@dataclass(frozen=True)
class Card:
    """Who has the seat."""
    id: str                                  # drawn at random for every server, so that it tells nothing
    host: str                                # as it was asked for
    port: int
    url: str                                 # for people

    def answers(self) -> bool:
        """Whether this very server is at its address; without any proxy."""
        connection = http.client.HTTPConnection(_reached(self.host), self.port, timeout=5)
        try:
            connection.request("GET", ROUTE)
            return connection.getresponse().read(100) == self.id.encode()
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _reached(host: str) -> str:
    """Where a server that listens on a host is reached from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def url(host: str, port: int) -> str:
    """The address of a server for this machine's browser."""
    name = _reached(host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


class Seat:
    """Held by the server of a data folder; the system frees it when the process dies, however it dies.

    A folder that cannot be written, where one can look and no more, has none: everybody may serve it.
    """

    def __init__(self, folder: Path) -> None:
        self._lock, self._file = FileLock(folder / ".server.lock", thread_local=False), folder / ".server.json"

    def take(self) -> bool:
        """Whether it was free and is ours now."""
        try:
            self._lock.acquire(timeout=0)
            self._file.unlink(missing_ok=True)                     # what a server that was killed left
        except Timeout:
            return False
        except OSError:
            pass
        return True

    def sign(self, host: str, port: int) -> Card:
        """Say where the one who has the seat is."""
        card = Card(secrets.token_hex(16), host, port, url(host, port))
        with suppress(OSError):
            self._file.write_text(json.dumps(asdict(card)), encoding="utf-8")
        return card

    def holder(self, answering: bool = False) -> Card | None:
        """Whose it is; None if it is free. answering: waited for until its server answers.

        Raises UserError if that takes too long.
        """
        end, card = time.monotonic() + PATIENCE, None
        while time.monotonic() < end:
            with suppress(OSError, ValueError, TypeError):
                card = Card(**json.loads(self._file.read_text(encoding="utf-8")))
                if not answering or card.answers():
                    return card
            if self.take():                                        # it ended meanwhile
                self.leave()
                return None
            time.sleep(0.1)
        place = f" at {card.url}" if card else ""
        raise UserError(f"Another process serves this data folder{place} and does not answer; end it, or choose another folder with "
                        "--data DIR.")

    def leave(self) -> None:
        """Let others have it."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
        self._lock.release()


def identified(app: ASGIApp, card: Card) -> ASGIApp:
    """The application, which also says who it is to whoever asks, before any password: the id is known to nobody else's folder."""
    async def answer(scope: Scope, receive: Receive, send: Send) -> Any:
        known = scope["type"] == "http" and scope["path"] == ROUTE
        await (PlainTextResponse(card.id, headers=CLOSED) if known else app)(scope, receive, send)
    return answer
