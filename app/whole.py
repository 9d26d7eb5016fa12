"""Files for people, written whole or not at all: beside their place first, so that what stood there is untouched until then."""
from __future__ import annotations

import csv
import errno
import os
import re
import shutil
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from app.errors import UserError
from pipelines import files

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
# What a spreadsheet takes for a formula, also after white space and quotes, but not what is a number.
FORMULA = re.compile(r"[\s'\"\ufeff]*[=+\-@＝＋－＠]|[\t\r\n]")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write, which then takes the place of another. Raises UserError; nothing is left behind then."""
    path = Path(os.path.realpath(path))                # a link stays one
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with files.replacing(path, path.with_name(f".{uuid.uuid4().hex}.part")) as draft:
            yield draft
    except OSError as error:
        raise trouble(path, error, "choose another place, nothing that stood there has changed") from error


def trouble(path: Path, error: OSError, advice: str) -> UserError:
    """Why a path could not be written, and what to do."""
    reason = error.strerror or str(error)
    if error.errno in NO_ROOM:
        return UserError(f"{path} could not be written because the disk is full ({reason}); free space or {advice}.")
    return UserError(f"{path} could not be written ({reason}); {advice}.")


def copy(source: Path, target: Path) -> Path:
    """Copy a file; returns the target. Raises UserError."""
    try:
        with replacing(target) as draft:
            shutil.copyfile(source, draft)
    except UserError as error:
        raise type(error)(f"{str(error).removesuffix('.')}; the original is kept at {source}.") from error
    return target


def write_text(path: Path, text: str) -> None:
    """Raises UserError."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def write_table(path: Path, rows: Iterable[Iterable[Any]], excel: bool = False) -> None:
    """A CSV file in UTF-8 none of whose cells is a formula. Raises UserError.

    excel: it begins with a byte order mark, without which Excel takes it for another encoding.
    """
    with replacing(path) as draft, draft.open("w", newline="", encoding="utf-8-sig" if excel else "utf-8") as file:
        csv.writer(file).writerows([plain(value) for value in row] for row in rows)


def plain(value: Any) -> Any:
    """A cell; text that a spreadsheet would calculate gets an apostrophe before it, numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value) else value
