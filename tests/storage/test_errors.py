"""Each cause of a failure has its own sentence and advice."""
from __future__ import annotations

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import event

from storage import DiskFull, Storage, StorageError
from storage.errors import Damaged, NotWritable, failure
from tests.storage.conftest import Make


@pytest.mark.parametrize(("error", "kind", "advice"), [
    (OSError(errno.ENOSPC, "No space left on device"), DiskFull, "free space"),
    (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFull, "free space"),
    (sqlite3.OperationalError("database or disk is full"), DiskFull, "free space"),
    (OSError(errno.EROFS, "Read-only file system"), NotWritable, "make the folder writable"),
    (OSError(errno.EACCES, "Permission denied"), NotWritable, "make the folder writable"),
    (sqlite3.OperationalError("attempt to write a readonly database"), NotWritable, "make the folder writable"),
    (sqlite3.OperationalError("database is locked"), StorageError, "another program"),
    (sqlite3.DatabaseError("database disk image is malformed"), Damaged, "damaged"),
    (sqlite3.OperationalError("no such table: images"), Damaged, "damaged"),
    (OSError(errno.EIO, "Input/output error"), StorageError, "Input/output error"),
    (ValueError(), StorageError, "ValueError")])
def test_each_cause_has_its_own_advice(error: Exception, kind: type[StorageError], advice: str, tmp_path: Path) -> None:
    found = failure("It failed", error, tmp_path)
    assert type(found) is kind and advice in str(found)
    others = {"free space", "make the folder writable", "another program", "damaged"} - {advice}
    assert not [other for other in others if other in str(found)]


def test_an_error_of_the_disk_with_no_room_left_is_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = sqlite3.OperationalError("disk I/O error")
    assert type(failure("It failed", error, tmp_path)) is StorageError
    monkeypatch.setattr("storage.errors.shutil.disk_usage", lambda _: type("Usage", (), {"free": 0})())
    assert type(failure("It failed", error, tmp_path)) is DiskFull


def test_a_database_that_is_full_says_so_and_takes_the_file_back(storage: Storage, picture: Make) -> None:
    with storage._engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    event.listen(storage._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA max_page_count={pages}"))
    storage._engine.dispose()
    with pytest.raises(DiskFull, match="free space"):
        for _ in range(200):
            storage.save_image(*picture(prompt="x" * 1000))
    files = [path for path in storage.images.rglob("*") if path.is_file()]
    with storage._engine.connect() as connection:
        assert len(files) == connection.exec_driver_sql("select count(*) from images").scalar()


def test_a_locked_database_says_who_holds_it(storage: Storage, picture: Make) -> None:
    event.listen(storage._engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout=50"))
    storage._engine.dispose()
    with closing(sqlite3.connect(storage.folder / "playground.sqlite3")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="another program holds"):
            storage.save_image(*picture())
        other.rollback()
    assert storage.save_image(*picture()).id
