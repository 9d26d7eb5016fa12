"""On Gaussian data the exact score is known, and so is where every sampler must end."""
from __future__ import annotations

from functools import cache

import pytest
import torch

from pipelines.numerics.gaussian import clipped_v
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Outcome, run_alone
from pipelines.registry import face, reference_solution
from pipelines.request import Request
from pipelines.sde.options import SDEOptions
from pipelines.sde.processes import PROCESSES
from pipelines.sde.sampler import ODE, SDE, score_of
from tests.pipelines.gaussian import KEY, Gaussian, exact, slope, within

pytestmark = pytest.mark.slow

DATA = Gaussian()
SPECS = face("sde").samplers
SHAPE = (6, 32, 32)                # of one row, since each has Brownian paths of its own, which take most of the time


def draw(name: str, options: SDEOptions, rows: int = 1, shape: tuple[int, ...] = SHAPE,
         dtype: torch.dtype = torch.float32) -> tuple[torch.Tensor, torch.Tensor, int]:
    """(samples, where they started, calls)."""
    calls = 0

    def net(z: torch.Tensor, phi: torch.Tensor, cond: dict) -> torch.Tensor:
        nonlocal calls
        calls += 1
        return DATA.predict(z, phi, cond)

    process, noise = PROCESSES[options.process], RowNoise(tuple(range(rows)), shape)
    x = process.prior_std * noise.normal().to(dtype)
    with torch.inference_mode():
        result = run_alone(SPECS[name](score_of(exact(), process), x, noise, process, options), {KEY: net})
    return result.x if isinstance(result, Outcome) else result, x, calls


# The sub-VP process has the VP's drift and less noise; its orders are measured below.
@pytest.mark.parametrize("process", [pytest.param(name, marks=[pytest.mark.long] if name == "subvp" else []) for name in PROCESSES])
@pytest.mark.parametrize("name", SPECS)
def test_mean_and_variance(name: str, process: str) -> None:
    # Euler's steps are far too long for VE at its widest noise (the drift there is 40 per step of 0.01).
    steps = {"ode_rk45": 60}.get(name, 500 if process == "ve" and name in ("euler_maruyama", "ode_euler", "heun_sde") else 200)
    samples, _, _ = draw(name, SPECS[name].options(steps=steps, process=process))
    # 6,144 numbers are known to 0.0065, and steps of a first-order method, 1/200 long, lose some per cent of what they integrate.
    assert samples.mean().item() == pytest.approx(0.3, abs=0.03)
    assert samples.std().item() == pytest.approx(0.5, rel=0.08)


@pytest.mark.parametrize("name", SPECS)
def test_every_sampler_as_the_page_runs_it(name: str) -> None:
    """With every option at its default, the estimate held in the range of images too, on data that lie within it."""
    options, ode = SPECS[name].options(), name.startswith("ode_")
    data = Gaussian(0.1, 0.2 if ode else 0.3)
    process, noise = PROCESSES[options.process], RowNoise((0, 1), SHAPE)
    x = process.prior_std * noise.normal()
    with torch.inference_mode():
        result = run_alone(SPECS[name](score_of(clipped_v(exact()), process), x, noise, process, options), {KEY: data.predict})
    found = result.x if isinstance(result, Outcome) else result
    if ode:
        apart = (found - data.flow(process, x, 1.0, options.t_end)).square().mean().sqrt().item() / data.s
        assert apart < within(name.removeprefix("ode_"), options)
    else:
        # A hundred even steps of a first-order method; the last ones are long beside the noise that there is, and ancestral sampling,
        # which takes the picture for known, loses a tenth of the width in them.
        assert found.mean().item() == pytest.approx(0.1, abs=0.02) and found.std().item() == pytest.approx(0.3, rel=0.15)


@pytest.mark.parametrize("name", SPECS)
def test_calls_are_the_declared_ones(name: str) -> None:
    for steps in (1, 2, 7):
        options = SPECS[name].options(steps=steps, denoise=steps != 2)
        _, _, calls = draw(name, options, shape=(1, 4, 4))
        assert calls <= SPECS[name].nfe(options) if SPECS[name].adaptive else calls == SPECS[name].nfe(options)


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.limit(spec.options()) == ODE and not spec.adaptive])
@pytest.mark.parametrize("process", PROCESSES)
def test_order_of_the_probability_flow(name: str, process: str) -> None:
    errors = []
    for steps in (64, 128):
        samples, x, _ = draw(name, SDEOptions(steps, process, t_end=0.1), shape=(1, 8, 8), dtype=torch.float64)
        errors.append((samples - DATA.flow(PROCESSES[process], x, 1.0, 0.1)).square().mean().sqrt().item())
    assert slope(errors) == pytest.approx(SPECS[name].order, abs={1: 0.15, 2: 0.25, 4: 0.4}[SPECS[name].order]), errors


@cache
def on_a_path(name: str, steps: int) -> torch.Tensor:
    """The end time is away from 0, where the drift has a singularity, and the times lie on the paths' grid."""
    return draw(name, SDEOptions(steps, "vp", 0.125, denoise=False), shape=(1, 32, 32))[0]


@pytest.mark.parametrize("name", [name for name, spec in SPECS.items() if spec.order and spec.limit(spec.options()) == SDE])
def test_strong_order_is_one_on_the_same_brownian_path(name: str) -> None:
    """The noise is additive, so Euler-Maruyama's strong order is 1 and not 1/2 (Kloeden & Platen 1992, section 10.2)."""
    errors = [(on_a_path(name, steps) - on_a_path("heun_sde", 896)).square().mean().sqrt().item() for steps in (56, 112, 224)]
    assert slope(errors) > SPECS[name].order - 0.15, errors


# With additive noise, as here, Ito and Stratonovich are the same equation; torchsde has Heun for the latter.
@pytest.mark.parametrize(("name", "method", "kind"), [("euler_maruyama", "euler", "ito"), ("heun_sde", "heun", "stratonovich")])
@pytest.mark.parametrize("process", PROCESSES)
def test_solvers_equal_torchsdes_on_the_same_path(process: str, name: str, method: str, kind: str) -> None:
    import torchsde
    options, p, rows = SDEOptions(64, process, 0.125, denoise=False), PROCESSES[process], 2
    ours, x, _ = draw(name, options, rows=rows, shape=(4,))
    paths = RowNoise(tuple(range(rows)), (4,)).brownian(0.0, 1.0)

    class Reverse:
        noise_type, sde_type = "diagonal", kind

        def f(self, tau: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            t = (1 - tau).expand(len(x))
            return -(p.f(x, t) - p.g(t)[:, None] ** 2 * DATA.score(p, x, t))

        def g(self, tau: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            return p.g((1 - tau).expand(len(x)))[:, None].expand_as(x)

    class Backwards:
        """The same Brownian path, read from t = 1 down."""
        dtype, device, shape, levy_area_approximation = torch.float32, torch.device("cpu"), (rows, 4), "none"

        def __call__(self, a: torch.Tensor, b: torch.Tensor | None = None, **_: object) -> torch.Tensor:
            return paths.increment(1 - float(a), 1 - float(b)) * (float(b) - float(a)) ** 0.5

    with torch.no_grad():
        theirs = torchsde.sdeint(Reverse(), x, torch.tensor([0.0, 0.875]), bm=Backwards(), method=method, dt=0.875 / 64)[-1]
    assert (ours - theirs).abs().max() < 2e-4 * float(p.prior_std)


@pytest.mark.parametrize("sampler", ["predictor_corrector", "corrector_predictor"])
def test_langevin_steps_of_a_row_do_not_depend_on_its_neighbours(sampler: str) -> None:
    options = SPECS[sampler].options(steps=20)
    together, _, _ = draw(sampler, options, rows=6, shape=(3, 16, 16))
    alone, _, _ = draw(sampler, options, shape=(3, 16, 16))
    assert torch.equal(together[:1], alone)


SMALL = (1, 16, 16)


@cache
def solution(run: Request) -> torch.Tensor:
    return draw(run.sampler, run.options, shape=SMALL)[0]


@pytest.mark.parametrize("name", SPECS)
def test_more_steps_come_near_to_the_samplers_own_limit_and_to_no_other(name: str) -> None:
    def found(steps: int) -> torch.Tensor:
        given = {"steps": 200, "rtol": steps**-2, "atol": steps**-2} if name == "ode_rk45" else {"steps": steps}
        return draw(name, SPECS[name].options(**given), shape=SMALL)[0]

    coarse, fine = found(25), found(100)
    run = reference_solution(Request("sde", "", name, SPECS[name].options()))
    if run is None:
        assert name in ("predictor_corrector", "corrector_predictor") and (coarse - fine).square().mean().sqrt() > 0.1
        return
    near, far = ((x - solution(run)).square().mean().sqrt() for x in (fine, coarse))
    assert near < max(0.5 * far, 1e-3) and near < 0.1                          # strong order 1; the ODE's solvers are there already
    other = "ancestral" if name.startswith("ode") else "ode_heun"
    elsewhere = reference_solution(Request("sde", "", other, SPECS[other].options()))
    assert elsewhere is not None and (fine - solution(elsewhere)).square().mean().sqrt() > 0.1


def test_samplers_of_one_equation_share_its_run() -> None:
    asked = {name: Request("sde", "", name, SPECS[name].options(steps=7, process="ve")) for name in SPECS}
    runs = {name: run for name, request in asked.items() if (run := reference_solution(request)) is not None}
    assert len(set(runs.values())) == 2 and len({run for name, run in runs.items() if name.startswith("ode")}) == 1
    assert all(run.options.process == "ve" for run in runs.values())
    plain = SPECS["predictor_corrector"].options(corrector_steps=0, process="ve")          # without its corrector it is reverse diffusion
    assert reference_solution(Request("sde", "", "predictor_corrector", plain)) == runs["ancestral"]
