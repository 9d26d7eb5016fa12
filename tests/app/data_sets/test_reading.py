"""A folder or a zip of pictures is read whatever lies in it: what can be used is, and the rest is named with a reason."""
from __future__ import annotations

import io
import json
import os
import random
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.data_sets import files, reading
from app.errors import BadInput


def noise(seed: int, width: int = 40, height: int = 40) -> Image.Image:
    """Smooth, so that it survives being made smaller, and unlike any other."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (6, 6, 3), np.uint8)).resize((width, height), Image.Resampling.BICUBIC)


def saved(picture: Image.Image, kind: str = "png", **more: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    return file.getvalue()


def folder_of(place: Path, content: dict[str, bytes | str]) -> Path:
    for name, text in content.items():
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return place


def zip_of(path: Path, content: dict[str, bytes | str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return path


def read(path: Path, size: int = 16) -> reading.Found:
    return reading.read(path, size, lambda done, total: None)


def captions(path: Path) -> dict[str, str]:
    return {picture.path: picture.caption for picture in read(path).pictures}


def claimed(width: int, height: int) -> bytes:
    """The header of a PNG alone."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


def test_check_names_everything_and_ends_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    good = {
        "cmyk.jpg": saved(noise(1).convert("CMYK"), "jpeg"), "palette.png": saved(noise(2).convert("P")),
        "alpha.png": saved(noise(3).convert("RGBA")), "turned.jpg": saved(noise(4, 60), "jpeg", exif=turned),
        "deep.png": saved(Image.fromarray(np.linspace(0, 65535, 1600).reshape(40, 40).astype(np.uint16))),
        "moving.gif": saved(noise(6), "gif", save_all=True, append_images=[noise(7)]), "wrong-name.dat": saved(noise(8)),
        "a.png": saved(noise(9)), "deeper/a.png": saved(noise(9)), "smaller.jpg": saved(noise(9).resize((30, 30)), "jpeg")}
    bad = {"huge.png": claimed(20_000, 20_000), "one.png": saved(noise(1, 1, 1)), "cut.png": saved(noise(1))[:300], "empty.png": b"",
           "notes.md": "hello", "picture.svg": "<svg/>"}
    folder = folder_of(tmp_path / "own", good | bad | {"captions.csv": "file,caption\na.png,one\ngone.png,none\n"})
    odd = set()
    if os.name != "nt":
        os.mkfifo(folder / "pipe.png")
        (tmp_path / "outside.png").write_bytes(good["a.png"])
        (folder / "out.png").symlink_to(tmp_path / "outside.png")
        (folder / "nowhere.png").symlink_to(tmp_path / "nothing")
        (folder / "round").symlink_to(folder)
        odd = {"pipe.png", "out.png", "nowhere.png", "round"}
    assert main(["data", "check", str(folder), "--data", str(tmp_path / "data"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["pictures"] == len(good) and found["captions"] == 1 and found["channels"] == 3
    assert {entry["path"] for entry in found["rejected"]} == {*bad} | odd
    assert all(entry["reason"].endswith(".") for entry in found["rejected"])
    assert found["duplicates"] == [["a.png", "deeper/a.png"]] and found["near_duplicates"] == [["a.png", "smaller.jpg"]]
    assert found["cropped"] == 1 and found["sizes"]["40 x 40"] == len(good) - 2
    noted = {entry["path"]: entry["reason"] for entry in found["notes"]}
    assert "is not there" in noted["gone.png"] and "no caption" in noted["alpha.png"] and len(noted) == len(good)
    for wrong in (["check"], ["check", str(tmp_path / "none")], ["check", str(folder / "a.png")], ["check", str(folder), "--size", "30"],
                  ["check", ""], ["look", " "], ["make", "mine", ""]):
        assert main(["data", *wrong, "--data", str(tmp_path / "data")]) == 2


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_captions_of_every_encoding_and_table(tmp_path: Path, encoding: str) -> None:
    tables = {"captions.csv": "file,caption\r\nä.png,größer\r\n", "metadata.csv": "Text;file_name\ngrößer;ä.png\n",
              "captions.jsonl": '{"file": "./ä.png", "caption": "größer"}\n',
              "metadata.jsonl": '\n{"file_name": "ä.png", "text": "gr\\u00f6\\u00dfer"}\n', "ä.txt": " größer\n"}
    for k, (name, text) in enumerate(tables.items()):
        folder = folder_of(tmp_path / str(k), {"in/ä.png": saved(noise(1)), f"in/{name}": text.encode(encoding)})
        assert captions(folder) == {"in/ä.png": "größer"}, name


def test_damaged_tables_are_noted_and_read_as_far_as_they_go(tmp_path: Path) -> None:
    for k, (name, text) in enumerate({
            "captions.jsonl": '{"file": "a.png", "caption": "one"}\n{"file": \n[1]\n{"caption": "x"}\n{"file": "b.png", "caption": 7}\n',
            "captions.csv": "file,caption\na.png,one\nb.png\n,x\n" + "c" * 200_000, "metadata.csv": "a.png,one\n"}.items()):
        folder = folder_of(tmp_path / str(k), {"a.png": saved(noise(1)), "b.png": saved(noise(2)), name: text})
        found = read(folder)
        assert {picture.path: picture.caption for picture in found.pictures} == {"a.png": "" if k == 2 else "one", "b.png": ""}
        assert not found.rejected and [path for path, _ in found.notes].count(name) == (4, 2, 1)[k], found.notes


def test_folders_are_classes_where_nobody_wrote_captions(tmp_path: Path) -> None:
    content: dict[str, bytes | str] = {f"{name}/{k}.png": saved(noise(k)) for k, name in enumerate(("cats", "train/dogs", "cats/old"))}
    assert captions(folder_of(tmp_path / "a", content)) == {"cats/0.png": "cats", "train/dogs/1.png": "dogs", "cats/old/2.png": "cats"}
    packed = zip_of(tmp_path / "a.zip", {f"pets/{name}": text for name, text in content.items()})
    assert captions(packed) == captions(tmp_path / "a")
    assert read(tmp_path / "a").report()["classes"] == 2
    alone = read(folder_of(tmp_path / "b", {"1.png": saved(noise(1).convert("L")), "2.png": saved(noise(2).convert("L"))}))
    assert alone.report()["captions"] == 0 and alone.channels == 1 and not alone.notes


def test_a_zip_cannot_reach_outside_nor_unpack_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILE", 50_000)
    monkeypatch.setattr(files, "MAX_ZIP", 60_000)
    strange = ["../up.png", "/root.png", "a/../../up.png", "c:/x.png", "\\\\host\\x.png", "link.png"]
    path = zip_of(tmp_path / "a.zip", {"a.png": saved(noise(1)), "large.png": bytes(70_000), "liar.png": bytes(70_000),
                                       "sum1.png": bytes(48_000), "sum2.png": bytes(48_000)})
    with zipfile.ZipFile(path, "a") as archive:
        for name in strange:
            info = zipfile.ZipInfo(name)
            info.external_attr = (0o120777 if name == "link.png" else 0o100644) << 16
            archive.writestr(info, saved(noise(2)))
        archive.writestr("locked.png", saved(noise(3)))
    content = bytearray(path.read_bytes())
    place = content.index(b"liar.png", content.rindex(b"PK\x01\x02large.png"[:4], 0, content.rindex(b"large.png"))) - 46
    content[place + 24:place + 28] = struct.pack("<I", 100)                     # what it says that it unpacks to
    place = content.rindex(b"locked.png") - 46
    content[place + 8] |= 1                                                     # that it is encrypted
    path.write_bytes(content)
    found = read(path)
    reasons = dict(found.rejected)
    assert [picture.path for picture in found.pictures] == ["a.png"]
    assert {*reasons} == {*strange, "large.png", "liar.png", "sum1.png", "sum2.png", "locked.png"}
    assert "MiB" in reasons["large.png"] and "GiB" in reasons["sum2.png"] and "unpacked" in reasons["locked.png"]


def mutated(rng: random.Random, content: bytes) -> bytes:
    found = bytearray(content)
    for _ in range(rng.choice((1, 3, 20))):
        found[rng.randrange(len(found))] = rng.randrange(256)
    return bytes(found[:rng.choice((len(found), rng.randrange(len(found))))])


def judged(place: Path, seed: int) -> None:
    """Damaged pictures, captions and a zip of them are read or refused."""
    rng = random.Random(seed)
    kinds = {f"{kind}{k}": mutated(rng, saved(noise(k), kind)) for k, kind in enumerate(("png", "jpeg", "webp", "gif", "tiff"))}
    tables = {"captions.csv": mutated(rng, "file,caption\npng0,größer\n".encode(rng.choice(("utf-8", "utf-16", "cp1252")))),
              "captions.jsonl": mutated(rng, b'{"file": "jpeg1", "caption": "x"}\n' * 2), "gif3.txt": mutated(rng, b"some text")}
    folder = folder_of(place / "f", kinds | tables)
    path = zip_of(place / "f.zip", kinds | tables)
    path.write_bytes(mutated(rng, path.read_bytes()))
    found = read(folder)
    assert len(found.pictures) + len(found.rejected) == len(kinds)
    json.dumps(found.report())
    try:
        json.dumps(read(path).report())
    except BadInput as error:
        assert str(error).endswith(".")


def test_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    for seed in range(6):
        judged(tmp_path, seed)


@pytest.mark.long
def test_many_damaged_files_are_read_or_refused(tmp_path: Path) -> None:
    for seed in range(2000):
        judged(tmp_path, seed)
