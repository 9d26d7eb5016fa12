"""Our training loop against two others on the same network and batch; theirs run in an environment made for them."""
from __future__ import annotations

import statistics
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import Any

from tests.bench.sides import BATCH, SIDES

ROOT = Path(__file__).parents[2]
ENVIRONMENT, REQUIREMENTS = ROOT / ".venv-bench", ROOT / "requirements-bench.txt"
ROUNDS = 3


def run() -> dict[str, Any]:
    """All sides in turn, ROUNDS times, each in a new process; images per second, and our rate over theirs."""
    python = {name: Path(sys.executable) if name.startswith("ours") else environment() for name in SIDES}
    rounds = [{name: measure(python[name], name) for name in SIDES} for _ in range(ROUNDS)]
    rates = {name: statistics.median(r[name] for r in rounds) for name in SIDES}
    ratios = {f"{mine} over {other}": statistics.median(r[mine] / r[other] for r in rounds)
              for mine in SIDES if mine.startswith("ours") for other in SIDES if not other.startswith("ours")}
    peer = max((name for name in SIDES if not name.startswith("ours")), key=lambda name: rates[name])
    return {"ours": rates["ours"], "peer": rates[peer], "ratio": ratios[f"ours over {peer}"],
            "unit": f"images/s in batches of {BATCH}; the peer is the faster of two", "images_per_second": rates, "ratios": ratios}


def measure(python: Path, name: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(python), "-m", "tests.bench.sides", name, folder], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The side {name} failed: {done.stderr.strip().splitlines()[-1]}")
    return float(done.stdout.split()[-1])


def environment() -> Path:
    """The peers' own environment, made at the first need; it sees ours, so that torch is the same, and adds the peers alone."""
    python = ENVIRONMENT / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    stamp = ENVIRONMENT / "installed"
    if not stamp.exists() or stamp.read_text() != REQUIREMENTS.read_text():
        print(f"Installing the peers of this benchmark into {ENVIRONMENT} ...", file=sys.stderr)
        venv.create(ENVIRONMENT, clear=True, with_pip=True)
        ask = [str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]
        packages = Path(subprocess.run(ask, check=True, capture_output=True, text=True).stdout.strip())
        (packages / "ours.pth").write_text(sysconfig.get_path("purelib"))
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(REQUIREMENTS)], check=True,
                       stdout=sys.stderr)
        stamp.write_text(REQUIREMENTS.read_text())
    return python
