"""Captions as people write them down: a table of files and captions, or a text beside each picture, in the encodings that there are."""
from __future__ import annotations

import codecs
import csv
import io
import json
import posixpath
import unicodedata
from collections.abc import Iterator
from typing import Any

TABLES = tuple(f"{stem}.{kind}" for stem in ("captions", "metadata") for kind in ("csv", "jsonl"))
FILE, CAPTION = ("file", "file_name"), ("caption", "text")         # names of columns
MAX_CAPTION = 1000                 # characters; far more than any text encoder here reads
MAX_TABLE, MAX_TEXT = 64 * 2**20, 2**16                            # bytes of a table, and of a text beside a picture


def text_of(content: bytes) -> str:
    """A text of whatever encoding: as its byte order mark says, UTF-16 where every second byte is 0, UTF-8, or that of old Windows."""
    for mark, encoding in ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if content.startswith(mark):
            return content[len(mark):].decode(encoding, "replace")
    start = content[:1000]
    if b"\0" in start:
        return content.decode("utf-16-be" if start[::2].count(0) > start[1::2].count(0) else "utf-16-le", "replace")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def plain(text: str) -> str:
    """A caption in one line, of characters that can be shown, composed and not too long."""
    composed = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(c for c in composed if unicodedata.category(c) not in ("Cc", "Cs", "Cn"))[:MAX_CAPTION].strip()


def table(path: str, content: bytes) -> tuple[dict[str, str], list[str]]:
    """(captions by the path of their picture, sentences on what could not be read) of a table at `path`, whose names are seen from its
    folder."""
    found, troubles = dict[str, str](), list[str]()
    rows = _lines if path.lower().endswith(".jsonl") else _columns
    for place, row in rows(text_of(content)):
        if isinstance(row, str):
            troubles.append(f"{place}: {row}")
            continue
        file, caption = (next((row[name] for name in names if row.get(name)), None) for names in (FILE, CAPTION))
        if not isinstance(file, str) or not isinstance(caption, (str, type(None))):
            troubles.append(f"{place}: It names no file and its caption; {_wanted()}.")
            continue
        found[known_as(posixpath.join(posixpath.dirname(path), file.strip().replace("\\", "/")))] = plain(caption or "")
    return found, troubles


def known_as(path: str) -> str:
    """A path as it is compared: systems take names apart into letters and accents, or do not."""
    return unicodedata.normalize("NFC", posixpath.normpath(path))


def _wanted() -> str:
    return f"the columns are {' or '.join(FILE)}, and {' or '.join(CAPTION)}"


def _columns(text: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """(where it stands, its values by column or what is wrong) of each row of a CSV, whatever separates its columns."""
    head = text.lstrip("\n\r").partition("\n")[0].lower()
    separator = max(",;\t", key=head.count)
    reader = csv.reader(io.StringIO(text.lstrip("\n\r"), newline=""), delimiter=separator)
    try:
        names = [name.strip().lower() for name in next(reader, [])]
        if not ({*names} & {*FILE} and {*names} & {*CAPTION}):
            yield "line 1", f"It is no list of columns; {_wanted()}."
            return
        for row in reader:
            if row:
                yield f"line {reader.line_num}", dict(zip(names, row, strict=False))
    except csv.Error as error:
        yield f"line {reader.line_num}", f"The rest could not be read ({error})."


def _lines(text: str) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """The same of JSON, one object a line."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json.loads(line)
                yield f"line {number}", row if isinstance(row, dict) else f"It is no object; {_wanted()}."
            except (ValueError, RecursionError) as error:
                yield f"line {number}", f"It is no JSON ({error})."
