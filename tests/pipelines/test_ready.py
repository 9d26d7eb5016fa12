"""What a sampler needs is imported before it is handed to the engine: its time is its own, and no other job waits for an import."""
from __future__ import annotations

import json
import subprocess
import sys

import pytest

from pipelines import registry

SCRIPT = """
import json, sys
import torch
from pipelines import registry
from pipelines.protocol import run_alone
from pipelines.request import Request
from tests.tiny import nets_of, tiny

found = {}
for family in registry.NAMES[::-1]:                       # SDE first: schedulers import what its paths are made with
    net, drawing = tiny(family), registry.family(family)
    nets = nets_of(family, net)
    for name, spec in registry.face(family).samplers.items():
        steps = {"steps": 2} if registry.face(family).axis == "steps" else {}
        request = Request(family, "tiny", name, spec.options(**steps), "a red star")
        drawing.ready(request, net)
        with torch.inference_mode():
            before = set(sys.modules)
            run_alone(drawing.start(request, "t", net, torch.device("cpu")), nets)
        found[f"{family} {name}"] = sorted(m for m in set(sys.modules) - before if m.startswith(("diffusers", "torchsde", "scipy")))
print(json.dumps(found))
"""


@pytest.mark.slow
def test_a_run_imports_nothing() -> None:
    made = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=600)
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout.splitlines()[-1])
    assert len(found) == sum(len(registry.face(family).samplers) for family in registry.NAMES)
    assert not any(found.values()), found
