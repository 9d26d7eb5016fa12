"""The door itself: sets up once, goes on where it was interrupted, and says what is wrong in a sentence."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import launch

ROOT = Path(__file__).parents[1]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of its own with nothing to install and a command that tells what it got."""
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "__init__.py").write_text("")
    (tmp_path / "app" / "cli.py").write_text(
        "import os, sys\ndef main():\n    print('got', sys.argv[1:], os.getcwd())\n    return int(os.environ.get('CODE', 0))\n")
    monkeypatch.setattr(launch, "ROOT", tmp_path)
    return tmp_path


def test_set_up_once_and_pass_everything_on(project: Path, capfd: pytest.CaptureFixture[str],
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    assert launch.main(["sample", "diffusion", "--json"]) == 0
    first = capfd.readouterr()
    assert first.out == f"got ['sample', 'diffusion', '--json'] {os.getcwd()}\n"       # standard output stays clean
    assert "Making the environment" in first.err and "Installing" in first.err
    monkeypatch.setenv("CODE", "7")
    assert launch.main([]) == 7                                                         # serve, and its exit code
    second = capfd.readouterr()
    assert second.out.startswith("got ['serve']") and second.err == ""
    (project / "requirements.txt").write_text("# changed\n")
    launch.main(["--data", "x"])
    assert "Installing" in capfd.readouterr().err


def test_an_interrupted_set_up_is_taken_up_again(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    half = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    half.mkdir(parents=True)
    (half / "python").write_text("#!/bin/sh\nexit 1\n")                                 # killed before pip was there
    (half / "python").chmod(0o755)
    assert launch.main(["models"]) == 0
    assert "got ['models']" in capfd.readouterr().out


def test_what_cannot_be_installed_is_a_sentence(project: Path, capfd: pytest.CaptureFixture[str],
                                                monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "requirements.txt").write_text("./no-such-package\n")
    monkeypatch.chdir(project)
    assert launch.main(["serve"]) == 1
    assert "could not be installed" in capfd.readouterr().err
    (project / "requirements.txt").write_text("")
    assert launch.main(["serve"]) == 0                                                  # and it goes on


def test_old_pythons_and_pythons_without_venv_get_a_sentence(project: Path, capfd: pytest.CaptureFixture[str],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(launch, "OLDEST", (99, 0))
        assert launch.main(["serve"]) == 1
        assert "too old, at least 99.0 is needed" in capfd.readouterr().err
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    assert launch.main(["serve"]) == 1
    assert "apt install python3-venv" in capfd.readouterr().err


def test_no_venv_uses_the_active_environment(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--no-venv", "gallery"]) == 0
    assert "got ['gallery']" in capfd.readouterr().out and not (project / ".venv").exists()


def test_help_needs_no_environment(tmp_path: Path) -> None:
    copy = tmp_path / "launch.py"
    copy.write_text((ROOT / "launch.py").read_text(encoding="utf-8"), encoding="utf-8")
    found = subprocess.run([sys.executable, str(copy), "--help"], capture_output=True, text=True, check=True)
    assert "sample" in found.stdout and "--no-venv" in found.stdout and list(tmp_path.iterdir()) == [copy]


def test_launch_is_readable_by_old_pythons() -> None:
    import ast
    ast.parse((ROOT / "launch.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_every_command_of_the_help_exists() -> None:
    from app.cli import parser
    commands = parser()._subparsers._group_actions[0].choices                          # type: ignore[union-attr]
    for name in ("serve", "sample", "compare", "evaluate", "train", "models", "gallery", "bench"):
        assert name in commands and f"  {name} " in launch.HELP


def test_long_tests_run_alone_and_only_when_they_are_asked_for() -> None:
    assert launch.test_arguments(["tests/storage", "-k", "kill"]) == ["pytest", "tests/storage", "-k", "kill"]
    assert launch.test_arguments(["--long", "tests/storage"])[:3] == ["pytest", "-m", "long"]
    assert launch.test_arguments(["--long", "tests/storage"])[-1] == "tests/storage"
    assert "-n" in launch.test_arguments([]) and "-n" not in launch.test_arguments(["--long"])


def test_other_processors_are_asked_for_by_their_caps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A cap above what there is tests nothing and is no failure; one that fails is."""
    from tests import processors
    assert launch.test_arguments(["--caps", "--only", "avx2"]) == ["tests.processors", "--only", "avx2"]
    ran = []

    def run(environment: dict[str, str], threads: int, what: list[str]) -> tuple[str, float]:
        ran.append((environment.get(processors.ONEDNN), threads, what))
        return "1 failed, 9 passed in 1.00s" if threads == 4 else "10 passed in 1.00s", 1.0

    monkeypatch.setattr(processors, "run", run)
    monkeypatch.setattr(processors, "has", lambda instructions: instructions == "avx2")
    assert processors.main(["--only", "onednn-avx2,onednn-amx", "--threads", "1,2", "-x"]) == 0
    assert ran == [("AVX2", threads, ["-x", *processors.FOLDERS]) for threads in (1, 2)]
    assert "onednn-amx      tests nothing: this processor has no amx_tile" in capsys.readouterr().out
    assert processors.main(["--only", "onednn-avx2", "--threads", "2,4", "tests/pipelines"]) == 1 and ran[-1][2] == ["tests/pipelines"]
    with pytest.raises(SystemExit):
        processors.main(["--only", "mmx"])
