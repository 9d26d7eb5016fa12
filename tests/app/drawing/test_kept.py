"""What is kept of a picture is its request with the version: in its file, and in the row that is made from the file's text."""
from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from app.drawing.ask import Ask
from app.paths import Paths
from app.service import Service
from pipelines.request import VERSION, Request
from storage import read_settings
from storage.database import NAME
from tests.app.fake import without_networks

LOST = ("created", "job_id")       # a file has its time, and the jobs go with their database


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    without_networks(monkeypatch)
    made = Service(Paths(tmp_path))
    yield made
    made.close()


def rows(folder: Path) -> list[dict[str, Any]]:
    """All that the database says of pictures."""
    with closing(sqlite3.connect(folder / NAME)) as database:
        database.row_factory = sqlite3.Row
        return [{name: row[name] for name in row.keys() if name not in LOST}                       # noqa: SIM118
                for row in database.execute("select * from images order by id")]


def test_file_and_row_say_the_request(service: Service) -> None:
    view = service.wait(service.generate(Ask("gan", "a red star", options={"interpolation": 0.25, "second": 9}, seed=5, count=2)), 60)
    assert view.status == "done" and len(view.shots) == 2
    for k, shot in enumerate(view.shots):
        alone, text = Request.from_dict(view.settings).alone(k), read_settings(Path(shot.path))
        assert text["version"] == VERSION and (text["nfe"], text["model_sha256"]) == (shot.nfe, shot.settings["model_sha256"])
        assert Request.from_dict(text) == Request.from_dict(service.artist.storage.image(shot.id).request) == alone
        assert service.gallery.picture(shot.id).settings == alone.settings


def test_a_database_made_anew_from_the_files_has_the_same_rows(service: Service, tmp_path: Path) -> None:
    service.wait(service.generate(Ask("flow", "a red star", options={"steps": 3}, count=2)), 60)
    service.close()
    before, backups = rows(tmp_path), tmp_path / "backups"
    (tmp_path / NAME).unlink()
    shutil.rmtree(backups, ignore_errors=True)
    Service(Paths(tmp_path)).close()
    assert len(before) == 2 and before == rows(tmp_path)
