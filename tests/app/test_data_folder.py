"""A data folder with what nobody expected in it: commands and routes go on, say what they left out, and offer what can be done."""
from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.cli import main
from app.drawing.ask import Ask
from app.grids.ask import GridAsk
from app.paths import Paths
from app.service import Service
from app.web.api import ROOT, routes
from storage import DiskFull as NoSpace
from storage import Filters, Storage
from storage.database import NAME
from tests.storage.damage import CASES, put

pytestmark = pytest.mark.slow

Run = Callable[..., tuple[int, Any, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """(exit code, JSON, standard error) of a command."""
    def call(*arguments: str, data: Path) -> tuple[int, Any, str]:
        capsys.readouterr()
        code = main([*arguments, "--data", str(data), "--json"])
        captured = capsys.readouterr()
        return code, json.loads(captured.out) if captured.out else None, captured.err
    return call


def picture(k: int = 0, **values: Any) -> tuple[np.ndarray, dict[str, Any]]:
    return np.full((32, 32, 3), k % 256, np.uint8), {
        "version": 3, "family": "diffusion", "model": "shapes-diffusion", "prompt": "a red star", "negative_prompt": "", "sampler": "ddim",
        "options": {"steps": 20, "eta": 0.0}, "guidance_scale": 3.0, "seed": k, "model_sha256": "ab" * 32, "steps": 20, "nfe": 40,
        "seconds": 0.5, "environment": {"device": "cpu"}, **values}


def fill(folder: Path, pictures: int = 3) -> tuple[list[str], str]:
    """Pictures, and a grid with one more."""
    storage = Storage(folder)
    storage.remember_model("ab" * 32, family="diffusion", name="shapes-diffusion", source="bundled")
    ids = [storage.save_image(*picture(k)).id for k in range(pictures)]
    ask = Ask("diffusion", "a red star", model="shapes-diffusion", sampler="ddim", guidance_scale=1.0, count=1)
    axis = {"name": "steps", "title": "Steps", "labels": ["5", "10"]}
    none = {"name": "", "title": "", "labels": [""]}
    job = storage.start_job("compare", "diffusion", asdict(GridAsk(ask, "steps=5,10")))
    grid = storage.start_grid(job, rows=[""], columns=["5", "10"], layers=[""], name="the day's", settings={
        "asked": asdict(GridAsk(ask, "steps=5,10")), "axes": {"x": axis, "y": none, "z": none}, "distance": True, "count": 1})
    cells = storage.lay_out(grid, {}, [(0, 0, k, {"status": "done", "nfe": 5, "seconds": 0.1, "settings": {
        **{name: value for name, value in asdict(ask).items() if name != "adapter"}, "options": {"steps": 5 + 5 * k, "eta": 0.0}}})
        for k in range(2)])
    ids += [storage.save_image(*picture(k, cell_id=cell, job_id=job)).id for k, cell in enumerate(cells)]
    storage.change_grid(grid, status="done")
    storage.close()
    return ids, grid


def client(service: Service) -> TestClient:
    app = FastAPI()
    app.router.routes += routes(service)
    return TestClient(app, base_url="http://127.0.0.1")


@pytest.fixture
def full(tmp_path: Path) -> Iterator[tuple[Path, list[str], str]]:
    ids, grid = fill(tmp_path / "data")
    yield tmp_path / "data", ids, grid


def look(page: TestClient, ids: list[str], grid: str) -> None:
    """Everything that a person looks at; any answer is one, an exception is none."""
    for path in ("/api/notices", "/api/gallery", "/api/gallery?text=red&steps_min=1", "/api/gallery?bin=true", "/api/facets", "/api/grids",
                 "/api/grids?text=day", "/api/grids?bin=true", f"/api/grid/{grid}", f"/api/grid/{grid}/cell/0", f"/api/grid/{grid}/chart",
                 f"/export/{grid}.csv", f"/export/{grid}.json", *(f"/api/picture/{name}" for name in (ids[0], ids[-1])),
                 f"/image/{ids[0]}.png"):
        answer = page.get(path)
        assert answer.status_code == 200 or (answer.status_code == 400 and answer.json()["error"]), path
        assert answer.status_code == 200 or path.startswith(("/api/grid/", "/export/", "/api/picture/", "/image/")), path


@pytest.mark.parametrize("cases", [CASES[::97], pytest.param(CASES, marks=[pytest.mark.long, pytest.mark.timeout(7200)])],
                         ids=["sample", "all"])
def test_no_value_of_any_column_stops_the_page(full: tuple[Path, list[str], str], cases: list[Any]) -> None:
    folder, ids, grid = full
    service = Service(Paths(folder))
    page = client(service)
    for table, column, value in cases:
        taken, before = put(folder, table, column, value)
        try:
            if taken:
                look(page, ids, grid)
        except Exception as error:
            raise AssertionError(f"{table}.{column} = {value!r}") from error
        finally:
            put(folder, table, column, before)
    assert page.get("/api/gallery").json()["total"] == len(ids)
    service.close()


@pytest.mark.parametrize("cases", [CASES[5::211], pytest.param(CASES, marks=[pytest.mark.long, pytest.mark.timeout(7200)])],
                         ids=["sample", "all"])
def test_no_value_of_any_column_stops_a_start(full: tuple[Path, list[str], str], tmp_path: Path, cases: list[Any]) -> None:
    folder, ids, grid = full
    for k, (table, column, value) in enumerate(cases):
        copy = tmp_path / f"copy{k}"
        shutil.copytree(folder, copy)
        try:
            if put(copy, table, column, value)[0]:
                opened = Storage(copy)
                assert opened.page(Filters()).total >= len(ids) - 1 and opened.grids() and opened.notices() is not None
                opened.close()
        except Exception as error:
            raise AssertionError(f"{table}.{column} = {value!r}") from error
        shutil.rmtree(copy)


def test_damaged_records_come_back_from_their_files_and_others_are_counted(full: tuple[Path, list[str], str]) -> None:
    folder, ids, grid = full
    put(folder, "images", "options", "{")
    put(folder, "cells", "metrics", "[]")
    first = Storage(folder)
    assert first.report.adopted == [ids[0]] and first.report.grids == [grid] and not first.report.left_out
    assert first.image(ids[0]).options == {"steps": 20, "eta": 0.0}
    put(folder, "images", "seed", "text")
    second = Service(Paths(folder))                            # who comes second mends nothing, and says so
    assert "1 damaged record cannot be read and is left out" in second.gallery.notices()[0]["text"]
    found = client(second).get("/api/gallery").json()
    assert found["left_out"] == 1 and len(found["items"]) == len(ids) - 1
    assert [entry["table"] for entry in second.gallery.check(lambda done, total: None)["left_out"]] == ["images"]
    second.close()
    first.close()


@pytest.mark.parametrize("name", ["a?b", "a?c&mode=memory", "my%20pictures", "a#b", "two words", "file:x", "Ω ünï 🌟", "a;b'c\"d", "%s"])
def test_a_data_folder_is_a_path_and_no_address(tmp_path: Path, run: Run, name: str) -> None:
    if os.name == "nt":
        name = name.translate({ord(letter): "_" for letter in '?:"'})
    folder, beside = tmp_path / "x" / name, tmp_path / "x" / "a"
    fill(folder, 2)
    code, found, _ = run("gallery", data=folder)
    assert code == 0 and found["total"] == 4
    assert {path.name for path in folder.iterdir()} == {".lock", "backups", "grids", "images", NAME, "running"} and not beside.exists()
    assert list((tmp_path / "x").iterdir()) == [folder]
    (backup,) = (folder / "backups").glob("*.sqlite3")
    with closing(sqlite3.connect(backup)) as database:
        assert database.execute("select count(*) from images").fetchone() == (0,)
    assert run("gallery", data=tmp_path / "x" / f"{name}2")[1]["total"] == 0


def test_a_path_that_is_none_is_a_sentence(tmp_path: Path, run: Run) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for data in (Path("~nobody-of-this-name/x"), tmp_path / "circle", tmp_path / "circle" / "x"):
        code, _, said = run("gallery", data=data)
        assert code == 1 and "--data DIR" in said and "Traceback" not in said


def test_what_a_start_repaired_is_told_by_every_command_and_on_the_page(full: tuple[Path, list[str], str], run: Run) -> None:
    folder, ids, grid = full
    data = (folder / NAME).read_bytes()
    (folder / NAME).write_bytes(data[:len(data) // 2])
    code, found, said = run("gallery", data=folder)
    assert code == 0 and found["total"] == len(ids) and "was damaged" in said and "is kept as" in said and "1 comparison came back" in said
    assert run("gallery", data=folder)[2] == ""                 # told once
    (folder / NAME).write_bytes(data[:len(data) // 2])
    service = Service(Paths(folder))
    notices = client(service).get("/api/notices").json()["notices"]
    assert "was damaged" in notices[0]["text"] and notices[0]["actions"] == []
    assert service.grids.list()["items"][0]["name"] == "the day's" and service.grids.view(grid)["done"] == 2
    service.close()


def test_many_missing_files_are_looked_at_and_settled_on_the_page(tmp_path: Path, run: Run) -> None:
    ids, grid = fill(tmp_path, 25)
    for image_id in ids[:22]:
        (tmp_path / "images" / image_id[:2] / f"{image_id}.png").unlink()
    code, found, said = run("gallery", "--limit", "50", data=tmp_path)
    assert code == 0 and len(found["images"]) == len(ids) and said.count("22 of 27 pictures are missing") == 1
    assert sum(image["path"] is None for image in found["images"]) == 22
    code, _, said = run("sample", "diffusion", "--prompt", "a red star", "--steps", "2", data=tmp_path)
    assert code == 1 and "22 of 27 pictures are missing" in said
    code, found, _ = run("gallery", "check", data=tmp_path)
    assert code == 1 and len(found["missing"]) == 22 and not found["altered"]
    service = Service(Paths(tmp_path))
    page = client(service)
    assert page.get("/api/notices").json()["notices"][0]["actions"] == ["again", "accept"]
    assert page.get(f"/api/grid/{grid}").status_code == page.get("/api/gallery").status_code == 200
    for path, body in (("/api/delete", {"ids": ids}), ("/api/empty-bin", {}), (f"/api/grid/{grid}/delete", {})):
        answer = page.post(path, json=body)
        assert answer.status_code == 400 and "22 of 27" in answer.json()["error"]
    assert page.post("/api/notices", json={"accept": False}).json()["notices"][0]["actions"] == ["again", "accept"]
    settled = page.post("/api/notices", json={"accept": True}).json()["notices"]
    assert "22 pictures are marked as missing" in settled[0]["text"] and not settled[0]["actions"]
    assert page.post("/api/delete", json={"ids": ids[:1]}).json() == {"count": 1}
    service.close()


def test_many_missing_files_are_settled_by_a_command(tmp_path: Path, run: Run) -> None:
    ids, _ = fill(tmp_path, 25)
    for image_id in ids[:22]:
        (tmp_path / "images" / image_id[:2] / f"{image_id}.png").unlink()
    assert run("gallery", "--accept", data=tmp_path)[0] == 2
    code, found, said = run("gallery", "check", "--accept", data=tmp_path)
    assert code == 0 and not found["missing"] and sorted(found["gone"]) == sorted(ids[:22])
    assert said.count("22 pictures are marked as missing") == 1
    assert run("gallery", data=tmp_path)[2] == ""
    code, found, said = run("gallery", "check", data=tmp_path)
    assert (code, said) == (0, "") and found["complete"] and len(found["gone"]) == 22


def test_a_missing_file_is_asked_for_until_it_is_there_again_or_said_to_be_gone(full: tuple[Path, list[str], str], run: Run) -> None:
    folder, ids, _ = full
    path, aside = folder / "images" / ids[0][:2] / f"{ids[0]}.png", folder / "aside.png"
    path.rename(aside)
    for _ in range(2):
        code, found, _ = run("gallery", "check", data=folder)
        assert code == 1 and found["missing"] == ids[:1] and not found["gone"]
    code, found, said = run("gallery", "check", "--accept", data=folder)
    assert (code, said) == (0, "") and found["complete"] and found["gone"] == ids[:1] and not found["missing"]
    aside.rename(path)                                           # it is there after all
    code, found, said = run("gallery", "check", data=folder)
    assert code == 0 and found["sound"] == len(ids) and not found["gone"] and "1 missing picture is there again" in said
    path.write_bytes(path.read_bytes()[::-1])
    assert run("gallery", "check", data=folder)[1]["altered"] == ids[:1]
    path.unlink()
    code, found, said = run("gallery", "check", data=folder)
    assert code == 1 and found["missing"] == ids[:1]
    service = Service(Paths(folder))
    service.gallery.delete(ids[:1])
    service.close()
    code, found, _ = run("gallery", "check", data=folder)        # in the bin it is no loss
    assert code == 0 and found["gone"] == ids[:1]


def test_a_check_reads_every_picture(full: tuple[Path, list[str], str], run: Run) -> None:
    folder, ids, _ = full
    code, found, _ = run("gallery", "check", data=folder)
    assert code == 0 and found["complete"] and found["sound"] == len(ids)
    path = folder / "images" / ids[0][:2] / f"{ids[0]}.png"
    path.write_bytes(path.read_bytes()[::-1])
    code, found, _ = run("gallery", "check", data=folder)
    assert code == 1 and found["altered"] == [ids[0]] and found["sound"] == len(ids) - 1
    path.unlink()
    code, found, said = run("gallery", "check", data=folder)
    assert code == 1 and found["missing"] == [ids[0]] and "1 picture is marked as missing" in said
    code, found, _ = run("gallery", data=folder)
    assert code == 0 and len(found["images"]) == len(ids)


def test_the_bin_is_emptied_by_hand(full: tuple[Path, list[str], str], run: Run) -> None:
    folder, ids, grid = full
    service = Service(Paths(folder))
    service.gallery.delete(ids[:1])
    service.grids.delete(grid)
    service.close()
    assert run("gallery", "check", "--empty-bin", data=folder)[0] == 2
    code, found, _ = run("gallery", "--empty-bin", data=folder)
    assert code == 0 and found == {"removed": 3} and run("gallery", data=folder)[1]["total"] == len(ids) - 3
    assert not list((folder / "grids").iterdir()) and len(list((folder / "images").rglob("*.png"))) == len(ids) - 3
    service = Service(Paths(folder))
    service.gallery.delete(ids[1:2])
    assert client(service).post("/api/empty-bin").json() == {"count": 1} and not service.gallery.notices()
    service.close()


def test_a_run_that_cannot_save_all_shows_what_it_saved(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    saved, save = [], Storage.save_image

    def full(self: Storage, *new: Any) -> Any:
        if len(saved) % 3 == 2:
            raise NoSpace("The picture could not be saved because the disk is full; free space.")
        saved.append(save(self, *new))
        return saved[-1]
    monkeypatch.setattr(Storage, "save_image", full)
    service = Service(Paths(tmp_path))
    view = service.wait(service.generate(Ask("diffusion", "a red star", options={"steps": 2}, count=4)))
    assert view.status == "failed" and "disk is full" in str(view.error) and [shot.id for shot in view.shots] == [r.id for r in saved]
    service.close()
    saved.clear()
    code, found, said = run("sample", "diffusion", "--prompt", "a red star", "--steps", "2", "--count", "4", data=tmp_path)
    assert code == 1 and "disk is full" in said and [Path(image["path"]).stem for image in found["images"]] == [r.id for r in saved]
    assert all(Path(image["path"]).exists() for image in found["images"])


def on_a_small_disk(tmp_path: Path, script: str, commands: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What a shell's script comes to that has such a disk at $PLACE."""
    disk, unshare = tmp_path / "disk", shutil.which("unshare")
    disk.mkdir()
    if unshare is None or subprocess.run([unshare, "-rm", "mount", "-t", "tmpfs", "small", str(disk)], capture_output=True).returncode:
        pytest.skip("this system lets no ordinary program make a small disk")
    environ = os.environ | {"PLACE": str(disk), "TMPDIR": str(disk), "PYTHON": sys.executable, "COMMANDS": commands} | variables
    return subprocess.run([unshare, "-rm", "sh", "-c", f'mount -t tmpfs -o size=2m small "$PLACE" && {script}'], capture_output=True,
                          text=True, cwd=ROOT, env=environ)


COMMANDS = """import os, sys
from app.cli import main
for words in (["gallery"], ["gallery", "check"], ["gallery", "--empty-bin"]):
    code = main([*words, "--json", "--data", os.environ["PLACE"] + "/data"])
sys.exit(code)"""


@pytest.mark.parametrize(("fill_up", "said"), [
    ('dd if=/dev/zero of="$PLACE/fill" bs=1k 2>/dev/null; test -f "$PLACE/fill"', "the disk is full"),
    ('mount -o remount,ro "$PLACE"', "the folder is not writable")], ids=["full", "read only"])
def test_a_full_disk_and_a_read_only_folder_are_looked_at(full: tuple[Path, list[str], str], tmp_path: Path, fill_up: str,
                                                          said: str) -> None:
    folder, ids, _ = full
    found = on_a_small_disk(tmp_path, f'cp -r "{folder}" "$PLACE/data" && {fill_up} && "$PYTHON" -c "$COMMANDS"', COMMANDS)
    assert found.returncode == 1 and "Traceback" not in found.stderr
    listed, checked = map(json.loads, found.stdout.splitlines())
    assert listed["total"] == len(ids) and checked["sound"] == len(ids)
    assert found.stderr.count(said) == 4 and "Everything can be looked at and nothing is changed" in found.stderr


EMPTIED = """import json, os, sys
from pathlib import Path
from storage import Filters, Storage
folder, number = Path(os.environ["PLACE"]) / "data", int(os.environ["NUMBER"])
import numpy as np
from tests.app.test_data_folder import picture
noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
opened = Storage(folder)
opened.delete([opened.save_image(noise, picture()[1]).id for _ in range(number)])
if os.environ["AGAIN"]:
    opened.close()
with open(folder.parent / "fill", "wb", buffering=0) as fill:
    try:
        while fill.write(bytes(fill.tell() < 2**20 and 1024 or 1)):
            pass
    except OSError:
        pass
if os.environ["AGAIN"]:
    opened = Storage(folder)
found = {"room": os.statvfs(folder).f_bavail, "closed": bool(opened.closed), "before": opened.page(Filters(bin=True)).total}
try:
    found["removed"] = opened.empty_bin(0)
except Exception as error:
    found["error"] = str(error)
found |= {"after": opened.page(Filters(bin=True)).total, "files": len(list(folder.glob("images/*/*")))}
opened.close()
opened = Storage(folder)
found["notices"] = opened.notices()
print(json.dumps(found))
"""


@pytest.mark.parametrize(("again", "number"), [("", 30), ("yes", 30), ("yes", 1)], ids=["while it runs", "at the start", "too little"])
def test_the_bin_of_a_full_disk_is_emptied(tmp_path: Path, again: str, number: int) -> None:
    ended = on_a_small_disk(tmp_path, '"$PYTHON" -c "$COMMANDS"', EMPTIED, AGAIN=again, NUMBER=str(number))
    found = json.loads(ended.stdout or pytest.fail(ended.stderr))
    assert found["room"] == 0 and found["closed"] == bool(again) and found["before"] == number and found["files"] == 0
    if number == 1:                                                            # whose file is too little for the database to work with
        assert found["error"].startswith("The files of 1 picture in the bin were removed") and found["after"] == 1
    else:
        assert found["removed"] == number and found["after"] == 0 and not found["notices"]


AXIS = '{"name": "", "title": "", "labels": [""]}'
NO_GRIDS = (
    "{}", '{"asked": {}, "axes": {}, "distance": 1, "count": "x"}', '{"asked": {"ask": {}}, "axes": {"x": {"labels": 5}}}',
    f'{{"asked": {{"ask": {{"family": 5, "prompt": 7}}, "x": 5}}, "axes": {{"x": {AXIS}, "y": {AXIS}, "z": {AXIS}}}, "distance": true, '
    '"count": 1}',
    '{"family": "none"}', '{"family": "diffusion", "prompt": 5}')
NO_CELLS = ('{"options": 5}', '{"family": 5}', '{"family": "diffusion", "sampler": "none"}', '{"model": []}')
NO_METRICS = ('{"snapshot": 5}', '{"accuracy": {}}', '{"errors": "x"}', '{"ssim": "y", "note": 5}',
              '{"accuracy": {"share": "x"}}', '{"same_as": []}')


def test_what_is_stored_of_a_comparison_is_judged_before_it_is_shown(full: tuple[Path, list[str], str]) -> None:
    folder, ids, grid = full
    service = Service(Paths(folder))
    page = client(service)
    for table, column, values in (("grids", "settings", NO_GRIDS), ("cells", "settings", NO_CELLS), ("cells", "metrics", NO_METRICS)):
        for value in values:
            before = put(folder, table, column, value)[1]
            look(page, ids, grid)
            if table == "grids":
                assert "is damaged" in page.get(f"/api/grid/{grid}").json()["error"], value
            else:
                cells = page.get(f"/api/grid/{grid}").json()["cells"]
                assert [cell["status"] for cell in cells] == ["failed", "done"] and "is damaged" in cells[0]["error"], value
            put(folder, table, column, before)
    assert [cell["status"] for cell in page.get(f"/api/grid/{grid}").json()["cells"]] == ["done", "done"]
    put(folder, "grids", "name", b"\xff\xfe")
    assert page.get("/api/grids?text=day").json()["total"] == 0
    service.close()
