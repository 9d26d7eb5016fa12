"""Where everything lies, on machines that are set up in other ways."""
from __future__ import annotations

import errno
import tempfile
import threading
from pathlib import Path

import pytest

from app.errors import BadInput, UserError
from app.paths import Paths, open_paths


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user that the system does not know, as in a container that runs with a number for a user."""
    pwd = pytest.importorskip("pwd")
    for name in ("HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)

    def unknown(_: object) -> None:
        raise KeyError
    monkeypatch.setattr(pwd, "getpwuid", unknown)
    monkeypatch.setattr(pwd, "getpwnam", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_folder_one_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in (None, "~/data", "~somebody/data"):
        with pytest.raises(UserError, match="--data"):
            open_paths(folder)
    assert not list(tmp_path.iterdir())                                     # and none is made that is called ~
    assert open_paths("data").data == tmp_path.resolve() / "data"


def test_folders_by_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for name in ("relative", "with space", "größe ☃", "~/home", "a#b%20c"):
        folder = open_paths(name).data
        assert folder.is_absolute() and folder.is_dir() and folder.name == Path(name).name and not list(folder.iterdir())
    for name in ("", "  "):
        with pytest.raises(BadInput, match="names no folder"):
            open_paths(name)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        open_paths(str(tmp_path / "file" / "data"))
    with pytest.raises(UserError, match="cannot be written"):
        open_paths("x" * 5000)


def test_commands_that_start_at_once_do_not_disturb_each_other(tmp_path: Path) -> None:
    failed: list[UserError] = []

    def start() -> None:
        try:
            for _ in range(50):
                open_paths(str(tmp_path))
        except UserError as error:
            failed.append(error)
    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def test_no_folder_for_temporary_files_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.web.server import build_app

    def none(**_: object) -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found")
    monkeypatch.setattr(tempfile, "mkdtemp", none)
    with pytest.raises(UserError, match="TMPDIR"):
        build_app(Paths(tmp_path))
