"""The SQLite file: how it is opened, judged, migrated, backed up and, if it is damaged, put back."""
from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, inspect

from storage.errors import Damaged, StorageError, damaged, failure
from storage.files import replacing
from storage.tables import Base
from storage.words import fold_stored

NAME = "playground.sqlite3"
BACKUPS = 3                        # daily copies that are kept
DAY = 86_400
VERSION = "alembic_version"
REVISIONS = tuple(sorted(path.name.partition("_")[0] for path in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*.py")))
HEAD = REVISIONS[-1]               # whose tables are those of storage.tables
NO_DAMAGE = ("locked", "unable to open", "readonly", "is full", "disk I/O")      # what SQLite says of files that may be sound
SUSPECT = ".suspect"               # beside the database: damage was met while the program ran, so that a quick look is not enough


@dataclass
class Opened:
    """A database that can be worked with."""
    engine: Engine
    notes: list[str] = field(default_factory=list)             # what was done to the file
    restored: bool = False                                     # it is older than the pictures, or new
    copy: tempfile.TemporaryDirectory[str] | None = None       # where a copy to read from lies


def open_database(folder: Path, first: bool, damage: str | None = None, back_up: bool = True) -> Opened:
    """Raises StorageError with a sentence, Damaged if another attempt with `damage` may help.

    first: nobody else has it open, so that a damaged file may be exchanged.

    damage: what was found to be wrong with it elsewhere.
    """
    path = folder / NAME
    problem = damage or _problem(path)
    if problem and not first:
        raise damaged(path, problem)
    opened = Opened(_engine(lambda: sqlite3.connect(path, timeout=5, check_same_thread=False)))
    if problem:
        opened.notes.append(_put_back(path, problem))
        opened.restored = True
    try:
        _migrate(opened.engine, path)
    except Exception as error:
        opened.engine.dispose()
        raise error if isinstance(error, StorageError) else failure(f"The database {path} could not be opened", error, folder) from error
    try:
        if back_up:
            _back_up(path)
    except (OSError, sqlite3.Error, Damaged) as error:
        said = error if isinstance(error, Damaged) else failure("Today's backup of the database could not be made", error, folder)
        if isinstance(said, Damaged):
            opened.engine.dispose()
            raise said from error
        opened.notes.append(str(said))
    return opened


def open_for_reading(folder: Path) -> Opened:
    """The database of a folder that cannot be written, or whose disk is full. Raises StorageError."""
    path = folder / NAME
    unfinished = path.with_name(NAME + "-wal")
    ways = ["mode=ro"] + (["immutable=1"] if not unfinished.exists() or not unfinished.stat().st_size else [])
    for way in ways:
        uri = f"{path.absolute().as_uri()}?{way}"
        engine = _engine(lambda uri=uri: sqlite3.connect(uri, uri=True, timeout=5, check_same_thread=False), writable=False)   # type: ignore[misc]
        with suppress(Exception), engine.connect() as connection:
            if _revision(connection) == HEAD:
                return Opened(engine)
        engine.dispose()
    try:
        copy = tempfile.TemporaryDirectory(prefix="sextant-")
        for ending in ("", "-wal"):
            with suppress(FileNotFoundError):
                shutil.copyfile(path.with_name(NAME + ending), Path(copy.name) / (NAME + ending))
        opened = open_database(Path(copy.name), first=True, back_up=False)
    except (OSError, StorageError) as error:
        raise failure(f"The database {path} could not be read", error, folder) from error
    opened.copy = copy
    return opened


def _engine(connect: Callable[[], sqlite3.Connection], writable: bool = True) -> Engine:
    """connect: a path is a path here, never a URL with parts of its own."""
    engine = create_engine("sqlite://", creator=connect, poolclass=QueuePool, json_serializer=_json)
    event.listen(engine, "connect", _settings if writable else _functions)
    event.listen(engine, "begin", _begin)
    return engine


def _settings(connection: sqlite3.Connection, record: object) -> None:
    _functions(connection, record)
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=5000", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")


def _functions(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None                  # SQLAlchemy says BEGIN, not the driver
    connection.text_factory = lambda data: data.decode("utf-8", "replace")           # a damaged letter does not stop a query
    connection.create_function("python_fold", 1, fold_stored, deterministic=True)


def _begin(connection: Connection) -> None:
    """Writers take the write lock at once: a read that becomes a write could fail without waiting."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _json(value: Any) -> str:
    """JSON as the standard has it: a number that is none becomes null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


# Whether a file is as it was written

def suspect(folder: Path) -> None:
    """Damage was met while the program ran: the next start looks closely."""
    with suppress(OSError):
        (folder / (NAME + SUSPECT)).touch()


def _problem(path: Path) -> str | None:
    """What is wrong with the database of a folder, in a few words; None if nothing is, or if there never was one."""
    mark = path.with_name(path.name + SUSPECT)
    if path.is_file() and path.stat().st_size:
        return _fault(path, thorough=mark.exists())
    if not (_backups(path) or _anything(path.parent / "images") or _anything(path.parent / "grids")):
        return None
    return "it is empty" if path.is_file() else "it is no file" if os.path.lexists(path) else "it is gone"


def _anything(folder: Path) -> bool:
    with suppress(OSError), os.scandir(folder) as entries:
        return any(True for _ in entries)
    return False


def _fault(path: Path, thorough: bool = False) -> str | None:
    """What SQLite or its schema have against a file. thorough: indexes too, which takes four times as long."""
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            connection.text_factory = lambda data: data.decode("utf-8", "replace")
            answer = connection.execute(f"PRAGMA {'integrity' if thorough else 'quick'}_check(1)").fetchone()[0]
            return answer.splitlines()[-1] if answer != "ok" else _misses(connection)
    except sqlite3.OperationalError as error:
        return None if any(text in str(error) for text in NO_DAMAGE) else str(error)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:        # its own message may quote what is damaged
        return str(error)


def _misses(connection: sqlite3.Connection) -> str | None:
    """The first thing that a schema lacks."""
    tables = {name for name, in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if VERSION not in tables:
        return "its version is missing"
    versions = [version for version, in connection.execute(f"SELECT version_num FROM {VERSION}")]
    if len(versions) != 1:
        return "its version is missing"
    if versions[0] not in REVISIONS:
        return None                                    # a newer program's: the migration says so
    for table, (columns, keys) in _schema(versions[0]).items():
        if table not in tables:
            return f"its table {table} is missing"
        if lost := columns - {row[1] for row in connection.execute(f'PRAGMA table_info("{table}")')}:
            return f"the column {min(lost)} of its table {table} is missing"
        if keys - {(row[3], row[2]) for row in connection.execute(f'PRAGMA foreign_key_list("{table}")')}:
            return f"a link of its table {table} is missing"
    return None


@cache
def _schema(revision: str) -> dict[str, tuple[set[str], set[tuple[str, str]]]]:
    """Columns and links (column, table) of every table after a migration."""
    if revision == HEAD:
        return {table.name: ({column.name for column in table.columns},
                             {(key.parent.name, key.column.table.name) for key in table.foreign_keys})
                for table in Base.metadata.tables.values()}
    from storage.migrate import upgrade
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection, revision)
        found = inspect(connection)
        schema = {table: ({column["name"] for column in found.get_columns(table)},
                          {(key["constrained_columns"][0], key["referred_table"]) for key in found.get_foreign_keys(table)})
                  for table in found.get_table_names()}
    engine.dispose()
    return schema


# Backups

def _put_back(path: Path, problem: str) -> str:
    """Keep the damaged file aside and restore the latest backup that is sound, if there is one; what was done, in words."""
    kept = ""
    try:
        if os.path.lexists(path):
            aside = path.with_name(f"{path.name}.corrupt-{time.time_ns()}")
            for ending in ("", "-wal", "-shm"):
                if os.path.lexists(part := path.with_name(path.name + ending)):
                    part.rename(aside.with_name(aside.name + ending))
            kept = f"; it is kept as {aside.name}"
        path.with_name(path.name + SUSPECT).unlink(missing_ok=True)
        for backup in _backups(path):
            if backup.stat().st_size and _fault(backup, thorough=True) is None:
                with replacing(path) as draft:
                    shutil.copyfile(backup, draft)
                made = datetime.fromtimestamp(backup.stat().st_mtime)
                return f"The database was damaged ({problem}){kept}, and the backup of {made:%Y-%m-%d %H:%M} was opened in its place."
    except OSError as error:
        raise failure(f"The database {path} is damaged ({problem}) and could not be replaced", error, path.parent) from error
    return f"The database was damaged ({problem}){kept}, there was no sound backup, and a new one was made."


def _backups(path: Path) -> list[Path]:
    """Newest first."""
    return sorted((path.parent / "backups").glob("playground-*.sqlite3"), reverse=True)


def _back_up(path: Path) -> None:
    """A consistent copy once a day. One that could not be finished, or is not sound, never has a backup's name."""
    existing = _backups(path)
    if existing and time.time() - existing[0].stat().st_mtime < DAY:
        return
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    for leftover in folder.glob("*.part"):
        if time.time() - leftover.stat().st_mtime > DAY:               # of a process that was killed
            leftover.unlink()
    _copy(path, folder / f"playground-{time.time_ns():020d}.sqlite3", judged=True)
    for old in _backups(path)[BACKUPS:]:
        old.unlink()


def _copy(path: Path, target: Path, judged: bool = False) -> None:
    """A consistent copy of a database that others may be using. judged: raises Damaged if it is not sound in every part."""
    with replacing(target) as draft:
        with closing(sqlite3.connect(path, timeout=5)) as source, closing(sqlite3.connect(draft)) as copy:
            source.backup(copy)
        if judged and (fault := _fault(draft, thorough=True)):
            raise damaged(path, fault)


# Migrations

def _revision(connection: Connection) -> str | None:
    """The migration that made a database what it is; None if it is empty."""
    if inspect(connection).has_table(VERSION):
        return connection.exec_driver_sql(f"SELECT version_num FROM {VERSION}").scalar()
    return None


def _migrate(engine: Engine, path: Path) -> None:
    """Bring the schema up to date; the file is copied first and put back if a migration fails."""
    with engine.connect() as connection:
        current = _revision(connection)
    if current == HEAD:
        return
    if current is not None and current not in REVISIONS:
        raise StorageError(f"The database {path} was written by a newer version of this program (schema {current}); "
                           "update the program or choose another folder with --data DIR.")
    copy = path.with_name(path.name + ".before-migration") if current is not None else None
    if copy is not None:
        _copy(path, copy)
    from storage.migrate import upgrade
    try:
        with engine.execution_options(writes=True).connect() as connection:
            connection.detach()                        # closed afterwards: no other work may be done without foreign keys
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")      # a table that is made anew is dropped first
            with connection.begin():
                upgrade(connection)
    except Exception:
        if copy is not None:
            engine.dispose()
            for leftover in ("-wal", "-shm"):
                path.with_name(path.name + leftover).unlink(missing_ok=True)
            shutil.copyfile(copy, path)
        raise
