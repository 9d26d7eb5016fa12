"""Adaptive RK45 on the bundled flow model: our per-picture step control against torchdiffeq's common one."""
from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

ROUNDS, ROWS, TOLERANCE = 3, 16, 1e-4


def run() -> dict[str, Any]:
    """Network rows and seconds for 16 captioned pictures at rtol = atol = 1e-4, in turn; errors against 200 steps of RK4."""
    import torchdiffeq

    from app.paths import Paths
    from app.service import Service
    from pipelines.data.shapes.captions import item
    from pipelines.data.shapes.tokenizer import tokenizer
    from pipelines.flow.network import velocity as velocity_of
    from pipelines.flow.paths import PATHS
    from pipelines.numerics.gaussian import velocity
    from pipelines.numerics.guidance import guided
    from pipelines.numerics.ode import RK4, Control, adaptive, fixed
    from pipelines.numerics.rng import RowNoise
    from pipelines.protocol import NetKey, Outcome, run_alone
    from weights.catalog import find
    from weights.load import load

    with tempfile.TemporaryDirectory() as folder:
        device = Service(Paths(Path(folder))).machine.device
    net: Any = load(find("shapes-flow"), device)[1]
    path, key = PATHS["ot"], NetKey("bench", "predict")
    noise = RowNoise(tuple(range(ROWS)), (3, 32, 32), device).normal()
    rows = 0

    def counted(z: Tensor, phi: Tensor, cond: Any) -> Tensor:
        nonlocal rows
        rows += len(z)
        return net.predict(z, phi, cond)

    with torch.inference_mode():
        cond = net.encode(tokenizer().batch([item("test", 2, k)[1] for k in range(ROWS)]).to(device))
        field = velocity(guided(key, cond, cond, 1.0), path)
        exact = run_alone(fixed(RK4, field, noise, [k / 200 for k in range(201)]), {key: net.predict})

        def ours(x: Tensor, k: slice) -> Tensor:
            part = velocity(guided(key, {name: z[k] for name, z in cond.items()}, {}, 1.0), path)
            outcome: Outcome = run_alone(adaptive(part, x, 0.0, 1.0, Control(TOLERANCE, TOLERANCE, 1000)), {key: counted})
            return outcome.x

        class Counted:
            predict = staticmethod(counted)

        def theirs(x: Tensor, k: slice) -> Tensor:
            own = {name: z[k] for name, z in cond.items()}
            return torchdiffeq.odeint(lambda t, x: velocity_of(Counted(), path, x, t.expand(len(x)), own), x,
                                      torch.tensor([0.0, 1.0], device=device), rtol=TOLERANCE, atol=TOLERANCE, method="dopri5")[-1]

        def once(solve: Callable[[Tensor, slice], Tensor]) -> tuple[float, int, float, float]:
            """(seconds, network rows, largest error of a picture, how far a picture moves when it is drawn alone)."""
            nonlocal rows
            rows, begin = 0, time.perf_counter()
            x = solve(noise, slice(None))
            seconds, used = time.perf_counter() - begin, rows
            alone = solve(noise[:1], slice(0, 1))
            error = (x - exact).flatten(1).square().mean(1).sqrt().max().item()
            return seconds, used, error, (alone - x[:1]).abs().max().item()

        once(ours)
        pairs = [(once(ours), once(theirs)) for _ in range(ROUNDS)]
    mine, other = pairs[0]
    return {"ours": statistics.median(a[0] for a, _ in pairs), "peer": statistics.median(b[0] for _, b in pairs),
            "ratio": statistics.median(b[0] / a[0] for a, b in pairs), "unit": "s for 16 pictures, RK45 at 1e-4",
            "rows": {"ours": mine[1], "peer": other[1]}, "largest_rms_error": {"ours": mine[2], "peer": other[2]},
            "moves_when_alone": {"ours": mine[3], "peer": other[3]}}
