"""Only complete, consistent safetensors files are read; anything else is refused with one exception."""
from __future__ import annotations

import json
import math
import pickle
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from weights.catalog import Entry, entries
from weights.check import verify
from weights.check.verify import MAX_HEADER, WeightsError, check_numbers, read_header, sha256
from weights.load import load, save


def file_of(path: Path, header: Any, data: bytes = b"") -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


def entry(dtype: str = "F32", shape: Any = (2,), offsets: Any = (0, 8)) -> dict:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets)}


def test_what_is_saved_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    digest = save(path, {"w": torch.ones(2, 3)}, {"family": "diffusion"})
    header, metadata = read_header(path)
    assert header["w"]["shape"] == [2, 3] and json.loads(metadata["model"]) == {"family": "diffusion"}
    assert digest == sha256(path)


@pytest.mark.parametrize("header", [
    b"not json", b"[1]", b"{" * 50_000, {"w": 1}, {"w": entry(dtype="F99")}, {"w": entry(shape=[-1])},
    {"w": entry(shape=["2"])},
    {"w": entry(offsets=[4, 12])}, {"w": entry(offsets=[0, 4])}, {"w": entry(offsets=[0])}, {"w": {"dtype": "F32"}},
    {"w": entry(), "v": entry()}, {"w": entry(), "__metadata__": {"a": 1}}, {"w": entry(), "__metadata__": "x"},
    {f"w{k}": entry(shape=[0], offsets=[0, 0]) for k in range(50_001)}])
def test_inconsistent_headers_are_refused(tmp_path: Path, header: Any) -> None:
    with pytest.raises(WeightsError, match="cannot be loaded because"):
        read_header(file_of(tmp_path / "a.safetensors", header, bytes(8)))


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    for content in (b"", b"1234", pickle.dumps({"w": 1}), b"PK\x03\x04" + bytes(100),
                    struct.pack("<Q", MAX_HEADER + 1) + bytes(50), struct.pack("<Q", 2**63) + bytes(50)):
        path.write_bytes(content)
        with pytest.raises(WeightsError):
            read_header(path)
    with pytest.raises(WeightsError, match="could not be read"):
        read_header(tmp_path / "absent.safetensors")


def test_weights_that_do_not_fit_are_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    good = entries()[0].metadata
    for metadata, says in ((good, "do not fit"), ({**good, "family": "magic"}, "names no family"), ({**good, "config": {}}, "do not fit"),
                           ({}, "names no family")):
        save(path, {"w": torch.ones(2)}, metadata)
        with pytest.raises(WeightsError, match=says):
            load(Entry("a", path, "run", None), torch.device("cpu"))


NO_NUMBERS = (math.nan, -math.nan, math.inf, -math.inf)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.float8_e5m2, torch.float8_e4m3fn])
def test_values_that_are_no_numbers_are_counted(tmp_path: Path, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    """In every block of a file, for every format; its largest and smallest numbers are none of them."""
    monkeypatch.setattr(verify, "BLOCK", 64)
    info = torch.finfo(dtype)
    good = torch.tensor([info.max, info.min, info.tiny, -info.tiny, 0.0, -0.0, 1.5] * 30, dtype=torch.float64).to(dtype)
    wrong = [value for value in NO_NUMBERS if dtype != torch.float8_e4m3fn or math.isnan(value)]         # which knows no infinity
    path = tmp_path / "a.safetensors"
    save_file({"good": good, "counts": torch.tensor([-1, 2**62])}, path)
    check_numbers(path)
    spoilt = good.clone()
    for k, value in enumerate(wrong):
        spoilt[40 * k + 3] = value
    save_file({"good": good, "spoilt": spoilt, "text.attn_mask": spoilt.clone()}, path)
    with pytest.raises(WeightsError, match=f"holds {len(wrong)} values that are no numbers .*tensor 'spoilt'"):
        check_numbers(path)


def test_numbers_are_checked_a_block_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_file({"w": torch.zeros(2**24)}, path)
    tracemalloc.start()
    check_numbers(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 6 * verify.BLOCK < path.stat().st_size                   # the block, its bits and what they are compared with


def test_weights_without_numbers_are_neither_written_nor_loaded(tmp_path: Path) -> None:
    """Also where only fp16 has no number for them."""
    entry = entries()[0]
    path = tmp_path / "a.safetensors"
    metadata, tensors = entry.metadata, load_file(entry.path)
    save(path, tensors, metadata)
    before = path.read_bytes()
    name = next(iter(tensors))
    for value in (*NO_NUMBERS, 1e5):
        spoilt = tensors[name].float()
        spoilt.view(-1)[-1] = value
        with pytest.raises(WeightsError, match="no number"):
            save(path, {**tensors, name: spoilt}, metadata)
        assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    spoilt = tensors[name].clone()
    spoilt.view(-1)[-1] = math.nan
    save_file({**tensors, name: spoilt}, path, metadata={"model": json.dumps(metadata)})
    for use in (lambda entry: entry.check(), lambda entry: load(entry, torch.device("cpu"))):
        with pytest.raises(WeightsError, match="no number"):
            use(Entry("a", path, "run", None))


@pytest.mark.slow
def test_networks_load_while_a_library_has_changed_where_numbers_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """As transformers does with linspace while it loads a model, for all threads; when two of its models are loaded at once it even
    stays so."""
    made = torch.linspace

    def elsewhere(*arguments: Any, **named: Any) -> torch.Tensor:
        return made(*arguments, **{"device": "cpu"} | named)

    monkeypatch.setattr(torch, "linspace", elsewhere)
    for entry in entries():
        assert load(entry, torch.device("cpu"))[0] == entry.expected


def test_the_bundle_is_whole_and_small() -> None:
    bundle = entries()[0].path.parent
    sizes = [path.stat().st_size for path in bundle.glob("*.safetensors")]
    others = {f"{name}.safetensors" for name in ("features", "features-rendered", "faces-reader", "pixels-reader")}          # of judges
    assert {path.name for path in bundle.glob("*.safetensors")} == others | {entry.path.name for entry in entries()}
    assert sum(sizes) < 48 * 2**20 and max(sizes) < 12 * 2**20
    for found in entries():
        assert found.expected == sha256(found.path) and found.card.startswith("#")
