"""What the command line writes gets through every encoding and pipe, and work is never lost for it."""
from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.commands import main, parser
from tests.app.processes import MAIN, ROOT, Process, processes

PROMPT = "a ☃ star, été"


@pytest.fixture
def start() -> Iterator[Callable[..., Process]]:
    with processes() as starter:
        yield starter


@pytest.fixture(params=["ascii", "cp1252"])
def written(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs a command whose output goes to a stream that knows few characters."""
    def run(*arguments: str) -> tuple[int, str, str]:
        streams = [io.TextIOWrapper(io.BytesIO(), encoding=request.param) for _ in range(2)]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", streams[0])
            patch.setattr(sys, "stderr", streams[1])
            try:
                code = main(list(arguments))
            except SystemExit as end:
                code = int(end.code or 0)
        for stream in streams:
            stream.flush()
        out, error = (stream.buffer.getvalue().decode(request.param) for stream in streams)
        return code, out, error
    return run


@pytest.mark.slow
def test_any_encoding_will_do(written: Callable[..., tuple[int, str, str]], tmp_path: Path) -> None:
    data = ("--data", str(tmp_path))
    code, out, error = written("sample", "gan", "--prompt", PROMPT, "--count", "1", *data)
    assert code == 0 and "\\u2603" in out and "never seen" in error
    code, out, _ = written("gallery", "--text", "☃", "--json", *data)
    assert code == 0 and json.loads(out)["images"][0]["prompt"] == PROMPT
    for arguments in (("gallery",), ("models",), ("train", "--list")):
        assert written(*arguments, *data)[0] == 0
    code, _, error = written("sample", "gan", "--prompt", "a", "--sampler", "☃", *data)
    assert code == 2 and "\\u2603" in error and "Traceback" not in error


def test_help_gets_through_any_encoding(written: Callable[..., tuple[int, str, str]]) -> None:
    for command in parser()._subparsers._group_actions[0].choices:                     # type: ignore[union-attr]
        code, out, error = written(command, "--help")
        assert code == 0 and out.startswith("usage:") and error == ""


@pytest.mark.skipif(os.name == "nt", reason="closed streams and /dev/full are another matter there")
@pytest.mark.parametrize("command", ["bench --list >&-", "bench --list 2>&-", "bench --list >&- 2>&- <&-", "bench --list | head -c 1",
                                     "bench --list 2>&1 | true", "sample --help | true"])
def test_whoever_reads_may_have_enough(command: str) -> None:
    call = f'set -o pipefail; "{sys.executable}" -c "{MAIN}" {command}'
    found = subprocess.run(["bash", "-c", call], capture_output=True, text=True, cwd=ROOT)
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full disk to write to")
def test_output_that_cannot_be_written_is_a_sentence(start: Callable[..., Process]) -> None:
    found = start("bench", "--list", before="import sys; sys.stdout = open('/dev/full', 'w')")
    _, error = found.communicate(timeout=120)
    assert found.returncode == 1 and error.startswith("The output could not be written") and error.count("\n") == 1
