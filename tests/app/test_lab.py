"""The 2-D laboratory as the page asks it."""
from __future__ import annotations

import math

import pytest

from app import lab as module
from app.lab import Lab
from app.views import BadInput, UserError
from pipelines import registry
from pipelines.options import options_of


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.plane.STEPS", 150)
    found = Lab()
    yield found
    found.close()


@pytest.mark.parametrize("family", registry.NAMES)
def test_trains_and_moves(lab: Lab, family: str) -> None:
    model = lab.train(family, "moons")
    lab.wait(model, 60)
    state = lab.state(model)
    assert state["done"] and state["step"] == 150 and state["error"] is None and math.isfinite(state["loss"])
    assert len(state["data"]) == 600
    for sampler in registry.face(family).samplers:
        found = lab.run(model, sampler, {"steps": 12, "eta": 1}, 50, 0, False)
        assert len(found["frames"]) == len(found["t"]) == len(found["arrows"]) <= module.FRAMES + 1
        assert all(len(frame) == 100 for frame in found["frames"])
        assert found["frames"][0] != found["frames"][-1] and found["calls"] > 0


def test_an_ode_draws_one_line_from_one_start_and_an_sde_a_fan(lab: Lab) -> None:
    model = lab.train("sde", "gaussians")
    lab.wait(model, 60)
    for sampler, spread in (("ode_heun", False), ("euler_maruyama", True)):
        ends = lab.run(model, sampler, {"steps": 20}, 20, 0, True)["frames"][-1]
        assert (max(ends[::2]) - min(ends[::2]) > 0.05) == spread


@pytest.mark.parametrize("family", registry.NAMES)
def test_contours_are_those_of_a_density(lab: Lab, family: str) -> None:
    """Along every process or path; what is drawn integrates to one."""
    model = lab.train(family, "moons")
    lab.wait(model, 60)
    options = {o.name: o.choices for s in registry.face(family).samplers.values() for o in options_of(s.options)}
    name = next((n for n in ("process", "path") if n in options), None)
    for value in options[name] if name else (None,):
        found = lab.contours(model, {name: value} if name else {})
        assert len(found["log_p"]) == 48 * 48 and found["mass"] == pytest.approx(1, abs=0.15), value
    if name:
        with pytest.raises(BadInput, match="must be one of"):
            lab.contours(model, {name: "odd"})


def test_wrong_input_gets_a_sentence(lab: Lab) -> None:
    for density, points in (("cube", None), ("drawn", None), ("drawn", [[0, 0]] * 3), ("drawn", [[0, 9]] * 9),
                            ("drawn", [[0, math.nan]] * 9)):
        with pytest.raises(BadInput):
            lab.train("flow", density, points)
    model = lab.train("flow", "drawn", [[0.1 * k, 0.5] for k in range(9)])
    lab.wait(model, 60)
    for sampler, options, count in (("ddim", {}, 5), ("euler", {"steps": 0}, 5), ("euler", {"steps": 9999}, 5), ("euler", {}, 0)):
        with pytest.raises(BadInput):
            lab.run(model, sampler, options, count, 0, False)
    with pytest.raises(UserError, match="no longer kept"):
        lab.state("gone")


def test_only_the_latest_models_are_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    names = [lab.train("flow", "spiral") for _ in range(4)]
    with pytest.raises(UserError):
        lab.state(names[0])
    lab.state(names[-1])


def test_the_densities_are_those_of_the_plane() -> None:
    from pipelines.plane import DENSITIES
    assert module.DENSITIES == DENSITIES
