"""What goes wrong, in a sentence for whoever can mend it.

Options, weights and storage raise sentences of their own, since they know nothing of this folder. All of them travel untouched to
three edges: the API's `answer`, the command line's `main`, and `in_words` of the page.
"""
from __future__ import annotations

import sys
from functools import cache
from typing import Any
from unicodedata import category


class UserError(Exception):
    """Something a person can mend; the message is one sentence: what happened, what was expected, what to do."""


class NoRoom(UserError):
    """Memory is held by models that are drawing now; there may be room when they have ended."""


class BadInput(UserError):
    """A value that was asked for cannot be."""


@cache
def sentences() -> tuple[type[Exception], ...]:
    """All exceptions whose message is a sentence for people; imported at the first that is raised."""
    from pipelines.data.contract import DataSetError
    from pipelines.options import OptionError
    from storage.errors import StorageError
    from weights.check.verify import WeightsError
    return UserError, OptionError, StorageError, WeightsError, DataSetError


def sentence(error: BaseException | str) -> str:
    """What such an exception says, without what no answer could carry and no terminal should be sent."""
    return "".join(ascii(c)[1:-1] if category(c) in ("Cs", "Cc") and not c.isspace() else c for c in str(error))


def exit_code(error: BaseException) -> int:
    """Of the command line: 2 for what was asked wrongly, else 1."""
    if isinstance(error, UserError):                               # nothing else has to be known for it
        return 2 if isinstance(error, BadInput) else 1
    from pipelines.options import OptionError
    from storage.errors import NoSuchPlace
    return 2 if isinstance(error, (OptionError, NoSuchPlace)) else 1


def tell(notices: list[dict[str, Any]]) -> None:
    """What opening the data folder found, where it is worth a word."""
    for notice in notices:
        print(notice["text"], file=sys.stderr, flush=True)
