"""The command line as processes of their own, for what only those show: signals, ports, streams."""
from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAIN = "import sys; from app.cli import main; sys.exit(main())"


class Process(subprocess.Popen):
    """A command that runs; what it says comes as text."""

    def said(self, words: str) -> str:
        """The line of standard error with these words, for which it is waited."""
        while words not in (line := self.stderr.readline()):
            assert line, f"it ended with {self.wait()} and never said {words!r}"
        return line

    def asked_to_end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """(exit code, what else it wrote to standard output and error)."""
        self.send_signal(number)
        out, error = self.communicate(timeout=120)
        return self.returncode, out, error


@contextmanager
def processes() -> Iterator[Callable[..., Process]]:
    """Starts commands, before which some code may run; ends what is left of them."""
    begun: list[Process] = []

    def start(*arguments: str, before: str = "", **environ: str) -> Process:
        begun.append(Process([sys.executable, "-c", f"{before}\n{MAIN}", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True, cwd=ROOT, env=os.environ | environ))
        return begun[-1]
    try:
        yield start
    finally:
        for process in begun:
            process.kill()
            process.communicate()
