"""Files that something happened to: each loads, or is refused with one sentence; with a checksum none is loaded that changed."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from app.drawing.weights import Weights
from app.models.models import Models
from tests.tiny import untrained
from weights.catalog import Entry, entries
from weights.check.verify import WeightsError
from weights.load import load, save

FAMILIES = ("gan", "flow", "vqvae")


def original(folder: Path, family: str) -> bytes:
    """A whole file of a tiny network with all that a run's has."""
    net = untrained(family)
    save(folder / "whole.safetensors", net.state_dict(), {
        "family": family, "title": "A tiny one", "config": net.config.to_dict(), "training": {"images": 7, "from": "shapes-gan"}})
    return (folder / "whole.safetensors").read_bytes()


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """Something happens to a file, mostly to its header."""
    changed, header = bytearray(data), 8 + int.from_bytes(data[:8], "little")
    for _ in range(int(rng.integers(1, 4))):
        end = len(changed) if rng.random() < 0.3 else min(header, len(changed))
        at, many = int(rng.integers(end)), int(rng.integers(1, 40))
        match int(rng.integers(7)):
            case 0:
                changed[at] = int(rng.integers(256))
            case 1:
                changed[at] ^= 1 << int(rng.integers(8))
            case 2:
                del changed[at:at + many]
            case 3:
                changed[at:at] = rng.bytes(many)
            case 4:
                changed[at:at] = changed[at:at + many]
            case 5:
                changed[at:at] = rng.choice([b"9", b"-", b"0", b"null", b"[", b"{}", b'"', b"e99", b"\\ud800"])
            case 6:
                del changed[max(at, 9):]
    return bytes(changed)


def none_gets_by(tmp_path: Path, count: int) -> int:
    """How many of the files load, without a checksum that they would have to have."""
    rng, loaded = np.random.default_rng(0), 0
    files = [original(tmp_path, family) for family in FAMILIES]
    path = tmp_path / "runs" / "m" / "model.safetensors"
    path.parent.mkdir(parents=True)
    for k in range(count):
        data = mutated(files[k % len(files)], rng)
        path.write_bytes(data)
        (view,) = [view for view in Models(Weights(tmp_path / "runs", tmp_path / "models")).views() if view.source == "run"]
        for use in (lambda: Entry("m", path, "run", None).check(), lambda: load(Entry("m", path, "run", None), torch.device("cpu"))):
            said = view.problem or ""
            try:
                use()
                loaded += not said
            except WeightsError as error:
                said = str(error)
            assert not said or said.isprintable() and said.endswith(".") and len(said) < 1200, (k, said)
    return loaded // 2


@pytest.mark.slow
def test_mutated_files_load_or_are_refused(tmp_path: Path) -> None:
    assert 0 < none_gets_by(tmp_path, 500) < 500


@pytest.mark.long
def test_many_mutated_files_load_or_are_refused(tmp_path: Path) -> None:
    none_gets_by(tmp_path, 20_000)


def with_a_checksum(tmp_path: Path, count: int) -> None:
    entry, rng = entries()[0], np.random.default_rng(0)
    data, path = entry.path.read_bytes(), tmp_path / "m.safetensors"
    for _ in range(count):
        changed = bytearray(data)
        changed[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        path.write_bytes(bytes(changed))
        with pytest.raises(WeightsError):
            load(Entry("m", path, "bundled", entry.expected), torch.device("cpu"))


def test_no_bundled_file_loads_that_was_mutated(tmp_path: Path) -> None:
    with_a_checksum(tmp_path, 20)


@pytest.mark.long
def test_no_bundled_file_loads_that_was_mutated_in_any_way(tmp_path: Path) -> None:
    with_a_checksum(tmp_path, 20_000)
