"""The 2-D laboratory as the page asks it."""
from __future__ import annotations

import math
import time

import pytest

from app.errors import BadInput, UserError, sentences
from app.lab import lab as module
from app.lab.lab import Lab
from pipelines import registry
from pipelines.options import OptionError, options_of

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.toy2d.toy2d.STEPS", 150)
    found = Lab()
    yield found
    found.close()


@pytest.mark.parametrize("family", registry.NAMES)
def test_trains_and_moves(lab: Lab, family: str) -> None:
    model, toy2d = lab.train(family, "moons"), registry.family(family).toy2d
    lab.wait(model, 240)
    state = lab.state(model)
    assert state["done"] and state["step"] == state["total"] == round(150 * toy2d.pace) and state["error"] is None
    assert tuple(state["losses"]) == tuple(toy2d.parts) and all(map(math.isfinite, state["losses"].values()))
    assert len(state["data"]) == 600
    for sampler in registry.face(family).samplers:
        found = lab.run(model, sampler, {"steps": 12, "eta": 1}, 50, 0, False)
        assert len(found["frames"]) == len(found["t"]) == len(found["arrows"]) == len(found["views"]) <= module.FRAMES + 1
        assert all(len(frame) == 100 for frame in found["frames"])
        assert found["frames"][0] != found["frames"][-1] and found["calls"] > 0
        for view in found["views"]:
            assert len(view.get("shade", [])) in (0, found["side"] ** 2) and len(view.get("cells", [])) in (0, 2 * found["side"] ** 2)


def test_the_page_knows_of_the_planes_what_they_are() -> None:
    for family in registry.NAMES:
        toy2d, bench = registry.family(family).toy2d, module.bench(family)
        assert bench["parts"] == (tuple(toy2d.parts) if len(toy2d.parts) > 1 else ())
        assert bool(bench["no_likelihood"]) == (toy2d.log_density is None)
        assert {o["name"] for o in bench["learnt"]} == set(registry.face(family).toy2d.learnt)
        for shown, spec in zip(bench["samplers"], registry.face(family).samplers.values(), strict=True):
            of_a_picture = {"source", "clip", *(o.name for o in options_of(spec.options) if o.stays)}
            assert of_a_picture.isdisjoint(o["name"] for o in shown["options"])


def test_a_game_is_trained_step_by_step(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """From nothing, and going on from a live training, which stops."""
    model = lab.train("gan", "moons", options={"game": "hinge"}, live=False)
    start = lab.run(model, "generator", {}, 50, 0, False)
    state = lab.step(model, ["D"], 3)
    assert state["step"] == 3 and list(state["losses"]) == ["D"] and state["done"]
    judged = lab.run(model, "generator", {}, 50, 0, False)
    assert judged["frames"] == start["frames"] and judged["views"] != start["views"]            # D alone has learnt
    lab.step(model, ["G"], 1)
    moved = lab.run(model, "generator", {}, 50, 0, False)
    assert moved["frames"][-1] != start["frames"][-1] and moved["views"] == judged["views"]
    assert lab.step(model, ["D", "G"], 10)["step"] == 14
    for parts, count in ((["D"], 0), (["D"], 101), (["X"], 1), ([], 1)):
        with pytest.raises((BadInput, OptionError)):
            lab.step(model, parts, count)
    monkeypatch.setattr("pipelines.toy2d.toy2d.STEPS", 10**9)                      # it does not end by itself
    live = lab.train("gan", "moons")
    while lab.state(live)["step"] == 0:
        time.sleep(0.01)
    step = lab.step(live, ["G"], 1)["step"]
    assert step < lab.state(live)["total"] and lab.state(live)["step"] == step                  # nothing trains on
    with pytest.raises((BadInput, OptionError), match="Game must be one of"):
        lab.train("gan", "moons", options={"game": "chess"})


@pytest.mark.parametrize(("family", "sampler", "option", "values"), [
    ("dalle", "ancestral", "temperature", (0.1, 3)), ("dalle", "top_k", "top_k", (1, 200)), ("dalle", "top_p", "top_p", (0.01, 1)),
    ("vqvae", "ancestral", "temperature", (0.1, 3)), ("gan", "generator", "truncation", (0.1, 4)), ("diffusion", "ddim", "eta", (0, 1))])
def test_options_change_the_picture(lab: Lab, family: str, sampler: str, option: str, values: tuple[float, float]) -> None:
    model = lab.train(family, "gaussians", live=False)
    few, many = (lab.run(model, sampler, {option: value, "steps": 10}, 60, 0, False)["frames"][-1] for value in values)
    assert few != many
    with pytest.raises((BadInput, OptionError), match="must be"):
        lab.run(model, sampler, {option: -1}, 60, 0, False)


@pytest.mark.parametrize("family", ["gan", "vqvae"])
def test_no_contours_without_a_likelihood(lab: Lab, family: str) -> None:
    model = lab.train(family, "moons", live=False)
    with pytest.raises(UserError, match="defines no likelihood"):
        lab.contours(model, {})


def test_one_looks_on_while_the_discriminator_learns(lab: Lab) -> None:
    """Its slope is taken of a network that stands still."""
    model = lab.train("gan", "spiral")
    while not lab.state(model)["done"]:
        if lab.state(model)["step"]:
            lab.run(model, "generator", {}, 50, 0, False)
    assert lab.state(model)["error"] is None


def test_an_ode_draws_one_line_from_one_start_and_an_sde_a_fan(lab: Lab) -> None:
    model = lab.train("sde", "gaussians")
    lab.wait(model, 240)
    for sampler, spread in (("ode_heun", False), ("euler_maruyama", True)):
        ends = lab.run(model, sampler, {"steps": 20}, 20, 0, True)["frames"][-1]
        assert (max(ends[::2]) - min(ends[::2]) > 0.05) == spread


@pytest.mark.parametrize("family", ["diffusion", "sde", "flow", "dalle"])
def test_contours_are_those_of_a_density(lab: Lab, family: str) -> None:
    """Along every process or path; what is drawn integrates to one."""
    model = lab.train(family, "moons")
    lab.wait(model, 240)
    options = {o.name: o.choices for s in registry.face(family).samplers.values() for o in options_of(s.options)}
    name = next((n for n in ("process", "path") if n in options), None)
    for value in options[name] if name else (None,):
        found = lab.contours(model, {name: value} if name else {}, 24)
        assert len(found["log_p"]) == 24 * 24 and found["mass"] == pytest.approx(1, abs=0.15), value
    if name:
        with pytest.raises((BadInput, OptionError), match="must be one of"):
            lab.contours(model, {name: "odd"})


def test_wrong_input_gets_a_sentence(lab: Lab) -> None:
    for density, points in (("cube", None), ("drawn", None), ("drawn", [[0, 0]] * 3), ("drawn", [[0, 9]] * 9),
                            ("drawn", [[0, math.nan]] * 9), ("drawn", [[0, 0]] * 9 + [[0]]), ("drawn", [[0, 0, 0]] * 9),
                            ("drawn", [[]] * 9)):
        with pytest.raises((BadInput, OptionError)):
            lab.train("flow", density, points)
    model = lab.train("flow", "drawn", [[0.1 * k, 0.5] for k in range(9)])
    lab.wait(model, 240)
    for sampler, options, count in (("ddim", {}, 5), ("euler", {"steps": 0}, 5), ("euler", {"steps": 9999}, 5), ("euler", {}, 0)):
        with pytest.raises((BadInput, OptionError)):
            lab.run(model, sampler, options, count, 0, False)
    with pytest.raises(sentences(), match="no longer kept"):
        lab.state("gone")


def test_only_the_latest_models_are_kept(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    names = [lab.train("flow", "spiral") for _ in range(4)]
    with pytest.raises(UserError):
        lab.state(names[0])
    lab.state(names[-1])


def test_the_densities_are_those_of_the_plane() -> None:
    from pipelines.toy2d.toy2d import DENSITIES
    assert module.DENSITIES == DENSITIES
