"""When each sampler asks the network: as often as was ordered, at the times of the spacing chosen, and about the level it works at."""
from __future__ import annotations

from itertools import pairwise, product
from typing import Any

import pytest
import torch

from pipelines.diffusion.options import SPACINGS, DiffusionOptions, SolverOptions
from pipelines.diffusion.solvers import times_of
from pipelines.numerics.guidance import guided
from pipelines.numerics.rng import RowNoise
from pipelines.numerics.schedules import SCHEDULES, NoiseSchedule
from pipelines.protocol import Preview, Steps, run_alone
from pipelines.registry import face
from tests.pipelines.diffusion.gaussian import KEY, WIDTHS, Gaussian
from tests.pipelines.diffusion.library import SCHEDULERS, reference

pytestmark = pytest.mark.slow

SAMPLERS = face("diffusion").samplers
KINDS = {kind: NoiseSchedule(kind) for kind in SCHEDULES}
COUNTS = range(1, 201)
PLANS: list[tuple[str, dict[str, Any]]] = [(kind, more) for kind, more in product(KINDS, [
    *({"spacing": spacing} for spacing in SPACINGS), {"karras": True}])]
DATA = Gaussian(0.3, WIDTHS, KINDS["linear"])                                # type: ignore[arg-type]
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


def asked(name: str, kind: str, options: DiffusionOptions) -> tuple[list[float], list[float]]:
    """(the times at which a run asks, the noise levels that it works at there), in order."""
    times: list[float] = []

    def nothing(x: torch.Tensor, t: torch.Tensor) -> Steps:
        times.append(float(t))
        return torch.zeros_like(x)
        yield                                            # a generator, as predictors are

    noise, yielded = RowNoise((0,), (1, 1, 1)), []
    run_alone(SAMPLERS[name](nothing, noise.normal(), noise, KINDS[kind], options), {}, yielded.append)
    seen = [one for one in yielded if isinstance(one, Preview)]
    assert [(preview.step, preview.total) for preview in seen] == [(step, len(times)) for step in range(1, len(times) + 1)]
    assert [preview.t for preview in seen] == pytest.approx(times, rel=1e-6)
    return times, [preview.sigma for preview in seen]


@pytest.mark.parametrize(("kind", "more"), PLANS)
@pytest.mark.parametrize("name", SAMPLERS)
def test_a_run_asks_at_them(name: str, kind: str, more: dict[str, Any]) -> None:
    """As often as is declared, and about the level that it works at, between two that are visited too."""
    for steps in (1, 2, 3, 25, 61):
        options = options_of(name, steps, more)
        times, sigmas = asked(name, kind, options)
        assert len(times) == SAMPLERS[name].nfe(options)
        assert times[::2 if name in TWICE else 1] == pytest.approx(times_of(KINDS[kind], options), rel=1e-6)
        assert [KINDS[kind].sigma(t) for t in times] == pytest.approx(sigmas, rel=1e-4)
        if name == "dpmpp_sde":                          # its second evaluations lie half-way in log sigma
            assert sigmas[1::2] == pytest.approx([(a * b) ** 0.5 for a, b in pairwise(sigmas[::2])], rel=1e-6)


@pytest.mark.parametrize("more", [{"spacing": "trailing"}, {"spacing": "leading"}, {"karras": True}], ids=str)
@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_each_solver_is_the_librarys(name: str, more: dict[str, Any]) -> None:
    """On data of many widths. Bound: what one rounding of x, as large as the first sigma, to single precision comes to."""
    for steps in (5, 20):
        options = options_of(name, steps, {**more, "clip": False})
        noise, again = RowNoise((0, 1), (3, 8, 8)), RowNoise((0, 1), (3, 8, 8))
        found = run_alone(SAMPLERS[name](guided(KEY, {}, {}, 1.0), noise.normal(), noise, DATA.schedule, options), {KEY: DATA.eps})
        difference = found - reference(name, DATA, options, again.normal(), again)
        assert difference.abs().max() < DATA.schedule.sigma(999) * 2**-22, steps


@pytest.mark.parametrize("name", list(SCHEDULERS))
def test_one_step_ends_at_the_estimate(name: str) -> None:
    noise = RowNoise((0, 1), (3, 8, 8))
    x_T, t, sigma = noise.normal(), torch.full((2,), 999.0), DATA.schedule.sigma(999)
    sampler = SAMPLERS[name](guided(KEY, {}, {}, 1.0), x_T, noise, DATA.schedule, options_of(name, 1, {"clip": False}))
    found = run_alone(sampler, {KEY: DATA.eps})
    assert (found - (x_T * (1 + sigma**2) ** 0.5 - sigma * DATA.eps(x_T, t, {}))).abs().max() < sigma * 2**-22
