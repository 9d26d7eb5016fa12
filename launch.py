#!/usr/bin/env python3
"""The one door: `python3 launch.py` sets up what is needed and starts the playground; `--help` shows the rest.

Standard library only, and readable by old Pythons, so that every machine gets at least a clear sentence.
"""
from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
OLDEST = (3, 10)
NODE = (20, 19)                                                  # that the lint of the page's scripts takes
CPU_TORCH = "https://download.pytorch.org/whl/cpu"
SELDOM = r"[/\\](tests|transformers[/\\]models)[/\\]"          # nearly a third of what is installed, compiled when it is first asked for
HELP = """usage: launch.py [--no-venv] [COMMAND] [...]

Sextant, a playground for generative image models. Without a command it opens in the browser.

commands:
  serve      open the playground in the browser (the default)
  sample     draw pictures                 launch.py sample diffusion --prompt "a red star" --steps 20 --out out
  compare    draw a grid of anything       launch.py compare diffusion --prompt "a red star" --x steps=5,10 --y sampler=all
  examine    how likely a picture is       launch.py examine flow own.png --prompt "a red star"
  again      draw a kept picture again     launch.py again ID
  evaluate   measure a model               launch.py evaluate diffusion --steps 50 --json
  train      train a model                 launch.py train diffusion --minutes 30
  data       pictures of your own          launch.py data check ~/pictures
  models     here and on the Hub           launch.py models search "stable diffusion"
  gallery    list what was made            launch.py gallery --text star
  bench      measure speed                 launch.py bench engine
  test       install what tests need and run them all (arguments go to pytest; --quick: those that take little time and no
             browser; --long: the long ones instead; --caps: those of the networks as other processors would run them)
  check      lint and types

options:
  --no-venv  use the active Python environment instead of .venv beside launch.py
  --data DIR after a command: the folder for database, pictures and runs
  --help     after a command: its own options
"""
# The folder we are called from stays the current one, so that --out means what it says, but is not searched for modules.
ENTRY = """import sys
if sys.path[0] == "":
    del sys.path[0]
sys.path.insert(0, %s)
from app.cli import main
sys.exit(main())
"""


class SetupError(Exception):
    """One sentence: what happened, what was expected, what to do."""


def say(text: str) -> None:
    """To standard error: standard output belongs to the command."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(text, file=sys.stderr, flush=True)


def environment(use_venv: bool, kinds: list[str]) -> str:
    """The Python to run with, its requirements installed. Raises SetupError."""
    venv = ROOT / ".venv"
    python = Path(sys.executable)
    if use_venv:
        python = venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamps = venv if use_venv else ROOT / ".installed"
    wanted = {kind: fingerprint(kind, python) for kind in kinds}
    if python.exists() and installed(stamps, wanted):          # the Python that it was made from may have been removed
        return str(python)
    if not os.access(str(ROOT), os.W_OK) and not use_venv:
        install(python, kinds, "before every start, since %s is not writable" % ROOT)     # quick where nothing is missing
        return str(python)
    with lock(ROOT / ".setup.lock"):
        if use_venv and not works(python):
            make_venv(venv)
        lacking = [kind for kind in kinds if not installed(stamps, {kind: wanted[kind]})]
        if lacking:
            install(python, lacking)
            stamps.mkdir(exist_ok=True)
        for kind in lacking:
            (stamps / ("installed-" + kind)).write_text(wanted[kind])
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
    return python.exists() and call(
        [str(python), "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0


def make_venv(venv: Path) -> None:
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError("This Python cannot make virtual environments; install its venv package (Debian, Ubuntu: "
                         "apt install python3-venv), or activate an environment and use --no-venv.")
    say("Making the environment in %s (once) ..." % venv)
    if call([sys.executable, "-m", "venv", "--clear", str(venv)], stdout=sys.stderr) != 0:
        raise SetupError("The environment in %s could not be made; check that the folder is writable, or activate an "
                         "environment and use --no-venv." % venv)


def install(python: Path, kinds: list[str], when: str = "once; later starts skip this") -> None:
    """Install requirements files, all at once: each pip looks through everything again. Without an NVIDIA GPU torch's CPU build is asked
    for first: it saves gigabytes."""
    say("Installing %s (%s) ..." % (" and ".join(kinds), when))
    own = ROOT / ".venv" in python.parents
    pip = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *(["--no-compile"] if own else [])]
    torch = [line for kind in kinds for line in (ROOT / kind).read_text(encoding="utf-8").split() if line.startswith("torch==")]
    if torch and sys.platform != "darwin" and shutil.which("nvidia-smi") is None:
        say("  no NVIDIA GPU found: torch for the CPU")
        call([*pip, "--quiet", "--no-deps", "--retries", "0", "--timeout", "15", "--index-url", CPU_TORCH,
              *torch], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = [word for kind in kinds for word in ("-r", str(ROOT / kind))]
    if call([*pip, *files, "--progress-bar", "off", "--quiet"], stdout=sys.stderr) != 0:
        raise SetupError("The packages of %s could not be installed (see pip's message above); check the network and the "
                         "disk, then start again: it goes on where it stopped." % " and ".join(kinds))
    if own:                                                      # on all cores; pip compiles one file after the other
        call([str(python), "-m", "compileall", "-qq", "-j", "0", "-x", SELDOM, str(ROOT / ".venv" / "lib")])


@contextlib.contextmanager
def lock(path: Path):
    """Let one process at a time set up; a killed one leaves nothing locked, since the system frees it. Raises SetupError."""
    try:
        file = path.open("a+")
    except OSError as error:
        raise SetupError("The folder %s cannot be written (%s); make it writable, or activate an environment and use --no-venv."
                         % (path.parent, error.strerror)) from error
    with file:
        if os.name == "nt":
            import msvcrt
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)
        else:
            import fcntl
            os.set_inheritable(file.fileno(), True)              # a pip that outlives us still holds it
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
            call(command, stdout=subprocess.DEVNULL, env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    else:
        call([python, "-m", "playwright", "install", "chromium"])


def call(command: list, **more) -> int:
    """Run a child to its end; what interrupts us ends it too."""
    child = subprocess.Popen(command, close_fds=False, **more)
    try:
        return child.wait()
    except BaseException:
        child.terminate()
        child.wait()
        raise


@contextlib.contextmanager
def stoppable():
    """TERM and HUP interrupt as Ctrl-C does, unless they are ignored (nohup)."""
    def stop(number, frame):
        raise KeyboardInterrupt
    before = {number: signal.getsignal(number) for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")) if number}
    changed = [number for number, handler in before.items() if handler is not signal.SIG_IGN]
    for number in changed:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in changed:
            signal.signal(number, before[number])


def become(command: list) -> int:
    """Be this command from now on, as the same process where the system has that: whatever is sent to us reaches it then."""
    environ = dict(os.environ, GRADIO_ANALYTICS_ENABLED="False")
    if os.name != "nt":
        os.execve(command[0], command, environ)
    child = subprocess.Popen(command, env=environ)
    while True:
        try:
            return child.wait()                                  # Windows sends Ctrl-C to both; its clean stop is waited for
        except KeyboardInterrupt:
            continue


def check_scripts() -> int:
    """Lint and types of the page's scripts, where node is. Raises SetupError."""
    folder, node, npm = ROOT / "tests" / "app" / "ui" / "assets", shutil.which("node"), shutil.which("npm")
    found = subprocess.run([node, "--version"], capture_output=True, text=True).stdout if node and npm else ""
    version = re.match(r"v(\d+)\.(\d+)", found)
    if version is None or tuple(map(int, version.groups())) < NODE:
        say("The page's scripts are not checked, since that takes node %d.%d or newer with npm; install it and check again." % NODE)
        return 0
    tools, locked = folder / "node_modules", (folder / "package-lock.json").read_text(encoding="utf-8")
    stamp = tools / "installed-lock.json"
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != locked:
        say("Installing what the page's scripts are checked with (once; later checks skip this) ...")
        if call([npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=str(folder), stdout=sys.stderr) != 0:
            raise SetupError("What the page's scripts are checked with could not be installed (see npm's message above); check the "
                             "network and the disk, then start again.")
        stamp.write_text(locked, encoding="utf-8")
    scripts = ["app/ui/assets", "tests/app/ui/assets"]
    return (call([node, str(tools / "eslint" / "bin" / "eslint.js"), "--config", str(folder / "eslint.config.js"), *scripts])
            or call([node, str(tools / "typescript" / "bin" / "tsc"), "--project", str(folder)]))


def test_arguments(rest: list) -> list:
    """The module and what it is told: alone, all but the long tests, in several processes, a file in one. All take more processes than
    two cores, since much of the time they wait; the quick ones wait little, and what each process imports takes a share of their time."""
    if "--caps" in rest:
        return ["tests.processors", *(a for a in rest if a != "--caps")]

    def apart(least: int) -> list:
        return ["-n", str(max(least, min(4, os.cpu_count() or 1))), "--dist", "loadfile", "--no-loadscope-reorder"]
    kinds = {"--quick": [*apart(2), "-m", "not long and not slow", "--ignore", "tests/browser"],
             "--long": ["-m", "long", "--timeout", "5400"]}
    chosen = next((kinds[a] for a in rest if a in kinds), [] if rest else apart(3))
    return ["pytest", *chosen, *(a for a in rest if a not in kinds)]


def asks_for_help(rest: list) -> bool:
    """Whether a command is asked for its help, which needs nothing but a Python."""
    flags = rest[:rest.index("--")] if "--" in rest else rest
    return "--help" in flags or "-h" in flags


def unknown(command: str) -> str:
    """What is said of a command that there is not; nothing of one that there is, which the help names."""
    commands = re.findall("^  ([a-z]+) ", HELP, re.MULTILINE)
    if command in commands:
        return ""
    import difflib
    near = difflib.get_close_matches(command, commands, 1)
    return "There is no command %r%s; launch.py --help says which there are." % (command, " (did you mean %s?)" % near[0] if near else "")


def main(arguments: list) -> int:
    """Exit codes: the command's own; 1 if setting up failed, 2 if there is no such command."""
    use_venv = "--no-venv" not in arguments
    arguments = [a for a in arguments if a != "--no-venv"]
    if arguments[:1] in (["--help"], ["-h"], ["help"]):
        try:
            print(HELP, end="", flush=True)
        except OSError:                                          # whoever read has enough (| head)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    if arguments and arguments[0].partition("=")[0] == "--data":
        arguments = ["serve", *arguments]
    command, rest = (arguments[0], arguments[1:]) if arguments else ("serve", [])
    if unknown(command):
        say(unknown(command))
        return 2
    # Benchmarks measure beside other libraries, which are those that the tests check against.
    kinds = ["requirements.txt"] + ["requirements-dev.txt"] * (command in ("test", "check", "bench"))
    try:
        os.getcwd()
    except OSError:
        say("The current folder is not there any more; change to another one and start again.")
        return 1
    if sys.version_info < OLDEST:
        say("Python %d.%d is too old, at least %d.%d is needed; install a newer one and start launch.py with it."
            % (sys.version_info[:2] + OLDEST))
        return 1
    if asks_for_help(rest):
        own = ["--help"] if command in ("test", "check") else rest           # of these, not of the tools that they start
        return become([sys.executable, "-c", ENTRY % ascii(str(ROOT)), command, *own])
    try:
        with stoppable():
            python = environment(use_venv, kinds)
            if command == "test" and "--quick" not in rest:
                install_browser(python)
            if command == "check":
                os.chdir(str(ROOT))
                failed = call([python, "-m", "ruff", "check", "."]) or check_scripts()
                if failed:
                    return failed
    except SetupError as error:
        say(str(error))
        return 1
    except OSError as error:
        say("Setting up failed (%s); check that %s is writable and the disk has room, then start again: it goes on where it "
            "stopped." % (error, ROOT))
        return 1
    except KeyboardInterrupt:
        say("Stopped; the next start goes on with the installation.")
        return 1
    if command in ("test", "check"):
        os.chdir(str(ROOT))
        return become([python, "-m", *test_arguments(rest)] if command == "test" else [python, "-m", "mypy"])
    return become([python, "-c", ENTRY % ascii(str(ROOT)), command, *rest])


if __name__ == "__main__":
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:                                          # closed (>&-): what is opened first would be taken for it
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    sys.exit(main(sys.argv[1:]))
