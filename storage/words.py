"""How text is searched: in lower case and in composed characters, on both sides."""
from __future__ import annotations

import unicodedata

from sqlalchemy import ColumnElement, LargeBinary, SQLColumnExpression, cast, func


def fold(text: str) -> str:
    """Lower case, and é as one character (NFC) however it was typed."""
    return unicodedata.normalize("NFC", text.lower())


def fold_stored(data: bytes | None) -> str:
    """The same in SQL, as python_fold, since SQLite's own knows ASCII only; given as bytes, which a damaged letter does not stop."""
    return fold((data or b"").decode("utf-8", "replace"))


def holds(column: SQLColumnExpression[str], text: str, folded: bool) -> list[ColumnElement[bool]]:
    """Conditions that each word of a text stands in a column. folded: what it holds is folded, but for old rows with accents."""
    return [(column if folded and word.isascii() else func.python_fold(cast(column, LargeBinary))).contains(word, autoescape=True)
            for word in fold(text).split()[:16]]
