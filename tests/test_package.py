"""The project as a package: built, installed into a folder of its own, and used where the checkout is not."""
from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from PIL import Image

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
FOLDERS = ("app", "pipelines", "storage", "weights")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed package; what it needs is there already, in the environment of the tests."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(folder), str(ROOT)], check=True)
    return folder


def command(site: Path, home: Path, *arguments: str) -> subprocess.Popen[str]:
    """`sextant` with such arguments, of somebody with this home, where they are."""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    environ |= {"PYTHONPATH": str(site), "HOME": str(home), "XDG_DATA_HOME": str(home / "share")}
    return subprocess.Popen([str(site / "bin" / "sextant"), *arguments], cwd=home, env=environ, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def said(site: Path, home: Path, *arguments: str) -> dict:
    process = command(site, home, *arguments, "--json")
    out, error = process.communicate()
    assert process.returncode == 0, error
    return json.loads(out)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_a_picture_is_drawn_and_kept_where_the_user_lives(site: Path, tmp_path: Path) -> None:
    before = files(site)
    (drawn,) = said(site, tmp_path, "sample", "gan", "--prompt", "a red star", "--count", "1")["images"]
    assert Path(drawn["path"]).is_relative_to(tmp_path / "share") and Image.open(drawn["path"]).size == (32, 32)
    (listed,) = said(site, tmp_path, "gallery")["images"]
    assert listed["path"] == drawn["path"] and files(site) == before


def test_all_of_it_is_there_below_one_folder_with_all_that_it_needs(site: Path) -> None:
    assert {path.name for path in site.iterdir()} == {"bin", "sextant", "sextant-0.1.0.dist-info"}
    there = {f"{folder}/{name}" for folder in FOLDERS for name in files(ROOT / folder)}
    assert files(site / "sextant") == there - {"app/cli/installed.py"} | {"__main__.py"}
    needed = PathDistribution(site / "sextant-0.1.0.dist-info").requires or []
    listed = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert needed and set(map(Requirement, needed)) == set(map(Requirement, listed))
    (builder,) = re.findall(r'^requires = \["(.+)"\]$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert builder in (ROOT / "requirements-dev.txt").read_text(encoding="utf-8").splitlines()


def test_the_page_is_served_with_its_parts_and_the_sources_that_it_explains(site: Path, tmp_path: Path) -> None:
    with command(site, tmp_path, "serve", "--no-browser", "--port", "7966") as server:
        assert server.stderr is not None
        (address,) = re.findall(r"http://\S+", server.stderr.readline())
        try:
            page = urllib.request.urlopen(address).read().decode()
            (script,) = re.findall(r'src="(page/[^"]+main\.js)"', page)
            for part in (script, "source/pipelines/engine/cache.py"):
                assert urllib.request.urlopen(f"{address}/{part}").read().decode("utf-8") != ""
        finally:
            server.terminate()


@pytest.mark.parametrize("arguments", [["test", "-k", "words"], ["check"], ["bench", "engine"], ["models", "bundle", "run"],
                                       ["evaluate", "--table", "--publish"]])
def test_what_only_the_checkout_has_is_a_sentence(site: Path, tmp_path: Path, arguments: list[str]) -> None:
    process = command(site, tmp_path, *arguments)
    out, error = process.communicate()
    assert (process.returncode, out) == (1, "") and re.fullmatch(r"[^.\n]+ needs the project's checkout, [^\n]+\n", error)
