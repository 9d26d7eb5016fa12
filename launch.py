#!/usr/bin/env python3
"""The one door: `python3 launch.py` sets up what is needed and starts the playground; `--help` shows the rest.

Standard library only, and readable by old Pythons, so that every machine gets at least a clear sentence.
"""
from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 10)
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
HELP = """usage: launch.py [--no-venv] [COMMAND] [...]

Sextant, a playground for generative image models. Without a command it opens in the browser.

commands:
  serve      open the playground in the browser (the default)
  sample     draw pictures                 launch.py sample diffusion --prompt "a red star" --steps 20 --out out
  compare    draw a grid of anything       launch.py compare diffusion --prompt "a red star" --x steps=5,10 --y sampler=all
  again      draw a kept picture again     launch.py again ID
  evaluate   measure a model               launch.py evaluate diffusion --steps 50 --json
  train      train a model                 launch.py train diffusion --minutes 30
  models     here and on the Hub           launch.py models search "stable diffusion"
  gallery    list what was made            launch.py gallery --text star
  bench      measure speed                 launch.py bench engine
  test       install what tests need and run them all (arguments go to pytest; --long: the long ones instead; --caps: those
             of the networks as other processors would run them)
  check      lint and types

options:
  --no-venv  use the active Python environment instead of .venv beside launch.py
  --data DIR after a command: the folder for database, pictures and runs
  --help     after a command: its own options
"""


class SetupError(Exception):
    """One sentence: what happened, what was expected, what to do."""


def say(text: str) -> None:
    """To standard error: standard output belongs to the command."""
    print(text, file=sys.stderr, flush=True)


def environment(use_venv: bool, kinds: list[str]) -> str:
    """The Python to run with, its requirements installed. Raises SetupError."""
    if sys.version_info < OLDEST:
        raise SetupError("Python %d.%d is too old, at least %d.%d is needed; install a newer one and start launch.py with "
                         "it." % (sys.version_info[:2] + OLDEST))
    venv = ROOT / ".venv"
    python = Path(sys.executable)
    if use_venv:
        python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamps = venv if use_venv else ROOT / ".installed"
    wanted = {kind: fingerprint(kind, python) for kind in kinds}
    if installed(stamps, wanted):
        return str(python)
    with lock(ROOT / ".setup.lock"):
        if use_venv and not works(python):
            make_venv(venv)
        for kind, print_ in wanted.items():
            if not installed(stamps, {kind: print_}):
                install(python, kind)
                stamps.mkdir(exist_ok=True)
                (stamps / ("installed-" + kind)).write_text(print_)
    return str(python)


def fingerprint(kind: str, python: Path) -> str:
    """Changes when the requirements or the Python do."""
    text = (ROOT / kind).read_bytes() + str(sys.version_info[:2]).encode() + str(python).encode()
    return hashlib.sha256(text).hexdigest()


def installed(stamps: Path, wanted: dict) -> bool:
    """Whether every stamp, which is written last, is there and current."""
    with contextlib.suppress(OSError):
        return all((stamps / ("installed-" + kind)).read_text() == value for kind, value in wanted.items())
    return False


def works(python: Path) -> bool:
    """Whether an environment has a Python with pip, which an interrupted set-up may lack."""
    return python.exists() and subprocess.call(
        [str(python), "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def make_venv(venv: Path) -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError("This Python cannot make virtual environments; install its venv package (Debian, Ubuntu: "
                         "apt install python3-venv), or activate an environment and use --no-venv.")
    say("Making the environment in %s (once) ..." % venv)
    if subprocess.call([sys.executable, "-m", "venv", "--clear", str(venv)], stdout=sys.stderr) != 0:
        raise SetupError("The environment in %s could not be made; check that the folder is writable, or activate an "
                         "environment and use --no-venv." % venv)


def install(python: Path, kind: str) -> None:
    """Install a requirements file. Without an NVIDIA GPU torch's CPU build is asked for first: it saves gigabytes."""
    say("Installing %s (once; later starts skip this) ..." % kind)
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    torch = [line for line in (ROOT / kind).read_text().split() if line.startswith("torch==")]
    if torch and sys.platform != "darwin" and shutil.which("nvidia-smi") is None:
        say("  no NVIDIA GPU found: torch for the CPU")
        subprocess.call([*pip, "--quiet", "--no-deps", "--retries", "0", "--timeout", "15", "--index-url", CPU_TORCH,
                         *torch], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if subprocess.call([*pip, "-r", str(ROOT / kind), "--progress-bar", "off", "--quiet"], stdout=sys.stderr) != 0:
        raise SetupError("The packages of %s could not be installed (see pip's message above); check the network and the "
                         "disk, then start again: it goes on where it stopped." % kind)


@contextlib.contextmanager
def lock(path: Path):
    """Let one process at a time set up; a killed one leaves nothing locked, since the system frees it."""
    with path.open("a+") as file:
        if os.name == "nt":
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                say("Another launch.py is setting up; waiting for it ...")
                fcntl.flock(file, fcntl.LOCK_EX)
        yield


def find_browser() -> str | None:
    """A Chromium for the browser tests."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
    return next((path for path in map(shutil.which, names) if path), None)


def install_browser(python: str) -> None:
    """Chromium by apt where that is possible, else Playwright's own."""
    if find_browser():
        return
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        say("Installing Chromium for the browser tests ...")
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]):
            subprocess.call(command, stdout=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    else:
        run([python, "-m", "playwright", "install", "chromium"])


def run(command: list) -> int:
    """Run a child to its end; Ctrl-C reaches it by itself, and we wait for its clean stop."""
    process = subprocess.Popen(command, env=dict(os.environ, GRADIO_ANALYTICS_ENABLED="False"))
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            continue


def test_arguments(rest: list) -> list:
    """The module and what it is told: alone, all but the long tests, in several processes, a file in one, since much of the time
    tests wait."""
    if "--caps" in rest:
        return ["tests.processors", *(a for a in rest if a != "--caps")]
    long, rest = "--long" in rest, [a for a in rest if a != "--long"]
    if not long and rest:
        return ["pytest", *rest]
    several = ["-n", str(max(2, min(4, os.cpu_count() or 2))), "--dist", "loadfile"]
    return ["pytest", *(["-m", "long", "--timeout", "5400"] if long else several), *rest]


def main(arguments: list) -> int:
    """Exit codes: the command's own; 1 if setting up failed."""
    use_venv = "--no-venv" not in arguments
    arguments = [a for a in arguments if a != "--no-venv"]
    if arguments[:1] in (["--help"], ["-h"], ["help"]):
        print(HELP, end="")
        return 0
    if arguments[:1] == ["--data"]:
        arguments = ["serve", *arguments]
    command, rest = (arguments[0], arguments[1:]) if arguments else ("serve", [])
    try:
        if command == "test":
            python = environment(use_venv, ["requirements.txt", "requirements-dev.txt"])
            install_browser(python)
            os.chdir(str(ROOT))
            return run([python, "-m", *test_arguments(rest)])
        if command == "check":
            python = environment(use_venv, ["requirements.txt", "requirements-dev.txt"])
            os.chdir(str(ROOT))
            return run([python, "-m", "ruff", "check", "."]) or run([python, "-m", "mypy"])
        # Benchmarks measure beside other libraries, which are those that the tests check against.
        python = environment(use_venv, ["requirements.txt"] + ["requirements-dev.txt"] * (command == "bench"))
    except SetupError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("Stopped; the next start goes on with the installation.")
        return 1
    # The folder we are called from stays the current one, so that --out means what it says.
    code = "import sys; sys.path[0] = %r; from app.cli import main; sys.exit(main())" % str(ROOT)
    return run([python, "-c", code, command, *rest])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
