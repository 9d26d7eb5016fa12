"""Files for people are written whole or not at all, and no cell of a table is a formula."""
from __future__ import annotations

import csv
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.errors import UserError
from app.evaluation import samplers as quality
from app.whole import copy, plain, replacing, write_table, write_text


def half(path: Path) -> None:
    """A file of which only a part fits on the disk."""
    with replacing(path) as draft:
        draft.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")


WRITERS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: write_text(path, "new"), "table": lambda path: write_table(path, [["new"]]),
    "copy": lambda path: copy(Path(__file__), path), "quality": lambda path: quality.write_csv(path, ("a",), [{"a": 1}])}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("there", [True, False])
def test_what_stood_there_is_untouched_until_all_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writer: str,
                                                             there: bool) -> None:
    path, write = tmp_path / "file", WRITERS[writer]
    if there:
        path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(UserError, match="disk is full"):
            write(path)
    with pytest.raises(UserError, match="disk is full"):
        half(path)
    assert os.listdir(tmp_path) == ["file"] * there and (not there or path.read_text() == "old")
    write(path)
    assert os.listdir(tmp_path) == ["file"] and path.read_text() != "old"


def test_a_place_that_can_not_be_written_is_a_sentence_and_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    for impossible in (tmp_path / "folder", tmp_path / "file" / "below"):
        with pytest.raises(UserError, match="could not be written"):
            write_text(impossible, "new")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "new"
    assert sorted(os.listdir(tmp_path)) == ["file", "folder", "link"]


@pytest.mark.parametrize("text", ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", " =1", "  '=1", '"=1', "\n=1", "＝1", "\ufeff=1", "-a",
                                  "=", "\tx", "- a star"])
def test_a_cell_that_would_be_calculated_gets_an_apostrophe(text: str) -> None:
    assert plain(text) == f"'{text}"


@pytest.mark.parametrize("value", ["-0.5", "+3", "-1e-3", -0.5, 7, True, None, "", "a = b", "η = -0.5", "1-3", "a red star", "'quoted'"])
def test_numbers_and_plain_words_stay(value: object) -> None:
    assert plain(value) is value


@given(st.text(st.characters(exclude_categories=["Cs"])))
@example("=cmd|' /C calc'!A0")
def test_no_cell_of_a_table_begins_a_formula(text: str) -> None:
    """As a spreadsheet reads it: quotes of the format away, then white space."""
    (cell,), = csv.reader(io.StringIO(_written([[text]]), newline=""))
    assert cell in (text, f"'{text}") and not (cell.strip()[:1] in ("=", "@") or cell[:1] in ("\t", "\r"))
    if cell.strip()[:1] in ("+", "-"):
        float(cell)


def _written(rows: list[list[str]]) -> str:
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([plain(value) for value in row] for row in rows)
    return buffer.getvalue()


def test_a_byte_order_mark_is_written_if_asked(tmp_path: Path) -> None:
    rows = [["prompt"], ["نجمة ★ Größe"]]
    for excel in (False, True):
        write_table(tmp_path / "t.csv", rows, excel)
        data = (tmp_path / "t.csv").read_bytes()
        assert data.startswith(b"\xef\xbb\xbf") == excel
        assert list(csv.reader(io.StringIO(data.decode("utf-8-sig")))) == rows
