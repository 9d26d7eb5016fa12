"""How a request is refused: one sentence as JSON, whatever it speaks of."""
from __future__ import annotations

from typing import Any

from starlette.responses import JSONResponse

from app.as_json import as_json


class Refused(Exception):
    """What a client sent must not go further; a sentence that says why, and the answer's status."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


class Said(JSONResponse):
    """JSON in ASCII, so that any text can be said, also one that is no Unicode."""

    def render(self, content: Any) -> bytes:
        return as_json(content, separators=(",", ":")).encode("ascii")


def refusal(sentence: str, status: int = 400, headers: dict[str, str] | None = None) -> Said:
    return Said({"error": sentence}, status, headers)
