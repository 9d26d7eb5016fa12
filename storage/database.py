"""The SQLite file: how it is opened, migrated, backed up and, if it is damaged, put back."""
from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event

from storage.errors import StorageError, failure
from storage.words import fold

NAME = "playground.sqlite3"
BACKUPS = 3                        # daily copies that are kept
DAY = 86_400


def open_database(folder: Path) -> tuple[Engine, list[str]]:
    """(engine, what was done to the file). Raises StorageError with a sentence."""
    path, notes = folder / NAME, []
    if path.exists() and not _sound(path):
        notes.append(_put_back(path))
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 5})
    event.listen(engine, "connect", _settings)
    event.listen(engine, "begin", _begin)
    try:
        _migrate(engine, path)
        _back_up(path)
    except StorageError:
        engine.dispose()
        raise
    except Exception as error:
        engine.dispose()
        raise failure(f"The database {path} could not be opened", error, folder) from error
    return engine, notes


def _settings(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None                  # SQLAlchemy says BEGIN, not the driver
    for pragma in ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=5000", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.create_function("python_fold", 1, fold, deterministic=True)


def _begin(connection: Connection) -> None:
    """Writers take the write lock at once: a read that becomes a write could fail without waiting."""
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


def _sound(path: Path) -> bool:
    """Whether SQLite can read the file and finds it whole."""
    try:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            return connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except sqlite3.OperationalError:
        return True                                    # locked or not writable: damaged it is not
    except sqlite3.DatabaseError:
        return False


def _put_back(path: Path) -> str:
    """Keep the damaged file aside and restore the latest backup that is sound, if there is one."""
    aside = path.with_name(f"{path.name}.corrupt-{time.time_ns()}")
    try:
        path.rename(aside)
        for leftover in ("-wal", "-shm"):
            path.with_name(path.name + leftover).unlink(missing_ok=True)
        for backup in _backups(path):
            if _sound(backup):
                shutil.copyfile(backup, path)
                return f"The database was damaged; it is kept as {aside.name} and the backup {backup.name} was restored."
    except OSError as error:
        raise failure(f"The database {path} is damaged and could not be replaced", error, path.parent) from error
    return f"The database was damaged and there was no backup; it is kept as {aside.name} and was rebuilt from the pictures."


def _backups(path: Path) -> list[Path]:
    """Newest first."""
    return sorted((path.parent / "backups").glob("playground-*.sqlite3"), reverse=True)


def _back_up(path: Path) -> None:
    """A consistent copy once a day."""
    existing = _backups(path)
    if existing and time.time() - existing[0].stat().st_mtime < DAY:
        return
    folder = path.parent / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / f"playground-{time.time_ns():020d}.sqlite3"
    with closing(sqlite3.connect(path, timeout=5)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))
    for old in _backups(path)[BACKUPS:]:
        old.unlink()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _migrate(engine: Engine, path: Path) -> None:
    """Bring the schema up to date; the file is copied first and put back if a migration fails."""
    config = _config()
    scripts = ScriptDirectory.from_config(config)
    with engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    if current == scripts.get_current_head():
        return
    if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
        raise StorageError(f"The database {path} was written by a newer version of this program (schema {current}); "
                           "update the program or choose another folder with --data DIR.")
    copy = path.with_name(path.name + ".before-migration") if current is not None else None
    if copy is not None:
        with closing(sqlite3.connect(path, timeout=5)) as connection:
            copy.unlink(missing_ok=True)
            connection.execute("VACUUM INTO ?", (str(copy),))
    try:
        with engine.execution_options(writes=True).connect() as connection:
            connection.detach()                        # closed afterwards: no other work may be done without foreign keys
            connection.connection.cursor().execute("PRAGMA foreign_keys=OFF")      # a table that is made anew is dropped first
            with connection.begin():
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
    except Exception:
        if copy is not None:
            engine.dispose()
            for leftover in ("-wal", "-shm"):
                path.with_name(path.name + leftover).unlink(missing_ok=True)
            shutil.copyfile(copy, path)
        raise
