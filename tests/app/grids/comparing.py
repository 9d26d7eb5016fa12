"""Comparisons that a service draws in a test."""
from __future__ import annotations

import errno
from typing import Any

from app.drawing.ask import Ask
from app.grids.ask import GridAsk
from app.service import Service


def asked(x: str, y: str = "", z: str = "", family: str = "diffusion", distance: bool = False, **more: Any) -> GridAsk:
    options = {name: more.pop(name) for name in ("batch_invariant", "snapshots", "name") if name in more}
    return GridAsk(Ask(family, "a red star", **{"count": 1, "guidance_scale": 1, "seed": 3} | more), x, y, z, distance, **options)


def ended(service: Service, grid: str) -> dict[str, Any]:
    """What is seen of a grid of this process when its run is at an end, which is not asked for again and again: a view is dear."""
    assert service.grids.find(grid).job.finished.wait(240)                    # a guard against hanging
    return service.grids.view(grid)


def drawn(service: Service, made: GridAsk) -> tuple[str, dict[str, Any]]:
    grid = service.grids.start(made)
    return grid, ended(service, grid)


def full_disk(*given: Any, **more: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
