"""Sets of small photographs, from files as MNIST's are written."""
from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines import data
from pipelines.data.contract import DataSetError
from pipelines.data.digits.data_set import PHOTOS as DIGITS
from pipelines.data.fashion.data_set import PHOTOS as FASHION
from pipelines.data.photos import files
from pipelines.data.photos.files import CLASSES, PICTURES, Source, unpacked
from pipelines.data.photos.photos import Photos

COUNT = 40


def packed(kind: int, values: np.ndarray) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in (kind, *values.shape)) + values.tobytes()


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Photos:
    """Forty pictures of each split, whose brightness is their class, in the user's folder."""
    monkeypatch.setattr("pipelines.data.photos.files.FOLDERS", [tmp_path])
    folder, sums = tmp_path / "few", {}
    folder.mkdir()
    for start in ("train", "t10k"):
        classes = (np.arange(COUNT) * 7 % 10).astype(np.uint8)
        pictures = np.repeat(20 * classes, 28 * 28).reshape(COUNT, 28, 28).astype(np.uint8)
        for name, content in ((f"{start}-images-idx3-ubyte", packed(PICTURES, pictures)),
                              (f"{start}-labels-idx1-ubyte", packed(CLASSES, classes))):
            sums[name] = hashlib.sha256(content).hexdigest()
            (folder / f"{name}.gz").write_bytes(gzip.compress(content))
    source = Source("few", tmp_path / "nowhere", "few-things", sums)
    return replace(FASHION, source=source, counts={"train": COUNT, "test": COUNT})


@pytest.fixture(autouse=True)
def unread() -> None:
    """Nothing is remembered of the files of another test."""
    files._read.cache_clear()


def test_every_round_shows_all_pictures_in_an_order_of_its_own(few: Photos) -> None:
    rounds = [[few.item("train", 3, k) for k in range(first, first + COUNT)] for first in (0, COUNT)]
    shown = [[item.content[1] for item in one] for one in rounds]
    assert sorted(shown[0]) == sorted(shown[1]) == list(range(COUNT)) and shown[0] != shown[1]
    for item in rounds[0]:
        assert few.picture(item, 28).max() == 20 * item.label and few.label_of(item.caption) == item.label


def test_pictures_have_three_equal_channels_of_any_side(few: Photos) -> None:
    item = few.item("train", 0, 0)
    for side in (14, 28, 32):
        image = few.picture(item, side)
        assert image.shape == (side, side, 3) and image.dtype == np.uint8 and np.ptp(image, axis=2).max() == 0


def test_models_are_judged_by_all_classes_evenly_without_a_file() -> None:
    cases = FASHION.evaluation("test", 480)
    assert set(Counter(case.label for case in cases).values()) == {48}
    assert all(FASHION.label_of(case.caption) == case.label for case in cases)


@pytest.mark.parametrize("photos", [FASHION, DIGITS], ids=["fashion", "digits"])
def test_names_are_read_in_any_prompt(photos: Photos) -> None:
    for label, said in enumerate(photos.captions):
        for caption in said:
            assert photos.label_of(f"Please, {caption.upper()}!") == label
    assert photos.label_of("a house") is None and FASHION.label_of("a t-shirt") == 0 and FASHION.label_of("a shirt") == 6


@pytest.mark.parametrize(("wrong", "said"), [
    (lambda path: path.unlink(), "are not on this machine; install the package few-things, or put its files into"),
    (lambda path: path.write_bytes(path.read_bytes()[:-9]), "cannot be read"),
    (lambda path: path.write_bytes(b"no archive"), "cannot be read"),
    (lambda path: path.write_bytes(gzip.compress(b"another file")), "its checksum is another")])
def test_files_that_are_not_there_or_damaged_are_a_sentence(few: Photos, tmp_path: Path, wrong: Callable[[Path], None], said: str) -> None:
    assert few.source.present()
    wrong(tmp_path / "few" / "train-images-idx3-ubyte.gz")
    with pytest.raises(DataSetError, match=said):
        few.picture(few.item("train", 0, 0), 28)


def test_only_files_of_this_format_are_unpacked() -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    assert np.array_equal(unpacked(packed(PICTURES, values)), values)
    for wrong in (b"", b"\x00" * 40, packed(PICTURES, values)[:-1], packed(7, values)):
        with pytest.raises(ValueError):
            unpacked(wrong)


@pytest.mark.parametrize("name", ["fashion", "digits"])
def test_the_real_files_are_what_they_should_be(name: str) -> None:
    photos = {"fashion": FASHION, "digits": DIGITS}[name]
    if not photos.source.present():
        pytest.skip(f"{photos.source.package} is not installed")
    assert len(photos.source.pictures("train")) == 60_000 and len(photos.source.classes("test")) == 10_000
    assert photos.captions[int(photos.source.classes("train")[0])][0] == {"fashion": "an ankle boot", "digits": "5"}[name]


def test_training_on_a_set_that_is_not_here_says_where_it_belongs(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import main
    monkeypatch.setattr(FASHION.source.__class__, "folders", lambda source: [folder / source.name for folder in data.FOLDERS])
    code = main(["train", "gan", "--data-set", "fashion", "--steps", "1", "--data", str(tmp_path)])
    assert code == 1 and f"put its files into {tmp_path / 'data-sets' / 'fashion'}." in capsys.readouterr().err
