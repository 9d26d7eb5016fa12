"""The tests of the networks as other processors would run them: `python3 launch.py test --caps [FOLDER ...]`.

Each run holds the libraries back to a set of instructions and torch to so many threads, then all of them in one table. A cap
above what this processor has tests nothing, and says so.
"""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDERS = ("tests/pipelines", "tests/weights")
ONEDNN, ATEN = "ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY"
# Name -> the environment that holds the libraries back; instructions that the processor must have for it to mean anything.
CAPS: dict[str, tuple[dict[str, str], str]] = {
    "avx2": ({ONEDNN: "AVX2", ATEN: "avx2"}, "avx2"),                        # a processor that has no more
    "onednn-avx2": ({ONEDNN: "AVX2"}, "avx2"),
    "onednn-avx512": ({ONEDNN: "AVX512_CORE"}, "avx512"),
    "onednn-bf16": ({ONEDNN: "AVX512_CORE_BF16"}, "avx512_bf16"),
    "onednn-amx": ({ONEDNN: "AVX512_CORE_AMX"}, "amx_tile"),
    "aten-avx2": ({ATEN: "avx2"}, "avx2")}


def has(instructions: str) -> bool:
    """Whether this processor has them."""
    import torch
    return bool(getattr(torch.cpu, f"_is_{instructions}_supported")())


def run(environment: dict[str, str], threads: int, arguments: list[str]) -> tuple[str, float]:
    """(what pytest said last, seconds); what failed is printed as it comes."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--durations=0", "--durations-min=30", *arguments]
    begin, last = time.monotonic(), "nothing was run"
    with subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=os.environ | environment | {"OMP_NUM_THREADS": str(threads)}) as tests:
        assert tests.stdout is not None
        for line in tests.stdout:
            if line.startswith(("FAILED", "ERROR", "E  ")):
                print(line, end="", flush=True)
            last = line.strip() if re.search(r"\d (passed|failed|error)", line) else last
    return last, time.monotonic() - begin


def main(arguments: list[str]) -> int:
    """Exit codes: 0, 1 if a test failed."""
    parser = argparse.ArgumentParser(prog="launch.py test --caps", description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", default=",".join(CAPS), help=f"some of {', '.join(CAPS)}")
    parser.add_argument("--threads", default="1,2,4", help="how many, in turn")
    asked, rest = parser.parse_known_args(arguments)
    if unknown := set(asked.only.split(",")) - set(CAPS):
        parser.error(f"there is no cap {', '.join(sorted(unknown))}; there are {', '.join(CAPS)}")
    what = rest if any(argument.startswith("tests") for argument in rest) else [*rest, *FOLDERS]
    rows, good = [], True
    for name in asked.only.split(","):
        environment, needed = CAPS[name]
        if not has(needed):
            rows.append(f"{name:14}  tests nothing: this processor has no {needed}")
            continue
        for threads in map(int, asked.threads.split(",")):
            said, seconds = run(environment, threads, what)
            good = good and "passed" in said and not re.search("failed|error", said)
            rows.append(f"{name:14}  {threads} thread{'s' * (threads > 1):1}  {said}  ({seconds:.0f} s)")
            print(rows[-1], flush=True)
    print("", *rows, sep="\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
