"""Pictures to noise and back, between two pictures, and how likely they are: on exact and on tiny networks."""
from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines import registry
from pipelines.data.batches import to_tensor
from pipelines.data.shapes.captions import item
from pipelines.data.shapes.scenes import render
from pipelines.engine import Engine
from pipelines.numerics.likelihood import LEVELS, bits_per_dim, dequantised, exact, log_likelihood, signs
from pipelines.numerics.ode import Control
from pipelines.numerics.ode_inversion import OdeInversion, between, generate, invert, likelihood
from pipelines.numerics.paths import OptimalTransport
from pipelines.numerics.rng import RowNoise
from pipelines.options import options_of
from pipelines.protocol import Outcome, run_alone
from pipelines.request import Request
from pipelines.sde.options import T_MIN
from tests.pipelines.gaussian import KEY_VJP, Gaussian
from tests.tiny import nets_of, tiny
from weights.catalog import entries
from weights.load import load

FAMILIES = [name for name in registry.NAMES if registry.family(name).ode_inversion is not None]
X0 = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1      # U-Nets take any size
CONTROL = Control(1e-5, 1e-5, 200)
WAYS = [(family, option.name, choice) for family in FAMILIES for spec in [next(iter(registry.face(family).samplers.values()))]
        for option in options_of(spec.options) if option.name in ("process", "path") for choice in option.choices]


def setting(family: str, prompt: str = "a red star"):
    net = tiny(family)
    nets = nets_of(family, net)
    name, spec = next(iter(registry.face(family).samplers.items()))
    inversion = registry.family(family).ode_inversion
    assert inversion is not None
    return inversion(spec.options()), Request(family, "tiny", name, spec.options(), prompt, count=len(X0)), nets


@pytest.mark.slow
@pytest.mark.parametrize(("family", "prompt"), [*((family, "a red star") for family in FAMILIES), ("flow", "")])
def test_encode_and_decode_are_inverse(family: str, prompt: str) -> None:
    inversion, request, nets = setting(family, prompt)
    noise: Outcome = run_alone(invert(inversion, request, "t", X0, CONTROL), nets)
    back: Outcome = run_alone(generate(inversion, request, "t", noise.x, CONTROL), nets)
    assert noise.notes == back.notes == (None,) * len(X0)
    assert (back.x - X0).abs().max() < 4 / 255                                 # two grey levels; the tolerance is 1e-5 a step
    assert (noise.x - X0).abs().max() > 0.5


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_likelihood_in_the_engine_is_that_alone(family: str) -> None:
    """The engine is in inference mode, and the product needs gradients."""
    inversion, request, nets = setting(family)
    alone: Outcome = run_alone(likelihood(inversion, request, "t", X0, 1, Control(1e-3, 1e-3, 50)), nets)
    engine = Engine(nets)
    together = engine.submit(likelihood(inversion, request, "t", X0, 1, Control(1e-3, 1e-3, 50))).result()
    one = engine.submit(likelihood(inversion, replace(request, count=1), "t", X0[:1], 1, Control(1e-3, 1e-3, 50))).result()
    engine.close()
    assert torch.isfinite(alone.x).all()
    # Twice the tolerance: batches round otherwise, and a step may then be accepted that was not.
    assert torch.allclose(together.x, alone.x, rtol=2e-3)                      # type: ignore[union-attr]
    assert torch.allclose(one.x, alone.x[:1], rtol=2e-3)                       # type: ignore[union-attr]


def way(family: str, **options: Any) -> OdeInversion:
    made = registry.family(family).ode_inversion
    assert made is not None
    return made(next(iter(registry.face(family).samplers.values())).options(**options))


@pytest.mark.parametrize(("family", "name", "choice"), WAYS)
def test_likelihoods_begin_where_the_noise_is_less_than_a_grey_level(family: str, name: str, choice: str) -> None:
    """Of data no wider than the noise that dequantises a flat picture, whose exact density is known: nothing is so costly to blur.
    A fiftieth of a bit is less than what two digits show."""
    data, inversion = Gaussian(0.3, 1 / LEVELS / math.sqrt(12)), way(family, **{name: choice})
    eps = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
    x0 = data.mu + data.s * eps / eps.square().mean().sqrt()
    found = run_alone(log_likelihood(inversion.path, exact(KEY_VJP, {}), x0, inversion.data, inversion.noise, inversion.prior_std, CONTROL),
                      data.nets)
    assert found.notes == (None,) * len(x0)
    assert abs(bits_per_dim(found.x[:, 0], 2).mean() - bits_per_dim(data.log_density(x0), 2).mean()) < 0.02


def test_likelihoods_begin_at_one_level_however_pictures_are_drawn() -> None:
    assert {way("sde", t_end=t_end).data for t_end in (1e-5, 1e-3, 0.1)} == {T_MIN}
    about = next(term.text for term in registry.face("sde").about.more if "divergence" in term.text)
    assert f"t = {T_MIN:.5f}" in about


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, pytest.param(8, marks=pytest.mark.long)])
@pytest.mark.parametrize("family", FAMILIES)
def test_likelihoods_have_converged_in_where_they_begin(family: str, count: int) -> None:
    """Of pictures under the models that ship: ten times nearer to the picture they change by less than two digits show. From t = 1e-3,
    where drawing stops, the SDE's would be greater by 0.45."""
    sha, net = load(next(entry for entry in entries() if entry.name == f"shapes-{family}"), torch.device("cpu"))
    begins = way(family)
    nearer = {"sde": replace(begins, data=begins.data / 10), "flow": replace(begins, path=OptimalTransport(1e-5))}[family]
    engine = Engine(nets_of(family, net, sha))
    spec, control = next(iter(registry.face(family).samplers.values())), Control(1e-3, 1e-3, 300)
    jobs = []
    for k, (scene, caption, _) in enumerate(item("test", 11, k, 1) for k in range(count)):
        request, x0 = Request(family, sha, spec.name, spec.options(), caption, seed=k, count=1), to_tensor(render(scene, 32))[None]
        jobs.append([engine.submit(likelihood(inversion, request, sha, x0, 1, control)) for inversion in (begins, nearer)])
    apart = [[bits_per_dim(job.result().x[0], 3 * 32 ** 2) for job in pair] for pair in jobs]          # type: ignore[union-attr]
    engine.close()
    assert abs(sum(float(far - near) for far, near in apart)) / count < 0.02


def test_directions_do_not_depend_on_the_draw() -> None:
    """A picture's noise and its probe come from one stream. From two of one seed, every number has its sign told beforehand."""
    noise = RowNoise((5,), (3, 32, 32))
    draw, probe = dequantised(torch.zeros(1, 3, 32, 32), noise).flatten(), signs(noise, 1).flatten()
    assert draw.abs().max() <= 0.5 / LEVELS and draw.std() == pytest.approx(1 / LEVELS / math.sqrt(12), rel=0.1)
    lags = torch.stack([torch.corrcoef(torch.stack([draw, probe.roll(k)]))[0, 1] for k in range(-16, 17)])
    assert lags.abs().max() < 5 / math.sqrt(len(draw))                         # five standard deviations of what independent ones show


@pytest.mark.slow
def test_rows_of_one_picture_are_other_draws_and_each_is_that_alone() -> None:
    inversion, request, nets = setting("flow")
    same, control = X0[:1].expand(3, -1, -1, -1), Control(1e-3, 1e-3, 50)
    three: Outcome = run_alone(likelihood(inversion, request, "t", same, 1, control), nets)
    second: Outcome = run_alone(likelihood(inversion, replace(request, seed=request.seed + 1, count=1), "t", X0[:1], 1, control), nets)
    assert len(three.x.unique()) == 3
    assert torch.allclose(second.x, three.x[1:2], rtol=2e-3)                   # twice the tolerance, as above


def test_between_keeps_to_the_shell() -> None:
    a, b = (torch.randn(3, 32, 32, generator=torch.Generator().manual_seed(k)) for k in (0, 1))
    way = between(a, b, torch.linspace(0, 1, 5))
    assert torch.allclose(way[0], a, atol=1e-4) and torch.allclose(way[-1], b, atol=1e-4)
    assert (way.flatten(1).std(1) - 1).abs().max() < 0.03
    assert torch.allclose(between(a, a, torch.linspace(0, 1, 3)), a.expand(3, -1, -1, -1), atol=1e-4)
