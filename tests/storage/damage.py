"""What may stand in a database that this program did not put there, and how to put it there."""
from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from storage.database import NAME
from storage.tables import Base

ODD: tuple[Any, ...] = (
    None, 0, -1, 2**62, -2**63, 1e300, float("inf"), "", "text", "5", "\x00", "../../x", "é" * 300, b"", b"\xff\xfe", b"{}", "null", "{",
    "[]",
    "{}", "[null]", '{"a": NaN}', '"text"', "5.5", "[" * 900 + "]" * 900, '{"x": 1' * 50, '{"a": 1e999}', '{"\\ud800": 1}', '{"asked": 5}',
    '{"asked": {"ask": null}, "axes": {}}', '["\\ud800"]', "running", "done", "banana")
TABLES = {table.name: [column.name for column in table.columns] for table in Base.metadata.sorted_tables}
CASES = [(table, column, value) for table, columns in TABLES.items() for column in columns for value in ODD]


def put(folder: Path, table: str, column: str, value: Any) -> tuple[bool, Any]:
    """Write a value into a column of a table's first row; (whether SQLite took it, what stood there)."""
    with closing(sqlite3.connect(folder / NAME)) as database, database:
        database.execute("pragma foreign_keys = off")
        row, before = database.execute(f'select rowid, "{column}" from "{table}" order by rowid limit 1').fetchone()
        try:
            database.execute(f'update "{table}" set "{column}" = ? where rowid = ?', (value, row))
        except sqlite3.IntegrityError:
            return False, before
    return True, before


def flip(path: Path, seed: int, bits: int = 20) -> None:
    """Turn some bits of a file over."""
    data, rng = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(bits):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    path.write_bytes(bytes(data))
