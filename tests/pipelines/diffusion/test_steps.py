"""When each sampler asks the network: as often as was ordered, at the times of the spacing chosen, and about the level it works at."""
from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
import torch

from pipelines.diffusion.options import SPACINGS, DiffusionOptions, SolverOptions
from pipelines.diffusion.samplers import RUN
from pipelines.diffusion.solvers import make_scheduler, times_of
from pipelines.numerics.library import SCHEDULERS
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import SCHEDULES, NoiseSchedule, timesteps
from pipelines.protocol import Steps, run_alone
from pipelines.registry import face

SAMPLERS = face("diffusion").samplers
KINDS = {kind: NoiseSchedule(kind) for kind in SCHEDULES}
COUNTS = range(1, 201)
PLANS: list[tuple[str, dict[str, Any]]] = [(kind, more) for kind, more in product(KINDS, [
    *({"spacing": spacing} for spacing in SPACINGS), {"karras": True}])]
TWICE = ("heun", "dpmpp_sde")      # they ask twice in all steps but the last


def options_of(name: str, steps: int, more: dict[str, Any]) -> Any:
    """A sampler's options; those without Karras's levels keep the spacing they are used to."""
    kind = SAMPLERS[name].options
    return kind(steps=steps, **more) if issubclass(kind, SolverOptions) or "karras" not in more else kind(steps=steps)


@pytest.mark.parametrize(("kind", "more"), PLANS)
def test_each_count_has_its_times(kind: str, more: dict[str, Any]) -> None:
    """As many as there are steps, falling, none before the first time of training, and both ends where the spacing says so."""
    for steps in COUNTS:
        times, last = times_of(KINDS[kind], SolverOptions(steps=steps, **more)), KINDS[kind].visited(steps) - 1
        assert len(times) == steps and times[-1] >= 0 and all(a > b for a, b in pairwise(times)), steps
        assert times[0] == last or more.get("spacing") == "leading", steps
        assert times[-1] == 0 or steps == 1 or more.get("spacing") == "trailing", steps


def planned(name: str, steps: int, kind: str, more: dict[str, Any]) -> None:
    """A scheduler begins its steps at the times of the plan and asks as often as is declared."""
    options = options_of(name, steps, more)
    scheduler = make_scheduler(name, KINDS[kind], options)
    found = scheduler.timesteps.tolist()
    assert len(found) == SAMPLERS[name].nfe(options), (steps, kind, more)
    assert found[::2 if name in TWICE else 1] == pytest.approx(times_of(KINDS[kind], options), rel=1e-6), (steps, kind, more)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_scheduler_keeps_to_them(name: str) -> None:
    """At every count, on one schedule and spacing after the other; what a scheduler does with its levels knows nothing of these."""
    for steps in COUNTS:
        planned(name, steps, *PLANS[steps % len(PLANS)])


@pytest.mark.long
@pytest.mark.parametrize("name", SCHEDULERS)
def test_each_scheduler_keeps_to_them_on_every_schedule_and_spacing(name: str) -> None:
    for steps in COUNTS:
        for kind, more in PLANS:
            planned(name, steps, kind, more)


@pytest.mark.parametrize("karras", [False, True])
@pytest.mark.parametrize("name", [name for name in SCHEDULERS if name != "euler_a"])
def test_the_level_that_is_told_is_the_level_worked_at(name: str, karras: bool) -> None:
    """A solver's own sigma is that of the time at which it asks, between the steps too; and no noise is left at the end."""
    schedule = KINDS["linear"]
    for steps in (2, 10, 61):
        scheduler = make_scheduler(name, schedule, SAMPLERS[name].options(steps=steps, karras=karras))
        told = [schedule.sigma(t) for t in scheduler.timesteps.tolist()]
        worked = [float(sigma) for sigma in scheduler.sigmas]
        if name == "dpmpp_sde":                          # its second evaluations lie half-way in log sigma
            worked[1:-1:2] = [(a * b) ** 0.5 for a, b in zip(worked[0:-2:2], worked[2:-1:2], strict=True)]
        assert told == pytest.approx(worked[:len(told)], rel=1e-4)
        assert worked[-1] < 1e-3 * told[-1]


def asked(name: str, kind: str, options: DiffusionOptions) -> list[float]:
    """The times at which a run asks, in order."""
    found: list[float] = []

    def nothing(x: torch.Tensor, t: torch.Tensor) -> Steps:
        found.append(float(t))
        return torch.zeros_like(x)
        yield                                            # a generator, as predictors are

    noise = RowNoise((0,), (1, 1, 1))
    run_alone(RUN[name](nothing, noise.normal(), noise, KINDS[kind], options), {})
    return found


@pytest.mark.parametrize(("kind", "steps"), [("linear", 61), ("cosine", 25)])
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_asks_at_them(name: str, kind: str, steps: int) -> None:
    for spacing in SPACINGS:
        options = SAMPLERS[name].options(steps=steps, spacing=spacing)
        found = asked(name, kind, options)
        assert len(found) == SAMPLERS[name].nfe(options)
        assert found[::2 if name in TWICE else 1] == timesteps(steps, KINDS[kind].visited(steps), spacing)
