"""Our training loop against others on the same networks and batches; theirs run in an environment made for them."""
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
    """The UNet's row, and under "rows" all of them."""
    rows = {name: row(name) for name in SIDES}
    return rows["unet"] | {"unit": f"images/s in batches of {BATCH}; the peer is the fastest", "rows": rows}


def row(name: str) -> dict[str, Any]:
    """All sides of a row in turn, ROUNDS times, each in a new process; images per second, and our rate over theirs."""
    mine = [side for side in SIDES[name] if side.startswith("ours")]
    others = [side for side in SIDES[name] if side not in mine]
    rounds = [{side: measure(name, side) for side in SIDES[name]} for _ in range(ROUNDS)]
    rates = {side: statistics.median(r[side] for r in rounds) for side in SIDES[name]}
    ratios = {f"{a} over {b}": statistics.median(r[a] / r[b] for r in rounds) for a in mine for b in others}
    peer = max(others, key=lambda side: rates[side])
    return {"ours": rates["ours"], "peer": rates[peer], "ratio": ratios[f"ours over {peer}"], "images_per_second": rates, "ratios": ratios}


def measure(row: str, side: str) -> float:
    python = Path(sys.executable) if side.startswith("ours") else environment()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([str(python), "-m", "tests.bench.sides", row, side, folder], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"The side {side} of {row} failed: {done.stderr.strip().splitlines()[-1]}")
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
