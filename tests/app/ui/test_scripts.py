"""The page's scripts: who imports whom, the types that they share with the server, and what is tested under node."""
from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.web.assets import ASSETS
from tests.app.ui import records

FOLDERS = ("core", "parts", "grid", "models", "panels", "")      # each may know those before it and itself; "" is main.js
SCRIPTS = {path.relative_to(ASSETS).as_posix(): path.read_text(encoding="utf-8") for path in sorted(ASSETS.rglob("*.js"))}
TESTS = Path(__file__).parent / "assets"


def imported(name: str) -> set[str]:
    """The scripts that one imports, by their names below assets."""
    found = re.findall(r'^import .*? from "(\.[^"]+)";$', SCRIPTS[name], re.MULTILINE)
    return {((ASSETS / name).parent / path).resolve().relative_to(ASSETS.resolve()).as_posix() for path in found}


def folder(name: str) -> int:
    return FOLDERS.index(name.rpartition("/")[0])


def test_every_script_is_reached_and_knows_those_below_it() -> None:
    reached, waiting = set[str](), ["main.js"]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += imported(name)
            assert all(folder(other) <= folder(name) for other in imported(name)), (name, imported(name))
    assert reached == set(SCRIPTS)


def test_every_kind_that_is_drawn_has_a_script() -> None:
    drawn = {kind for path in ASSETS.parent.glob("*.py") for kind in re.findall(r'drawn\("(\w+)"', path.read_text(encoding="utf-8"))}
    kinds = re.search(r"const kinds = \{([^}]+)\}", SCRIPTS["main.js"])
    assert kinds is not None and set(re.findall(r"\w+", kinds[1])) == drawn


def test_the_types_of_answers_are_those_of_the_records() -> None:
    assert records.PATH.read_text(encoding="utf-8") == records.declared(), "run `python -m tests.app.ui.records`"


def test_a_field_that_has_no_form_in_the_page_is_refused() -> None:
    assert records.written(dict[str, list[float] | None]) == "Record<string, Array<number> | null>"
    for kind in (bytes, tuple[int, str], set[str]):
        with pytest.raises(KeyError):
            records.written(kind)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which is not here")
def test_what_knows_no_page_under_node() -> None:
    found = subprocess.run(["node", "--test", *map(str, sorted(TESTS.glob("*.test.js")))], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
