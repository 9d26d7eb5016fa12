"""What goes wrong, in a sentence for whoever can mend it."""
from __future__ import annotations

import sys
from typing import Any
from unicodedata import category


class UserError(Exception):
    """Something a person can mend; the message is one sentence: what happened, what was expected, what to do."""
    code = 1                                 # exit code of the command line

    def __init__(self, sentence: str) -> None:
        # It may quote what no answer could carry, and no terminal should be sent.
        super().__init__("".join(ascii(c)[1:-1] if category(c) in ("Cs", "Cc") and not c.isspace() else c for c in sentence))


class NoRoom(UserError):
    """Memory is held by models that are drawing now; there may be room when they have ended."""


class DiskFull(UserError):
    """There is no room on the disk for what was to be kept; what was kept before is there."""


class BadInput(UserError):
    """A value that was asked for cannot be."""
    code = 2


def tell(notices: list[dict[str, Any]]) -> None:
    """What opening the data folder found, where it is worth a word."""
    for notice in notices:
        print(notice["text"], file=sys.stderr, flush=True)
