"""Fixed settings: each is read by some cell or refused, and cells that do not read one say so."""
from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import BadInput
from app.grids.ask import GridAsk
from app.grids.axes import fixed_options
from app.grids.plan import Plan, make_plan
from app.models.models import Models
from app.service import Service
from pipelines import registry
from pipelines.options import options_of
from tests.app.grids.comparing import asked, drawn, ended

MODELS = Models(Weights(Path("no-runs"), Path("no-models")))


def plan(x: str, y: str = "", family: str = "diffusion", dropped: tuple[str, ...] = (), **more: Any) -> Plan:
    fields = {name: more.pop(name) for name in ("negative_prompt", "width") if name in more}
    return make_plan(GridAsk(Ask(family, "a red star", count=1, options=more, **fields), x, y), MODELS, dropped=dropped)


@pytest.mark.parametrize(("axes", "settings", "says"), [
    (("steps=1,2",), {"bogus": 1}, "No sampler of this grid has an option 'bogus'; there are steps, "),
    (("steps=1,2",), {"guidance_scale": 3}, "No sampler of this grid has an option 'guidance_scale'"),
    (("steps=1,2",), {"": 1}, "No sampler of this grid has an option ''"),
    (("steps=1,2", "sampler=heun,euler"), {"eta": 0.5}, "No sampler of this grid has an option 'eta'"),
    (("steps=1,2",), {"steps": "x"}, "steps=x says nothing beside the axis steps, which chooses it in every cell; leave out one"),
    (("nfe=9,20",), {"steps": 7}, "steps=7 says nothing beside the axis nfe"),
    (("negative_prompt=|a ring",), {"negative_prompt": "a cross"}, "negative_prompt=a cross says nothing beside the axis"),
    (("family=flow,gan",), {"eta": 0.5}, "eta is a setting of Diffusion, by which no cell is drawn")])
def test_a_setting_that_no_cell_reads_is_refused(axes: tuple[str, ...], settings: dict[str, Any], says: str) -> None:
    with pytest.raises(BadInput) as refused:
        plan(*axes, **settings)
    assert str(refused.value).startswith(says) and str(refused.value).endswith(".")


@pytest.mark.parametrize("text", ["=|", "=1", "steps", "steps=", "steps=1, steps=2", "t-start=0, t_start=1"])
def test_settings_without_a_name_or_a_value_and_with_two_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="The fixed setting"):
        fixed_options(text)


def test_every_option_of_a_sampler_stays_and_every_other_is_refused() -> None:
    every = {o.name for spec in registry.faces() for sampler in spec.every.values() for o in options_of(sampler.options)}
    for spec in registry.faces():
        for sampler in spec.samplers.values():
            own = {o.name: o.default for o in options_of(sampler.options)}
            assert plan("seed=1,2", f"sampler={sampler.name}", spec.name, **own).requests
            others = dict.fromkeys(every - {*own}, 1)
            told = plan("seed=1,2", f"sampler={sampler.name}", spec.name, tuple(every), **own | others).notes
            assert all(sum(f"an option '{name}'" in note for note in told) == (name in others) for name in every)


def test_a_cell_says_what_its_sampler_or_its_family_has_no_place_for() -> None:
    notes = [spot.note for spot in plan("sampler=ddim,heun", eta=0.5, steps=5).spots]
    assert notes == [None, "Heun has no eta."]
    notes = [str(spot.note) for spot in plan("family=diffusion,gan", eta=0.5).spots]
    assert "settings of its own" not in notes[0] and notes[1].endswith("GAN has settings of its own, not the eta of Diffusion.")


def test_a_solver_that_chooses_its_steps_has_a_limit_beside_a_budget() -> None:
    found = plan("nfe=20", "sampler=rk45,euler", "flow", steps=7)
    assert [request.options.steps for request in found.requests] == [7, 10]
    with pytest.raises(BadInput, match="beside the axis nfe"):
        plan("nfe=20", "sampler=euler", "flow", steps=7)


def test_snapshots_without_runs_of_several_lengths_are_said() -> None:
    for x, said in (("steps=1,2", False), ("seed=1,2", True)):
        found = make_plan(GridAsk(Ask("diffusion", "a red star", count=1), x, snapshots=True), MODELS)
        assert any("no snapshots" in note for note in found.notes) == said


def test_a_grid_that_was_begun_with_what_nothing_reads_is_opened_resumed_and_extended(service: Service) -> None:
    grid, _ = drawn(service, asked("steps=1,2", "sampler=heun"))
    settings = json.loads(json.dumps(service.grids.record(grid).settings))
    stale = {"bogus": "1", "eta": "0.5", "steps": "x"}
    settings["asked"]["ask"]["options"] = stale                                # as it was kept when nobody looked
    service.artist.storage.change_grid(grid, settings=settings)
    service.grids._live.clear()
    assert service.grids.view(grid)["done"] == 2 and service.grids.asked(grid).ask.options == stale
    service.grids.resume(grid)
    assert ended(service, grid)["done"] == 2
    before = service.grids.asked(grid)
    with pytest.raises(BadInput, match="an option 'other'"):
        service.grids.extend(grid, replace(before, x="steps=1,2,3", ask=replace(before.ask, options=stale | {"other": 1})))
    service.grids.extend(grid, replace(before, x="steps=1,2,3", y="sampler=heun,ddim"))
    view = ended(service, grid)
    assert view["done"] == 6 and "No sampler of this grid has an option 'bogus'" in service.grids.find(grid).job.note
    after = service.grids.asked(grid)
    assert after.ask.options == {"eta": "0.5"} and asdict(after) | {"ask": None} == asdict(before) | {
        "x": "steps=1,2,3", "y": "sampler=heun,ddim", "ask": None}
    assert [cell.metrics.get("note") for cell in service.grids.find(grid).cells[:3]] == [None, None, "Heun has no eta."]      # two are kept
