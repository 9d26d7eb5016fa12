"""The door itself: sets up once, goes on where it was interrupted, and says what is wrong in a sentence."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import launch
from tests.waiting import until

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
    monkeypatch.setattr(launch, "become", subprocess.call)                              # else it would be the end of this test
    return tmp_path


@pytest.mark.slow
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
    (package,) = (path.parent for path in (project / ".venv").glob("[Ll]ib/**/pip"))
    (package / "new.py").write_text("")
    launch.main(["--data", "x"])
    assert "Installing" in capfd.readouterr().err
    assert list((package / "__pycache__").glob("new.*.pyc"))                            # what was installed is compiled


def test_all_that_a_command_lacks_is_installed_at_once(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "requirements-dev.txt").write_text("")
    commands: list[list[str]] = []
    monkeypatch.setattr(launch, "call", lambda command, **more: commands.append(command) or 0)
    for lacking in (["requirements.txt", "requirements-dev.txt"], [], ["requirements-dev.txt"]):
        assert launch.main(["--no-venv", "bench"]) == 0
        assert [Path(word).name for command in commands for word in command if word.endswith(".txt")] == lacking
        assert len(commands) == bool(lacking)
        commands.clear()
        if not lacking:
            (project / "requirements-dev.txt").write_text("# changed\n")


@pytest.mark.slow
def test_an_interrupted_set_up_is_taken_up_again(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    half = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    half.mkdir(parents=True)
    (half / "python").write_text("#!/bin/sh\nexit 1\n")                                 # killed before pip was there
    (half / "python").chmod(0o755)
    assert launch.main(["models"]) == 0
    assert "got ['models']" in capfd.readouterr().out


def test_an_environment_whose_python_is_gone_is_made_anew(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(launch, "make_venv", lambda venv: made.append("venv"))
    monkeypatch.setattr(launch, "install", lambda python, kinds: made.append(*kinds))
    monkeypatch.setattr(launch, "become", lambda command: 0)
    half = project / ".venv" / ("Scripts" if os.name == "nt" else "bin")
    half.mkdir(parents=True)
    for _ in range(2):                                                                  # nothing puts a Python there
        assert launch.main(["serve"]) == 0
    assert made.count("venv") == 2


@pytest.mark.slow
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
        assert launch.main(["sample", "--help"]) == 1
        assert capfd.readouterr().err.count("too old, at least 99.0 is needed") == 2
    monkeypatch.setattr(launch.importlib.util, "find_spec", lambda name: None)
    assert launch.main(["serve"]) == 1
    assert "apt install python3-venv" in capfd.readouterr().err


@pytest.mark.slow
def test_no_venv_uses_the_active_environment(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["--no-venv", "gallery"]) == 0
    assert "got ['gallery']" in capfd.readouterr().out and not (project / ".venv").exists()


def test_help_needs_no_environment(tmp_path: Path) -> None:
    copy = tmp_path / "launch.py"
    copy.write_text((ROOT / "launch.py").read_text(encoding="utf-8"), encoding="utf-8")
    found = subprocess.run([sys.executable, str(copy), "--help"], capture_output=True, text=True, check=True)
    assert "sample" in found.stdout and "--no-venv" in found.stdout and list(tmp_path.iterdir()) == [copy]


PROGRAM = """
import os, signal, sys, time
def main():
    def heard(number, frame):
        print('heard', number, flush=True)
        sys.exit(7)
    for name in ('SIGINT', 'SIGTERM', 'SIGHUP'):
        signal.signal(getattr(signal, name), heard)
    print('is', os.getpid(), flush=True)
    time.sleep(600)
"""
PIP = """
import os, sys, time
if sys.argv[1] != '--version':
    with open(os.environ['PIP_RUNS'], 'a') as file:
        file.write(f'{os.getpid()}\\n')
    while not os.path.exists(os.environ['PIP_RUNS'] + '.end'):
        time.sleep(0.05)
"""


@pytest.fixture
def started(project: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts launch.py of the project as a process of its own."""
    (project / "launch.py").write_text((ROOT / "launch.py").read_text(encoding="utf-8"), encoding="utf-8")
    (project / "app" / "cli.py").write_text(PROGRAM)
    begun = []

    def start(*arguments: str, **more: str) -> subprocess.Popen:
        begun.append(subprocess.Popen([sys.executable, str(project / "launch.py"), *arguments], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True, env=os.environ | more))
        return begun[-1]
    yield start
    (project / "runs.end").touch()                                                      # of a pip that still waits
    for process in begun:
        process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_what_is_sent_to_launch_reaches_the_command(started: Callable[..., subprocess.Popen], project: Path, name: str) -> None:
    runs = slow_pip(project)
    runs.with_name(runs.name + ".end").touch()
    process = started("--no-venv", "serve", PYTHONPATH=str(project / "path"), PIP_RUNS=str(runs))
    assert process.stdout.readline() == f"is {process.pid}\n"                           # so that nothing is left behind
    process.send_signal(getattr(signal, name))
    out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == ((-9, "") if name == "SIGKILL" else (7, f"heard {int(getattr(signal, name))}\n"))


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_setting_up_ends_with_its_pip(started: Callable[..., subprocess.Popen], project: Path, name: str) -> None:
    runs = slow_pip(project)
    process = started("--no-venv", "serve", PYTHONPATH=str(project / "path"), PIP_RUNS=str(runs))
    until(lambda: runs.exists() and runs.read_text().endswith("\n"))
    process.send_signal(getattr(signal, name))
    _, error = process.communicate(timeout=60)
    assert process.returncode == 1 and "Stopped; the next start goes on" in error and not alive(int(runs.read_text()))


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
def test_a_pip_that_outlives_its_launch_is_waited_for(started: Callable[..., subprocess.Popen], project: Path) -> None:
    runs = slow_pip(project)
    environ = {"PYTHONPATH": str(project / "path"), "PIP_RUNS": str(runs)}
    first = started("--no-venv", "serve", **environ)
    until(lambda: runs.exists() and runs.read_text().endswith("\n"))
    first.kill()
    first.wait()
    second = started("--no-venv", "serve", **environ)
    while "waiting for it" not in (line := second.stderr.readline()):
        assert line
    assert alive(int(runs.read_text()))                                                 # and no other pip beside it
    runs.with_name(runs.name + ".end").touch()
    assert second.stdout.readline() == f"is {second.pid}\n"
    assert len(runs.read_text().split()) == 2


def slow_pip(project: Path) -> Path:
    """Put a pip into project/path that notes its process in the file that is returned, and waits."""
    (project / "path" / "pip").mkdir(parents=True)
    (project / "path" / "pip" / "__init__.py").touch()
    (project / "path" / "pip" / "__main__.py").write_text(PIP)
    return project / "runs"


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_help_of_a_command_installs_nothing(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert launch.main(["sample", "diffusion", "--help"]) == launch.main(["test", "-k", "words", "-h"]) == 0
    shown = capfd.readouterr()
    assert [line.partition("] ")[0] for line in shown.out.splitlines()] == ["got ['sample', 'diffusion', '--help'", "got ['test', '--help'"]
    assert shown.err == "" and sorted(path.name for path in project.iterdir() if path.name != "app") == ["requirements.txt"]
    assert launch.main(["--no-venv", "sample", "--", "--help"]) == 0                     # no flag, but what stands for a family
    assert "Installing" in capfd.readouterr().err


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="files may not have such names")
def test_any_folder_and_any_closed_stream(tmp_path: Path) -> None:
    for name in ("a 'quoted' \"folder\" \\\\ %s", "größer ☃", os.fsdecode(b"latin \xe4")):
        folder = tmp_path / name
        (folder / "app").mkdir(parents=True)
        (folder / "requirements.txt").write_text("")
        (folder / "app" / "__init__.py").write_text("")
        (folder / "app" / "cli.py").write_text("import json, sys\ndef main():\n    print('got', ascii(sys.argv[1:]))\n    return 3\n")
        (folder / "json.py").write_text("")                                             # of somebody's current folder
        (folder / "launch.py").write_text((ROOT / "launch.py").read_text(encoding="utf-8"), encoding="utf-8")
        (folder / ".installed").mkdir()
        (folder / ".installed" / "installed-requirements.txt").write_text(
            launch.hashlib.sha256(str(sys.version_info[:2]).encode() + os.fsencode(sys.executable)).hexdigest())
        command = [sys.executable, str(folder / "launch.py"), "--no-venv", "sample", "ü"]
        for environ in ({}, {"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"PYTHONSAFEPATH": "1"}):
            found = subprocess.run(command, capture_output=True, cwd=tmp_path, env=os.environ | environ)
            assert (found.returncode, found.stdout, found.stderr) == (3, b"got ['sample', '\\xfc']\n", b"")
    for closed in (">&-", "2>&-", "<&-", ">&- 2>&- <&-", "| head -c 1 >/dev/null"):
        shown = subprocess.run(f'"{sys.executable}" "{ROOT / "launch.py"}" --help {closed}', shell=True, capture_output=True)
        assert shown.stderr == b"" and shown.returncode == 0


@pytest.mark.slow
def test_a_folder_that_is_gone_or_not_writable_is_a_sentence(project: Path, capfd: pytest.CaptureFixture[str],
                                                             monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".setup.lock").mkdir()                                                   # which even root cannot write to
    assert launch.main(["serve"]) == 1
    assert "cannot be written" in capfd.readouterr().err
    monkeypatch.setattr(launch.os, "access", lambda *_: False)                          # read-only: the environment serves as it is
    assert launch.main(["--no-venv", "serve"]) == 0
    assert "before every start" in capfd.readouterr().err
    def gone() -> str:
        raise FileNotFoundError
    monkeypatch.setattr(launch.os, "getcwd", gone)
    assert launch.main(["serve"]) == 1
    assert "current folder" in capfd.readouterr().err


def test_launch_is_readable_by_old_pythons() -> None:
    import ast
    ast.parse((ROOT / "launch.py").read_text(encoding="utf-8"), feature_version=(3, 7))


def test_every_command_of_the_help_exists() -> None:
    from app.cli.commands import parser
    commands = parser()._subparsers._group_actions[0].choices                          # type: ignore[union-attr]
    assert set(re.findall("^  ([a-z]+) ", launch.HELP, re.MULTILINE)) == set(commands)


def test_a_command_that_there_is_not_is_said_before_anything_is_installed(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for wrong, meant in (("smaple", "did you mean sample?"), ("--port", "--help"), ("", "--help")):
        assert launch.main([wrong, "--help"]) == launch.main(["--no-venv", wrong]) == 2
        assert capfd.readouterr().err.count(meant) == 2
    assert sorted(path.name for path in project.iterdir()) == ["app", "requirements.txt"]


def test_long_tests_run_alone_and_only_when_they_are_asked_for() -> None:
    assert launch.test_arguments(["tests/storage", "-k", "kill"]) == ["pytest", "tests/storage", "-k", "kill"]
    assert launch.test_arguments(["--long", "tests/storage"])[:3] == ["pytest", "-m", "long"]
    assert launch.test_arguments(["--long", "tests/storage"])[-1] == "tests/storage"
    assert "-n" in launch.test_arguments([]) and "-n" not in launch.test_arguments(["--long"])


def test_the_quick_ones_run_beside_each_other_and_without_a_browser(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = launch.test_arguments(["--quick", "tests/storage"])
    assert "-n" in quick and quick[-1] == "tests/storage" and "not long and not slow" in quick and "tests/browser" in quick
    monkeypatch.setattr(launch, "environment", lambda use_venv, kinds: sys.executable)
    monkeypatch.setattr(launch, "become", lambda command: 0)
    looked = []
    monkeypatch.setattr(launch, "install_browser", looked.append)
    monkeypatch.chdir(project)                                                          # which is left for the checkout
    assert launch.main(["test", "--quick"]) == launch.main(["test"]) == 0 and looked == [sys.executable]


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


def test_scripts_are_checked_where_node_is(project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    folder, commands = project / "tests" / "app" / "ui" / "assets", list[list[str]]()
    (folder / "node_modules").mkdir(parents=True)
    (folder / "package-lock.json").write_text("{}")
    monkeypatch.setattr(launch, "call", lambda command, **more: commands.append(command) or 0)
    monkeypatch.setattr(launch.shutil, "which", lambda name: None)
    assert launch.check_scripts() == 0 and not commands
    assert "node" in capfd.readouterr().err
    tool = project / "tool"
    monkeypatch.setattr(launch.shutil, "which", lambda name: str(tool))
    for version, many in (("v18.19.1", 0), ("v20.19.0", 3), ("v22.0.0", 2)):           # the third time nothing has to be installed
        tool.write_text(f"#!/bin/sh\necho {version}\n")
        tool.chmod(0o755)
        assert launch.check_scripts() == 0 and len(commands) == many, version
        commands.clear()
    (folder / "package-lock.json").write_text("{ }")
    monkeypatch.setattr(launch, "call", lambda command, **more: commands.append(command) or "ci" in command)
    with pytest.raises(launch.SetupError, match="could not be installed"):
        launch.check_scripts()
    assert len(commands) == 1
