"""Pictures that come in: of every kind, at any size, damaged in any way; and what they cost."""
from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.cli import main
from app.drawing import picture_files
from app.drawing.picture_files import MAX_PIXELS, prepare
from app.errors import BadInput
from tests.app.served import in_line, served
from tests.app.web.test_paths_that_come_in import META, with_files

ROOT = Path(__file__).parents[3]
RED = Image.new("RGB", (40, 30), (255, 0, 0))


def saved(picture: Image.Image, kind: str, **more: object) -> io.BytesIO:
    file = io.BytesIO()
    picture.save(file, kind, **more)
    file.seek(0)
    return file


def png(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    """A PNG of nothing but black, which packs a thousand to one."""
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    bits = depth * {0: 1, 2: 3, 6: 4}[colour]
    pack, lines = zlib.compressobj(), bytes(100 * (1 + -(-width * bits // 8)))
    data = b"".join([*(pack.compress(lines) for _ in range(-(-height // 100))), pack.flush()])
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)) + chunk(b"IDAT", data)
            + chunk(b"IEND", b""))


def kinds() -> list[tuple[Image.Image, tuple[int, int, int]]]:
    """Pictures of every mode, and the colour that is seen."""
    moving = saved(RED, "GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), (0, 255, 0))])
    palette = RED.quantize(4)
    palette.info["transparency"] = palette.getpixel((0, 0))
    return [(RED, (255, 0, 0)), (Image.new("RGBA", (8, 8), (0, 0, 0, 0)), (255, 255, 255)), (palette, (255, 255, 255)),
            (Image.new("LA", (8, 8), (0, 0)), (255, 255, 255)), (Image.new("1", (8, 8), 1), (255, 255, 255)),
            (Image.fromarray(np.full((9, 9), 32768, np.uint16)), (128, 128, 128)), (Image.new("RGB", (1, 1), (9, 8, 7)), (9, 8, 7)),
            (Image.open(moving), (255, 0, 0)), (RED.quantize(4), (255, 0, 0)), (Image.new("F", (8, 8), 1.0), (255, 255, 255)),
            (Image.new("I", (8, 8), 65535), (255, 255, 255)), (Image.new("CMYK", (8, 8), (0, 0, 0, 0)), (255, 255, 255)),
            (Image.fromarray(np.full((8, 8), np.nan, np.float32)), (0, 0, 0))]


def test_every_kind_of_picture_and_of_file(tmp_path: Path) -> None:
    read = set()
    for picture, colour in kinds():
        given: list[object] = [picture]
        for kind in picture_files.FORMATS:
            path = tmp_path / f"{len(read)}-{picture.mode.replace(';', '')}.{kind.lower()}"
            try:
                picture.save(path, kind)
            except (OSError, ValueError):                          # no such mode in this format
                continue
            with Image.open(path) as back:
                if back.mode == picture.mode and back.has_transparency_data == picture.has_transparency_data:      # all was kept
                    given.append(path)
                    read.add((kind, back.mode))
        for one in given:
            found = prepare(one, 16)                               # type: ignore[arg-type]
            assert found.shape == (16, 16, 3) and np.abs(found.astype(int) - colour).max() <= 2, one
    assert {kind for kind, _ in read} == set(picture_files.FORMATS) and len(read) >= 12


def test_a_camera_that_was_turned(tmp_path: Path) -> None:
    corner = Image.new("RGB", (2, 2), (0, 0, 255))
    corner.putpixel((0, 0), (255, 255, 255))
    exif = corner.getexif()
    exif[0x0112] = 6
    corner.resize((400, 400), Image.Resampling.NEAREST).save(tmp_path / "large.jpg", exif=exif)
    for given in (saved(corner, "PNG", exif=exif), tmp_path / "large.jpg"):
        found = prepare(given, 2).astype(int)
        assert found[0, 1].min() > found[0, 0].min() + 100
    corner.save(tmp_path / "odd.png", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")             # notes that cannot be read are no notes
    assert prepare(tmp_path / "odd.png", 2)[0, 0].min() > 200


def test_strips_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = Image.effect_noise((203, 157), 90).convert("RGBA")
    noise.putalpha(Image.effect_noise((203, 157), 60))
    whole = prepare(noise, 16)
    monkeypatch.setattr(picture_files, "STRIP", 203 * 10)
    assert (prepare(noise, 16) == whole).all()


def test_a_header_that_claims_too_much_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda self: pytest.fail("it was decoded"))
    for width, height in ((7000, 7000), (MAX_PIXELS, 2), (2**31 - 1, 2**31 - 1)):
        path = tmp_path / f"{width}.png"
        path.write_bytes(png(1, 1)[:16] + struct.pack(">II", width, height) + png(1, 1)[24:29] + bytes(4) + png(1, 1)[33:])
        header = bytearray(path.read_bytes())
        header[29:33] = struct.pack(">I", zlib.crc32(header[12:29]))
        path.write_bytes(header)
        with pytest.raises(BadInput, match=f"pixels; at most {MAX_PIXELS:,} in all"):
            prepare(path, 32)
    with pytest.raises(BadInput, match="at most"):
        prepare(Image.new("1", (MAX_PIXELS // 1000 + 1, 1000)), 16)
    with pytest.raises(BadInput, match="no picture yet"):
        prepare(None, 16)


def test_a_large_jpeg_is_decoded_small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(picture_files, "JPEG_PIXELS", 40_000)
    for side, progressive, accepted in ((100, True, True), (200, False, True), (200, True, False), (201, False, False)):
        RED.resize((side, side)).save(tmp_path / "own.jpg", progressive=progressive)
        if accepted:
            assert np.abs(prepare(tmp_path / "own.jpg", 16).astype(int) - (255, 0, 0)).max() <= 2
        else:
            with pytest.raises(BadInput, match="10,000 in all are accepted, and 40,000 in a JPEG that is not progressive"):
                prepare(tmp_path / "own.jpg", 16)


def test_what_is_no_picture_gets_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "svg.png").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "empty.png").touch()
    (tmp_path / "cut.png").write_bytes(saved(Image.effect_noise((64, 64), 90), "PNG").read()[:900])
    RED.save(tmp_path / "other.bmp")
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
    for path in [*tmp_path.iterdir(), tmp_path / "gone.png"]:
        with pytest.raises(BadInput) as caught:
            prepare(path, 16)
        said = str(caught.value)
        assert path.name in said and said.count(";") == 1 and "PNG, JPEG, WebP, GIF or TIFF." in said


@pytest.mark.parametrize("kind", picture_files.FORMATS)
def test_damaged_files_are_read_or_refused(kind: str, files: int = 100) -> None:
    chance, outcomes = random.Random(kind), set()
    whole = saved(Image.effect_noise((48, 40), 90).convert("RGB"), kind, exif=RED.getexif()).read()
    for _ in range(files):
        data = bytearray(whole[:1 + chance.randrange(len(whole))] if chance.random() < 0.2 else whole)
        for _ in range(chance.randrange(1, 8)):
            at = chance.randrange(min(len(data), 200)) if chance.random() < 0.7 else chance.randrange(len(data))
            data[at:at + 1] = bytes([chance.randrange(256)]) * chance.choice((0, 1, 1, 1, 2))
            data = data or bytearray(1)
        try:
            assert prepare(io.BytesIO(bytes(data)), 8).shape == (8, 8, 3)
            outcomes.add("read")
        except BadInput:
            outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.long
@pytest.mark.parametrize("kind", picture_files.FORMATS)
def test_many_damaged_files_are_read_or_refused(kind: str) -> None:
    test_damaged_files_are_read_or_refused(kind, 5000)


PEAK = """
import json, sys, threading
from pathlib import Path
import psutil
from app.drawing.picture_files import prepare
from app.errors import BadInput

def read(name):
    try:
        prepare(Path(name), 32)
    except BadInput:
        pass

def peak():
    if sys.platform == "win32":
        return psutil.Process().memory_info().peak_wset
    import resource
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)

small, *names = sys.argv[1:]
read(small)
before = peak()
threads = [threading.Thread(target=read, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(peak() - before))
"""


def peak(tmp_path: Path, *files: bytes) -> int:
    """How much more memory a process has had at once when all files were read at once than after a small one."""
    names = []
    for k, data in enumerate((png(8, 8), *files)):
        (tmp_path / f"{k}.png").write_bytes(data)
        names.append(str(tmp_path / f"{k}.png"))
    done = subprocess.run([sys.executable, "-c", PEAK, *names], cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


@pytest.mark.slow
def test_many_at_once_need_the_memory_of_one(tmp_path: Path) -> None:
    """Of the largest that is permitted, four bytes a pixel; one that is refused needs none of it."""
    one, side = 4 * MAX_PIXELS, int(MAX_PIXELS**0.5)
    assert peak(tmp_path, *[png(7000, 7000)] * 3) < one / 4
    assert peak(tmp_path, *[png(side, side, colour=6)] * 2) < 1.5 * one


@pytest.mark.slow
def test_every_place_for_a_picture_reads_it_under_these_limits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the page, whose library would decode whatever comes, and of the command line."""
    large = tmp_path / "large.png"
    large.write_bytes(png(7000, 7000))
    assert large.stat().st_size < 200_000
    with served(tmp_path / "data") as client:
        path = client.post("/gradio_api/upload", files={"files": ("large.png", large.read_bytes())}).json()[0]
        endpoints = with_files(client)
        assert len(endpoints) >= 10
        for endpoint, inputs, places in endpoints:
            assert endpoint["queue"]
            data = [{"path": path, "orig_name": "large.png", "meta": META} if k in places else value for k, value in enumerate(inputs)]
            answer = in_line(client, endpoint["id"], data)
            assert answer["success"] and "7,000 by 7,000 pixels; at most" in json.dumps(answer["output"]), endpoint["api_name"]
    for arguments in (["examine", "flow", str(large)], ["sample", "flow", "--prompt", "a red star", "--picture", str(large)]):
        assert main([*arguments, "--data", str(tmp_path / "data")]) == 2
        assert "7,000 by 7,000 pixels; at most" in capsys.readouterr().err
