"""The user's own models stay where they are; the list of them is never half written."""
from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.weights.check.hostile import FLUX, SD, benign, weights, write
from weights.check.preflight import inspected
from weights.check.verify import WeightsError
from weights.local import Link, add, add_lora, linked, remove
from weights.pretrained import pretrained


def test_what_is_added_is_listed_until_it_is_removed(tmp_path: Path) -> None:
    root, folder = tmp_path / "models", write(tmp_path / "My model (v2)", benign("sd"))
    file = write(tmp_path, {"dream.v1.safetensors": weights(SD)}) / "dream.v1.safetensors"
    assert linked(root) == [] and add(root, folder) == "My-model-v2" and add(root, file) == "dream.v1"
    first, second = linked(root)
    assert first == Link("My-model-v2", folder, "sd", "diffusion", "Stable Diffusion 1.x and 2.x", first.bytes) and first.bytes > 100
    assert (second.path, second.present) == (file, True)
    remove(root, "My-model-v2")
    assert linked(root) == [second] and (folder / "model_index.json").exists()
    file.unlink()
    assert [link.present for link in linked(root)] == [False]
    with pytest.raises(WeightsError, match=r"no local model 'x'.*dream\.v1"):
        remove(root, "x")


def test_what_a_file_takes_from_its_neighbour_counts_too(tmp_path: Path) -> None:
    """A folder of another network is none, and one that is damaged is passed over."""
    root, damaged = tmp_path / "models", write(tmp_path / "damaged", benign("flux"))
    file = write(tmp_path, {"mine.safetensors": weights(FLUX)}) / "mine.safetensors"
    for path in (damaged, write(tmp_path / "sd", benign("sd")), file):
        add(root, path)
    (damaged / "vae" / "config.json").write_text("{")
    (damaged / "later").touch()
    with pytest.raises(WeightsError, match="mine is a part of a model: it lacks its vae.*Download black-forest-labs/FLUX.1-schnell"):
        _ = pretrained(root)[2].parameters
    add(root, write(tmp_path / "flux", benign("flux")))
    found = {entry.name: entry.parameters for entry in pretrained(root) if entry.name != "damaged"}
    own = 12 * 4 + 4 * 64 + 4 * 4
    assert found == {"sd": 6, "flux": 8, "mine": own + 6}                   # vae and two text encoders of two numbers each


def test_names_are_given_once(tmp_path: Path) -> None:
    root = tmp_path / "models"
    paths = [write(tmp_path / place / "net", benign("own")) for place in "abc"]
    assert [add(root, path) for path in paths] == ["net", "net-2", "net-3"]
    (tmp_path / "link").symlink_to(paths[1])
    assert add(root, tmp_path / "link") == add(root, tmp_path / "a" / ".." / "b" / "net") == "net-2" and len(linked(root)) == 3


def test_many_at_once(tmp_path: Path) -> None:
    root, paths = tmp_path / "models", [write(tmp_path / str(k) / "net", benign("own")) for k in range(12)]
    threads = [threading.Thread(target=add, args=(root, path)) for path in paths]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {link.path for link in linked(root)} == set(paths) and len({link.name for link in linked(root)}) == 12
    assert {path.name for path in root.iterdir()} == {"links.json", "links.lock"}


def test_many_processes_at_once(tmp_path: Path) -> None:
    root, paths = tmp_path / "models", [write(tmp_path / str(k) / "net", benign("own")) for k in range(4)]
    code = "import sys; from pathlib import Path; from weights.local import add; sys.stdin.readline(); add(*map(Path, sys.argv[1:]))"
    running = [subprocess.Popen([sys.executable, "-c", code, str(root), str(path)], cwd=Path(__file__).parents[2], stdin=subprocess.PIPE)
               for path in paths]
    for one in running:
        assert one.stdin is not None
        one.stdin.write(b"\n")
        one.stdin.flush()                                                  # all are at the line before, or soon will be
    assert [one.wait(120) for one in running] == [0] * 4
    assert {link.path for link in linked(root)} == set(paths) and len({link.name for link in linked(root)}) == 4


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"name": 1}]', "[" * 9999, "7", "[[]]"])
def test_a_damaged_list_is_a_sentence_and_stays(tmp_path: Path, content: str) -> None:
    folder = write(tmp_path / "net", benign("own"))
    (tmp_path / "links.json").write_text(content, encoding="utf-8")
    for use in (lambda: linked(tmp_path), lambda: add(tmp_path, folder), lambda: remove(tmp_path, "net")):
        with pytest.raises(WeightsError, match=r"cannot be read.*; put .*links.json aside"):
            use()
    assert (tmp_path / "links.json").read_text(encoding="utf-8") == content


def test_a_list_that_cannot_be_written_is_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    root, folders = tmp_path / "models", [write(tmp_path / name, benign("own")) for name in "ab"]
    add(root, folders[0])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(WeightsError, match="could not be written .No space left"):
        add(root, folders[1])
    assert [link.name for link in linked(root)] == ["a"]


@pytest.mark.parametrize("path", ["absent", "a\0b", "x" * 5000, "loop", "a\ud800", "a\udcff", "\x1b[2J", "pipe/x"])
def test_paths_that_are_none(tmp_path: Path, path: str) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    plan = inspected(write(tmp_path / "sd", benign("sd")))
    for use in (lambda file: add(tmp_path / "models", file), lambda file: add_lora(tmp_path / "models", file, "sd", plan, 1.0)):
        with pytest.raises(WeightsError, match="could not be read") as said:
            use(tmp_path / path)
        assert str(said.value).isprintable() and len(str(said.value)) < 700
    assert linked(tmp_path / "models") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="file names are text here, and there are no pipes")
def test_names_in_bytes_and_pipes_are_not_added(tmp_path: Path) -> None:
    """What could not be written in the list is not written there, and no pipe is waited for."""
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/net-\xff"))
    os.mkfifo(tmp_path / "pipe.safetensors")
    for path in (write(odd, benign("own")), tmp_path / "pipe.safetensors"):
        with pytest.raises(WeightsError) as said:
            add(tmp_path / "models", path)
        assert str(said.value).isprintable()
    assert linked(tmp_path / "models") == []


@given(st.lists(st.text(max_size=80), max_size=4))
def test_any_name_becomes_a_plain_name(wanted: list[str]) -> None:
    from weights.local import _free
    taken: set[str] = set()
    for name_wanted in wanted:
        name = _free(name_wanted, taken)
        assert name not in taken and name.isascii() and not set(name) & set("/\\ \0") and name not in (".", "..") and len(name) < 70
        taken.add(name)
    json.dumps(sorted(taken))
