"""What a row may hold, as its columns say it: once for values before they are stored, once for rows that are there already."""
from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Boolean, ColumnElement, Float, Integer, String, Table, and_, case, func, not_, or_
from sqlalchemy.schema import Column

from storage.tables import Lenient

LATEST = 253_402_300_799 * 10**6   # the end of the year 9999, in microseconds since 1970
TIMES = ("created", "deleted")
DEEPEST = 16                       # levels of settings within settings
WORDS = {str: "text", int: "a whole number below 2^63", float: "a number", bool: "yes or no", dict: "settings", list: "a list of texts"}


def wrong(table: Table, values: Mapping[str, Any]) -> str | None:
    """The first value that its column cannot hold, in words; None if all can be stored. A column without a value is not judged."""
    for column in table.columns:
        value = values.get(column.name)
        if column.name in values and not (value is None and column.nullable) and not _fits(column, value):
            return f"{column.name} is {_shown(value)} where {WORDS[_python(column)]} was expected"
    return None


def _shown(value: Any) -> str:
    return ascii(value) if isinstance(value, (str, int, float, type(None))) and len(ascii(value)) < 40 else f"a {type(value).__name__}"


def _python(column: Column[Any]) -> type:
    """The type of a column's values."""
    if isinstance(column.type, Lenient):
        return column.type.shape
    return next(kind for sql, kind in ((Boolean, bool), (Integer, int), (Float, float), (String, str)) if isinstance(column.type, sql))


def _fits(column: Column[Any], value: Any) -> bool:
    kind = _python(column)
    if kind is list:
        return isinstance(value, list) and all(isinstance(text, str) and _plain(text) for text in value)
    if kind is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and _plain(value)
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind) or not _plain(value):
        return False
    if column.name == "id":
        return re.fullmatch("[0-9A-Za-z]{1,64}", str(value)) is not None
    return column.name not in TIMES or (isinstance(value, int) and 0 <= value <= LATEST)


def _plain(value: Any, levels: int = DEEPEST) -> bool:
    """Whether JSON and SQLite can hold a value."""
    if isinstance(value, str):
        return not any("\ud800" <= letter <= "\udfff" for letter in value)       # halves of letters are no Unicode
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return -2**63 <= value < 2**63
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, (dict, list, tuple)) and levels:
        inside = [*value, *value.values()] if isinstance(value, dict) else value
        return all(_plain(part, levels - 1) for part in inside) and (not isinstance(value, dict) or all(type(key) is str for key in value))
    return False


def unsound(table: Table) -> ColumnElement[bool]:
    """The same for rows of a table, as SQLite judges them without reading them into the program."""
    return or_(*(not_(or_(column.is_(None), _holds(column)) if column.nullable else _holds(column)) for column in table.columns))


def _holds(column: Column[Any]) -> ColumnElement[bool]:
    kind, stored = _python(column), func.typeof(column)
    if kind in (dict, list):
        shape = case((func.json_valid(column) == 1, func.json_type(column)))
        return and_(stored == "text", func.coalesce(shape, "") == ("object" if kind is dict else "array"))
    if kind is float:
        return and_(stored.in_(("real", "integer")), column.between(-1e308, 1e308))
    if column.name == "id":
        return and_(stored == "text", func.length(column).between(1, 64), ~column.bool_op("GLOB")("*[^0-9A-Za-z]*"))
    if column.name in TIMES:
        return and_(stored == "integer", column.between(0, LATEST))
    return stored == ("text" if kind is str else "integer")
