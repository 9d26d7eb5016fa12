"""Whatever stands in a data folder, it is opened, listed and saved to, and what was left out is said."""
from __future__ import annotations

import errno
import json
import math
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from storage import Filters, Storage, StorageError
from storage.files import KEY
from storage.records import ASKED, columns_of
from tests.storage.conftest import Make

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")

ODD: dict[str, list[Any]] = {
    "prompt": [None, 5, ["a"], "\udcff\udcfe red star", "half an emoji \ud83d"], "negative_prompt": [None, {}], "model": [None, 1.5],
    "model_sha256": [None, True], "family": [None, 0], "sampler": [None, []], "steps": [2**70, 1.5, "20", None, True],
    "guidance_scale": [math.nan, math.inf, "3", None], "seed": [2**70, -2**70, "7", 1.0, None], "nfe": [None, 2**63],
    "seconds": [-math.inf], "options": [[], None, "text", {"a": math.nan}, {"a": "\ud800"}, {"\ud800": 1}], "environment": [[1], 5],
    "job_id": [[], 5], "cell_id": [{}, 1]}
CASES = [(name, value) for name, values in ODD.items() for value in values]


def deep(levels: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for _ in range(levels):
        found = {"a": found}
    return found


def save_png(path: Path, settings: Any) -> None:
    info = PngInfo()
    info.add_itxt(KEY, json.dumps(settings))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path, pnginfo=info)


def files(storage: Storage) -> list[Path]:
    return [path for path in storage.images.rglob("*") if path.is_file()]


def test_a_picture_that_cannot_be_kept_is_refused_and_leaves_nothing(storage: Storage, picture: Make) -> None:
    for name, value in [*CASES, ("options", deep(900))]:
        with pytest.raises(StorageError, match=ASKED.get(name, name)):
            storage.save_image(*picture(**{name: value}))
    assert not files(storage) and storage.page(Filters()).total == 0
    assert storage.save_image(*picture()).id


def test_pictures_with_odd_settings_are_put_aside_with_their_reasons(tmp_path: Path, picture: Make) -> None:
    plain = picture()[1]
    old = {name: value for name, value in columns_of(plain).items() if name != "request"}        # as files were before they had a version
    odd = [form | {name if form is plain else ASKED.get(name, name): value} for name, value in CASES for form in (plain, old)] + [
        plain | {"options": deep(300)}, plain | {"other": deep(300)}, old | {"created": 5}, {}, [], None, "text",
        {name: plain[name] for name in ("prompt", "seed")}, {name: plain[name] for name in ("prompt", "seed", "version")}]
    for k, settings in enumerate(odd):
        save_png(tmp_path / "images" / "ab" / f"ab{k:030x}.png", settings)
    for k, form in enumerate((plain, old)):
        save_png(tmp_path / "images" / "ab" / f"ab{'f' * 29}{k}.png", form)
    opened = Storage(tmp_path)
    assert sorted(opened.report.adopted) == [f"ab{'f' * 29}{k}" for k in range(2)] and len(opened.report.quarantined) == len(odd)
    reasons = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "quarantine").glob("*.txt")}
    assert len(reasons) == len(odd) and "prompt is None where text was expected" in reasons[f"ab{0:030x}.png.txt"]
    assert opened.page(Filters()).total == 2
    assert f"{len(odd)} things that are no sound pictures were put into the folder quarantine, each with its reason." in opened.notices()
    opened.close()
    again = Storage(tmp_path)
    assert not again.notices()
    again.close()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1), MemoryError(), RuntimeError("odd"), OSError(errno.EIO, "broken")])
@pytest.mark.parametrize("where", ["storage.files.os.fsync", "storage.files.os.replace", "storage.store.image_row",
                                   "sqlalchemy.engine.default.DefaultDialect.do_commit"])
def test_whatever_ends_a_save_leaves_neither_half(storage: Storage, picture: Make, where: str, error: BaseException,
                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    new, calls = picture(), []
    at = 2 if where == "storage.store.image_row" else 1            # the first only judges

    def fail(*given: Any, **more: Any) -> Any:
        calls.append(given)
        if len(calls) == at:
            raise error
        return whole(*given, **more)

    module, _, name = where.rpartition(".")
    with monkeypatch.context() as patch:
        from importlib import import_module
        owner = import_module("os") if module == "storage.files.os" else import_module(module) if module == "storage.store" else \
            import_module("sqlalchemy.engine.default").DefaultDialect
        whole = getattr(owner, name)
        patch.setattr(owner, name, fail)
        with pytest.raises((type(error), StorageError)):
            storage.save_image(*new)
    assert len(calls) >= at and not files(storage) and storage.page(Filters()).total == 0
    assert storage.save_image(*new).id


@pytest.fixture
def odd(tmp_path: Path, picture: Make) -> Iterator[Path]:
    """A data folder with one picture and everything that may stand beside it."""
    first = Storage(tmp_path)
    shard = first.path(first.save_image(*picture()).id).parent
    first.close()
    name = shard.name
    os.mkfifo(shard / f"{name}{'1' * 30}.png")
    listening = socket.socket(socket.AF_UNIX)
    here = os.getcwd()
    os.chdir(shard)                                                # the names of sockets are short
    listening.bind(f"{name}{'2' * 30}.png")
    os.chdir(here)
    (shard / f"{name}{'3' * 30}.png").mkdir()
    (shard / f"{name}{'4' * 30}.png").symlink_to(shard / f"{name}{'4' * 30}.png")
    (shard / f"{name}{'5' * 30}.png").symlink_to("/dev/zero")
    (shard / f"{name}{'6' * 30}.png").write_bytes(b"")
    (shard / f"{name}{'7' * 30}.png").symlink_to(tmp_path / "nothing")
    with open(os.fsencode(shard) + b"/\xff\xfe\n.png", "wb") as file:
        file.write(b"odd name")
    (shard / ("x" * 250 + ".png")).write_bytes(b"long name")
    (tmp_path / "images" / "zz").symlink_to(tmp_path / "images" / "zz")
    (tmp_path / "images" / "holiday").mkdir()
    (tmp_path / "images" / "note.txt").write_text("mine")
    os.mkfifo(tmp_path / "images" / "yy")
    (tmp_path / "quarantine").write_text("a file where the folder should be")
    yield tmp_path
    listening.close()


@posix
@pytest.mark.timeout(60)
def test_things_that_are_no_files_hold_nothing_up(odd: Path, picture: Make) -> None:
    opened = Storage(odd)
    assert len(opened.report.quarantined) == 13 and not opened.report.flagged and not opened.report.adopted
    assert opened.page(Filters()).total == 1 and opened.save_image(*picture()).id
    for sentence in opened.notices():
        sentence.encode()
    assert (odd / "quarantine").read_text().startswith("a file") and len(list((odd / "quarantine-2").glob("*.txt"))) == 14
    assert (odd / "quarantine-2" / "note.txt").read_text() == "mine"
    assert any("put into the folder quarantine-2, each" in sentence for sentence in opened.notices())
    opened.close()


@posix
def test_what_cannot_be_put_aside_stays_and_is_told(odd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")
    monkeypatch.setattr("storage.quarantine.os.rename", refuse)
    opened = Storage(odd)
    assert not opened.report.quarantined and "could not be put aside (Permission denied)" in " ".join(opened.notices())
    assert opened.page(Filters()).total == 1
    opened.close()


def test_two_of_one_name_are_both_kept(tmp_path: Path) -> None:
    for k in range(2):
        (tmp_path / "images" / "ab").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images" / "ab" / "x.png").write_text(str(k))
        Storage(tmp_path).close()
    assert sorted(path.read_text() for path in (tmp_path / "quarantine").glob("*.png")) == ["0", "1"]


def test_a_folder_that_cannot_be_looked_into_is_not_an_empty_one(tmp_path: Path, picture: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Storage(tmp_path)
    saved = first.save_image(*picture()).id
    first.close()
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if str(path).endswith(os.sep + saved[:2]):
            raise PermissionError(errno.EACCES, "Permission denied")
        return scandir(path)
    monkeypatch.setattr("storage.reconcile.os.scandir", refuse)
    opened = Storage(tmp_path)
    assert not opened.image(saved).missing and "could not be looked into" in opened.notices()[0]
    opened.close()


@pytest.mark.parametrize("name", ["processes", "snapshots", "sources", "grids", "backups", "images/ab"])
def test_a_file_in_the_place_of_a_folder_is_at_most_a_sentence(tmp_path: Path, picture: Make, name: str) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / name).write_text("no folder")
    opened = Storage(tmp_path)
    assert opened.save_image(*picture()).id
    grid = opened.start_grid(opened.start_job("compare", "diffusion", {}), rows=["a"], columns=["b"], layers=[""], settings={})
    opened.delete_grid(grid)
    for store in (opened.processes, opened.snapshots, opened.sources):
        assert not store.has("ab" * 8)
        store.drop("ab" * 8)
        for call in (lambda store=store: store.get("ab" * 8), lambda store=store: store.put("ab" * 8, b"")):
            try:
                call()
            except StorageError as error:
                assert str(error)
    opened.empty_bin(0)
    opened.close()


def test_a_truncated_picture_is_noticed_at_the_next_start_and_an_exchanged_one_by_a_check(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    whole, cut, other = (first.save_image(*picture(seed=k)).id for k in range(3))
    path, exchanged = first.path(cut), first.path(other)
    first.close()
    path.write_bytes(path.read_bytes()[:100])
    data = bytearray(exchanged.read_bytes())
    data[-20] ^= 1
    exchanged.write_bytes(bytes(data))
    opened = Storage(tmp_path)
    assert opened.report.altered == [cut] and opened.image(cut).altered and not opened.image(other).altered
    assert "another size" in opened.notices()[0]
    found = opened.check()
    assert sorted(found.altered) == sorted([cut, other]) and found.sound == 1 and not found.complete
    assert opened.image(other).altered and not opened.image(whole).altered
    data[-20] ^= 1
    exchanged.write_bytes(bytes(data))
    assert opened.check().altered == [cut] and not opened.image(other).altered
    opened.close()


def test_a_folder_in_the_place_of_a_picture_is_a_sentence(storage: Storage, picture: Make) -> None:
    path = storage.path(saved := storage.save_image(*picture()).id)
    path.unlink()
    path.mkdir()
    with pytest.raises(StorageError, match="is gone"):
        storage.path(saved)
    assert storage.check().altered == [saved]


def test_a_folder_that_cannot_be_opened_again_is_looked_at_until_it_can(tmp_path: Path, picture: Make,
                                                                        monkeypatch: pytest.MonkeyPatch) -> None:
    first = Storage(tmp_path)
    lost = [first.path(first.save_image(*picture(seed=k)).id) for k in range(25)]
    first.close()
    for path in lost:
        path.unlink()
    opened = Storage(tmp_path)

    def locked(*_: Any, **__: Any) -> None:
        raise StorageError("Another program holds the database.")
    with monkeypatch.context() as patch:
        patch.setattr("storage.store.open_database", locked)
        with pytest.raises(StorageError, match="holds"):
            opened.look_again()
        for call in (lambda: opened.page(Filters()), lambda: opened.save_image(*picture())):
            with pytest.raises(StorageError, match="holds"):
                call()
    opened.look_again(accept=True)
    assert opened.page(Filters()).total == 25 and opened.save_image(*picture()).id
    opened.close()


def test_files_that_were_saved_before_checksums_get_them(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    saved = first.save_image(*picture()).id
    with first._engine.begin() as connection:
        connection.exec_driver_sql("update images set bytes = null, sha256 = null")
    path = first.path(saved)
    first.close()
    opened = Storage(tmp_path)
    assert not opened.notices() and opened.check().noted == 1 and opened.check().sound == 1
    opened.close()
    path.write_bytes(path.read_bytes()[:-1])
    again = Storage(tmp_path)
    assert again.report.altered == [saved]
    again.close()
