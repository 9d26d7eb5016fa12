"""What is saved is found again, whatever happens in between."""
from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from storage import Cursor, DiskFull, Filters, Storage, StorageError, read_settings
from storage.errors import NoSuchPlace
from storage.files import MAX_CHUNKS
from tests.storage.conftest import Make


def test_a_picture_and_its_settings_come_back(storage: Storage, picture: Make) -> None:
    new = picture(options={"steps": 20, "eta": 0.5}, seed=2**32 - 1, negative_prompt="blue")
    record = storage.image(storage.save_image(*new).id)
    assert (record.options, record.seed, record.negative_prompt) == ({"steps": 20, "eta": 0.5}, 2**32 - 1, "blue")
    with Image.open(storage.path(record.id)) as image:
        assert np.array_equal(np.asarray(image), new[0])
    assert read_settings(storage.path(record.id)) == new[1]


def test_pages_lose_and_double_nothing_while_pictures_arrive(storage: Storage, picture: Make) -> None:
    first = [storage.save_image(*picture(seed=k)).id for k in range(25)]
    seen, cursor = [], None
    while True:
        page = storage.page(Filters(), cursor, limit=4)
        seen += [record.id for record in page.items]
        storage.save_image(*picture(seed=99))
        if page.next is None:
            break
        cursor = Cursor.parse(str(page.next))
    assert seen == first[::-1]


def test_filters(storage: Storage, picture: Make) -> None:
    storage.save_image(*picture(sampler="heun", steps=5, prompt="a large RED star above a blue ring"))
    storage.save_image(*picture(sampler="ddim", steps=50, prompt="a green cross", seed=9))
    def found(**values: object) -> int:
        return storage.page(Filters(**values)).total
    assert found(sampler="heun") == 1 and found(family="gan") == 0
    assert found(steps_min=10) == 1 and found(steps_max=10) == 1 and found(seed=9) == 1
    assert found(text="red RING") == 1 and found(text="red cross") == 0 and found(text="shapes") == 2
    facets = storage.facets()
    assert facets.samplers == ("ddim", "heun") and (facets.steps_min, facets.steps_max) == (5, 50)


def test_odd_search_text_never_raises(storage: Storage, picture: Make) -> None:
    storage.save_image(*picture(prompt="100% _under_ \\ back"))
    for text in ("%", "_", "\\", "'", '"', "a OR b*", "NEAR(", "\x00", "é" * 600):
        storage.page(Filters(text=text))
    assert storage.page(Filters(text="100%")).total == 1 and storage.page(Filters(text="%red")).total == 0


@pytest.mark.slow
@given(st.text(max_size=30))
def test_only_our_own_cursors_are_read(text: str) -> None:
    try:
        assert str(Cursor.parse(text)).split("-")[1] == text.split("-", 1)[1]
    except NoSuchPlace as error:
        assert "begin with the newest again" in str(error)


def test_bin_and_undo(storage: Storage, picture: Make) -> None:
    record = storage.save_image(*picture())
    assert storage.delete([record.id]) == 1 and storage.delete([record.id]) == 0
    assert storage.page(Filters()).total == 0 and storage.page(Filters(bin=True)).total == 1
    assert storage.restore([record.id]) == 1 and storage.page(Filters()).total == 1
    storage.delete([record.id])
    path = storage.path(record.id)
    assert storage.empty_bin(older_than_days=30) == 0 and path.exists()
    assert storage.empty_bin(older_than_days=0) == 1 and not path.exists()
    with pytest.raises(StorageError, match="not in the gallery"):
        storage.image(record.id)


def test_a_grid_with_its_cells_and_pictures(storage: Storage, picture: Make) -> None:
    job = storage.start_job("compare", "diffusion", {})
    grid = storage.start_grid(job, rows=["DDIM"], columns=["5", "10"], layers=[""], settings={"seed": 1}, name="test")
    cell = storage.save_cell(grid, 0, 0, 1, status="running", settings={"steps": 10})
    image = storage.save_image(*picture(job_id=job, cell_id=cell))
    assert storage.save_cell(grid, 0, 0, 1, status="done", settings={"steps": 10}, seconds=0.5, nfe=20) == cell
    (found,) = storage.grid(grid).cells
    assert (found.status, found.nfe, found.image_ids) == ("done", 20, (image.id,))
    assert storage.page(Filters(grid_id=grid)).total == 1
    with pytest.raises(StorageError, match="not in the gallery"):
        storage.grid("nothing")


def test_running_jobs_are_interrupted_at_the_next_start(tmp_path: Path) -> None:
    first = Storage(tmp_path)
    job = first.start_job("generate", "diffusion", {})
    first.close()
    Storage(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "playground.sqlite3")) as database:
        assert database.execute("select status from jobs where id = ?", (job,)).fetchone() == ("interrupted",)


@pytest.mark.slow
def test_eight_threads_save_at_once(storage: Storage, picture: Make) -> None:
    errors: list[Exception] = []

    def work(k: int) -> None:
        try:
            for i in range(10):
                storage.save_image(*picture(seed=100 * k + i))
                storage.page(Filters())
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and storage.page(Filters()).total == 80


def test_start_adopts_flags_and_quarantines(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    kept, lost, orphan = (first.save_image(*picture(seed=k)).id for k in range(3))
    first.path(lost).unlink()
    orphan_file = first.path(orphan)
    first.close()
    with closing(sqlite3.connect(tmp_path / "playground.sqlite3")) as database:
        database.execute("delete from images where id = ?", (orphan,))
        database.commit()
    (orphan_file.parent / ".x.part").write_bytes(b"half")
    (orphan_file.parent / "foreign.png").write_bytes(b"no picture")
    second = Storage(tmp_path)
    assert second.report.adopted == [orphan] and second.report.flagged == [lost]
    assert sorted(second.report.quarantined) == [".x.part", "foreign.png"]
    assert second.image(orphan).seed == 2 and second.image(lost).missing and not second.image(kept).missing
    second.close()


def test_a_second_opener_does_not_tidy_up_under_the_first(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    job = first.start_job("generate", "diffusion", {})
    saved = first.save_image(*picture()).id
    half = first.path(saved).parent / ".y.part"
    half.write_bytes(b"being written")
    second = Storage(tmp_path)
    assert half.exists() and second.image(saved).seed == 1 and second.save_image(*picture()).id
    with closing(sqlite3.connect(tmp_path / "playground.sqlite3")) as database:
        assert database.execute("select status from jobs where id = ?", (job,)).fetchone() == ("running",)
    second.close()
    first.close()
    Storage(tmp_path).close()
    assert not half.exists()


def test_a_disconnected_folder_changes_nothing(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    for k in range(25):
        first.save_image(*picture(seed=k))
    first.close()
    (tmp_path / "images").rename(tmp_path / "elsewhere")
    opened = Storage(tmp_path)
    assert "not connected" in opened.notices()[0] and opened.page(Filters()).total == 25
    assert not any(record.missing for record in opened.page(Filters()).items)
    for refused in (lambda: opened.save_image(*picture()), lambda: opened.empty_bin(0), lambda: opened.sources.put("ab" * 8, b"")):
        with pytest.raises(StorageError, match="gallery check --accept"):
            refused()
    (tmp_path / "images").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "images")
    opened.look_again()
    assert not opened.notices() and opened.page(Filters()).total == 25 and opened.save_image(*picture()).id
    opened.close()


def test_a_bin_that_was_half_emptied_on_a_full_disk_says_nothing_wrong(tmp_path: Path, picture: Make,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    first = Storage(tmp_path)
    stays = first.save_image(*picture()).id
    first.delete([first.save_image(*picture(seed=k)).id for k in range(30)])

    def full(*_: object) -> None:
        raise DiskFull("There is no room.")
    with monkeypatch.context() as patch:
        patch.setattr(first, "_write", full)
        with pytest.raises(DiskFull, match="The files of 30 pictures in the bin were removed"):
            first.empty_bin(0)
        with pytest.raises(DiskFull, match="There is no room"):               # once more, there is nothing left to remove
            first.empty_bin(0)
    second = Storage(tmp_path)                                                # beside the first, and then alone
    assert not second.notices() and second.page(Filters(bin=True)).total == 30
    second.close()
    first.close()
    alone = Storage(tmp_path)
    assert not alone.notices() and all(record.missing for record in alone.page(Filters(bin=True)).items)
    assert alone.empty_bin(0) == 30 and alone.page(Filters(bin=True)).total == 0 and alone.path(stays).exists()
    alone.close()


def test_many_files_that_are_gone_are_gone_when_a_person_says_so(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    lost = [first.save_image(*picture(seed=k)).id for k in range(25)]
    kept = first.save_image(*picture(seed=99)).id
    for image_id in lost:
        first.path(image_id).unlink()
    first.close()
    opened, beside = Storage(tmp_path), Storage(tmp_path)
    assert opened.closed and beside.closed                       # whoever comes second is told too, and changes nothing either
    opened.look_again()
    assert opened.closed and not opened.image(lost[0]).missing
    beside.look_again(accept=True)
    opened.look_again()
    assert not opened.closed and all(opened.image(image_id).missing for image_id in lost) and not opened.image(kept).missing
    assert opened.save_image(*picture()).id
    beside.close()
    opened.close()
    again = Storage(tmp_path)
    assert not again.notices()
    again.close()


@pytest.mark.slow
def test_a_damaged_database_is_kept_aside_and_put_back(tmp_path: Path, picture: Make) -> None:
    first = Storage(tmp_path)
    first.close()
    Storage(tmp_path).close()
    second = Storage(tmp_path)
    saved = second.save_image(*picture(seed=5)).id
    second.close()
    for leftover in tmp_path.glob("playground.sqlite3-*"):
        leftover.unlink()
    (tmp_path / "playground.sqlite3").write_bytes(b"SQLite format 3\x00" + os.urandom(5000))
    third = Storage(tmp_path)
    assert "backup" in third.report.notes[0] and list(tmp_path.glob("*.corrupt-*"))
    assert third.report.adopted == [saved] and third.image(saved).seed == 5       # younger than the backup
    third.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Storage(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "playground.sqlite3")) as database:
        database.execute("update alembic_version set version_num = '9999'")
        database.commit()
    with pytest.raises(StorageError, match="newer version"):
        Storage(tmp_path)


def test_a_full_disk_is_a_sentence_and_leaves_neither_half(storage: Storage, picture: Make,
                                                            monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")
    with monkeypatch.context() as patch:
        patch.setattr("storage.files.os.fsync", full)
        with pytest.raises(DiskFull, match="disk is full .*free space"):
            storage.save_image(*picture())
    assert storage.page(Filters()).total == 0 and not [p for p in storage.images.rglob("*") if p.is_file()]
    assert storage.save_image(*picture()).id                                    # recovers without a restart


def test_a_read_only_database_is_a_sentence_and_the_file_is_taken_back(storage: Storage, picture: Make) -> None:
    with storage._engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="could not be written"):
        storage.save_image(*picture())
    assert not [p for p in storage.images.rglob("*.png")]


@pytest.mark.parametrize("files", [500, pytest.param(20_000, marks=pytest.mark.long)])
def test_foreign_pngs_are_refused_with_one_exception(tmp_path: Path, picture: Make, files: int) -> None:
    path = tmp_path / "x.png"
    many = PngImagePlugin.PngInfo()
    for k in range(MAX_CHUNKS + 1):
        many.add_text(f"k{k}", "v")
    deep = PngImagePlugin.PngInfo()
    deep.add_itxt("playground", "[" * 100_000)
    for info in (None, many, deep):
        Image.new("RGB", (4, 4)).save(path, pnginfo=info)
        with pytest.raises(StorageError):
            read_settings(path)
    good = Storage(tmp_path / "data")
    data = bytearray(good.path(good.save_image(*picture()).id).read_bytes())
    good.close()
    rng = np.random.default_rng(0)
    for _ in range(files):
        mutated = bytearray(data)
        for position in rng.integers(len(data), size=3):
            mutated[position] = rng.integers(256)
        path.write_bytes(bytes(mutated[: rng.integers(1, len(data) + 1)]))
        try:
            assert isinstance(read_settings(path), dict)
        except StorageError as error:
            assert "x.png" in str(error)
