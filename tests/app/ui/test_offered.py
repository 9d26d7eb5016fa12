"""What a list or a sentence offers works: axes and samplers with the models that are drawn; new axes mean what they say."""
from __future__ import annotations

import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import PIL.Image
import pytest

from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import BadInput
from app.grids.ask import GridAsk
from app.grids.axes import BUDGETS, choices, fixed_options, offered
from app.grids.plan import Plan, make_plan
from app.models.models import Models
from app.models.views import ModelView
from app.service import Service
from app.ui.compare import CompareTab, Offers
from pipelines import registry
from pipelines.effects import never
from pipelines.hub.about import ADAPTERS
from pipelines.options import Option, build, options_of
from pipelines.request import face_of, samplers_of
from tests.app.grids.comparing import drawn

pytestmark = pytest.mark.slow

MODELS = Models(Weights(Path("no-runs"), Path("no-models")))
OF_PICTURE = ("strength", "t_start", "keep_rows")
ASK = Ask("diffusion", "a red star on blue", seed=7, count=1, guidance_scale=3)


def view_of(adapter: str) -> ModelView:
    """A model of the Hub as the lists see it."""
    info, face = ADAPTERS[adapter], face_of(ADAPTERS[adapter].family)
    return ModelView(adapter, info.family, info.title, 1, "", "local", 1, "", dict(info.defaults), None, adapter, info.samplers, info.reads,
                     info.guided, 32, tuple(never(face, adapter)), prompts=("a cat", "a dog"))


class WithHub:
    """The models that ship with the project, and one of each kind of the Hub under its adapter's name."""
    there = [*MODELS.views(), *map(view_of, ADAPTERS)]

    @property
    def weights(self) -> WithHub:
        return self

    def views(self, family: str | None = None) -> list[ModelView]:
        return [m for m in self.there if family in (None, m.family)]

    def resolved(self, ask: Ask) -> Ask:
        if ask.model not in ADAPTERS:
            return MODELS.weights.resolved(ask)
        defaults = ADAPTERS[ask.model].defaults
        guidance_scale = defaults["guidance_scale"] if ask.guidance_scale is None else ask.guidance_scale
        return replace(ask, adapter=ask.model, guidance_scale=guidance_scale)


def plan(x: str, y: str = "", z: str = "", **more: Any) -> Plan:
    return make_plan(GridAsk(replace(ASK, **more), x, y, z), WithHub())


def test_sizes_vary_with_a_model_that_has_a_choice() -> None:
    found = plan("width=64,96", "height=64,128", model="sd")
    assert [(r.width, r.height) for r in found.requests] == [(64, 64), (96, 64), (64, 128), (96, 128)]
    found = plan("size=64x48, 96, 0", model="sd")
    assert [(r.width, r.height) for r in found.requests] == [(64, 48), (96, 96), (0, 0)]
    assert found.x.labels == ("64 × 48", "96 × 96", "the model's own size")
    for bad, says in (("size=64x", "could not be read"), ("size=9999", "between 0 and 2048"), ("size=axb", "whole number")):
        with pytest.raises(BadInput, match=says):
            plan(bad, model="sd")
    with pytest.raises(BadInput, match="say the same"):
        plan("size=64,96", "width=64,96", model="sd")
    with pytest.raises(BadInput, match="draws pictures of 32 by 32 pixels; leave width and height at 0"):
        plan("width=64,96")


def test_negative_prompts_vary_and_none_is_one_of_them() -> None:
    found = plan("negative_prompt=| a small ring|blue, red")
    assert [r.negative_prompt for r in found.requests] == ["", "a small ring", "blue, red"]
    assert found.x.labels == ("no negative prompt", "negative: a small ring", "negative: blue, red")


def test_words_of_the_prompt_are_searched_and_replaced() -> None:
    found = plan("replace=red | green | |blue", "prompt=a red star | a cross|red on red")
    assert [spot.request.prompt if spot.request else spot.reason for spot in found.spots] == [
        "a red star", "a green star", "a star", "a blue star", *["The prompt has no 'red' that could be replaced."] * 4,
        "red on red", "green on green", "on", "blue on blue"]
    assert found.x.labels == ("red", "green", "without red", "blue")
    with pytest.raises(BadInput, match="what stands in their place"):
        plan("replace=red")


@pytest.mark.filterwarnings("ignore:The value passed into gr.Dropdown")          # an update of the page's list is told no choices
@pytest.mark.parametrize("model", WithHub.there, ids=lambda m: m.name)
def test_every_axis_and_sampler_that_a_list_offers_can_be(model: ModelView) -> None:
    offers = Offers({spec.name: spec for spec in registry.faces()}, {f: WithHub().views(f) for f in registry.NAMES})
    assert {name for _, name in offers.samplers(model.family, model.name)} == {*model.samplers}
    prompt = "7" if model.reads == "label" else "a red star"
    made = replace(ASK, family=model.family, model=model.name, prompt=prompt, guidance_scale=None)
    for _, axis in offers.axes(model.family, model.name)[1:]:
        what, text, names, _ = offers.axis(model.family, model.name, axis)
        values = ",".join(name for _, name in names.choices) or text.value
        values = f"{prompt} | {'8' if prompt == '7' else 'a blue star'}" if axis == "replace" else values
        found = make_plan(GridAsk(made, f"{axis}={values}", "" if axis in ("sampler", "family", "model") else "sampler=all"), WithHub())
        used = {value for k, value in enumerate(found.x.values) if any(spot.request for spot in found.spots if spot.x == k)}
        lacking = {*found.x.values} - used
        assert what.value == axis and (not lacking or prompt == "7" and lacking <= {"vqvae", "shapes-vqvae"}), axis      # it knows no "7"


@pytest.mark.filterwarnings("ignore:The value passed into gr.Dropdown")
@pytest.mark.parametrize("family", registry.NAMES)
def test_a_picture_is_sent_to_compare_with_settings_that_some_cell_reads(family: str) -> None:
    offers = Offers({spec.name: spec for spec in registry.faces()}, {f: WithHub().views(f) for f in registry.NAMES})
    tab = CompareTab(offers, *[cast(Any, None)] * 9, [], [])
    for sampler in face_of(family).samplers.values():
        options = asdict(build(sampler.options, {}))
        sent = tab.receive({"family": family, "model": f"shapes-{family}", "sampler": sampler.name, "prompt": "a red star",
                            "options": options, "guidance_scale": None, "seed": 1})
        x, y = (f"{what.value}={text.value or ','.join(names.value)}" for what, text, names, _ in (sent[8:12], sent[12:16]))
        stay = fixed_options(sent[5])
        assert make_plan(GridAsk(replace(ASK, family=family, guidance_scale=None, options=stay), x, y), WithHub()).requests
        if sampler.name in sent[14].value:
            assert {*stay} == {name for name, value in options.items() if value != ""} - {sent[8].value}


@pytest.mark.parametrize("model", WithHub.there, ids=lambda m: m.name)
def test_what_needs_a_picture_to_start_from_is_offered_with_one_only(model: ModelView) -> None:
    offers = Offers({spec.name: spec for spec in registry.faces()}, {f: WithHub().views(f) for f in registry.NAMES})
    own = {name for name in OF_PICTURE if name in offered((model.family,), WithHub().there, [model])}
    assert not {*OF_PICTURE} & {name for _, name in offers.axes(model.family, model.name)}
    assert own or model.family in ("vqvae", "gan") or model.name in ADAPTERS
    made = replace(ASK, family=model.family, model=model.name, prompt="7" if model.reads == "label" else "a red star", guidance_scale=None)
    for axis in own:
        grid = GridAsk(made, f"{axis}={'4' if axis == 'keep_rows' else '0.5'}")
        with pytest.raises(BadInput, match="varies only where there is one to start from"):
            make_plan(grid, WithHub())
        assert make_plan(replace(grid, ask=replace(made, options={"source": "0" * 64})), WithHub()).requests


def test_what_a_model_lacks_is_not_offered() -> None:
    def names(family: str, model: str) -> set[str]:
        return {*offered((family,), WithHub().there, [m for m in WithHub.there if m.name == model])}

    own = names("diffusion", "shapes-diffusion")
    assert not own & {"width", "height", "size", "training"} and {"negative_prompt", "replace", "guidance_scale", "steps"} <= own
    assert {"width", "height", "size"} <= names("diffusion", "sd") and not names("diffusion", "dit") & {"width", "size"}
    assert not names("gan", "shapes-gan") & {"guidance_scale", "negative_prompt", "steps"}
    assert not names("vqvae", "shapes-vqvae") & {"negative_prompt", "steps", "last_temperature"}
    assert not names("flow", "flux") & {"negative_prompt", "clip", "path"} and not names("dalle", "imagegpt") & {"prompt", "candidates"}
    with pytest.raises(BadInput, match="There is no axis 'nonsense' for Diffusion") as said:
        plan("nonsense=1")
    listed = re.search("there are (.*)[.]", str(said.value))
    assert listed and {*listed[1].split(", ")} == own - {*OF_PICTURE} and own < {*choices(("diffusion",))}
    assert samplers_of(face_of("vqvae")) and "masked" not in {s for m in MODELS.views("vqvae") for s in m.samplers}


def two_of(option: Option, text: str) -> str:
    """Values of an axis that is written, for two cells: those that a list begins with, else some beside the default."""
    if len(listed := [part.strip() for part in text.split(",")]) > 1 or "|" in text:
        return "|".join(text.split("|")[:2]) if "|" in text else ",".join(listed[:2])
    if option.type is int:
        fits = option.high is None or option.default + 2 <= option.high
        return ",".join(str(option.default + more) for more in ((1, 2) if fits else (0, -1)))
    beside = option.low if option.low not in (None, option.default) else option.high
    return f"{option.default},{(option.default + (beside or 0.0)) / 2:g}"


@pytest.mark.filterwarnings("ignore:The value passed into gr.Dropdown")
@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)], ids=["in a family", "in every family"])
def test_every_axis_that_is_offered_is_drawn(service: Service, tmp_path: Path, every: bool) -> None:
    offers = Offers({spec.name: spec for spec in registry.faces()}, {name: service.models(name) for name in registry.NAMES})
    found: dict[str, list[str]] = {}
    for family in registry.NAMES:
        for name in (*(name for _, name in offers.axes(family, f"shapes-{family}")[1:]), *OF_PICTURE):
            if name in choices((family,)):
                found.setdefault(name, []).append(family)
    PIL.Image.new("RGB", (32, 32), "red").save(tmp_path / "own.png")
    for k, (axis, families) in enumerate(found.items()):
        for family in families if every else families[k % len(families):][:1]:
            grid, _ = drawn(service, varying(service, offers, family, axis, None if every else 2, tmp_path / "own.png"))
            cells = service.grids.find(grid).cells
            assert [cell.error or cell.reason for cell in cells if cell.status != "done"] == [] and cells, (axis, family)
            chosen = face_of(family).stepwise or axis not in BUDGETS           # whose number of calls has no choice
            assert not chosen or len({repr(cell.settings) for cell in cells}) == len(cells), (axis, family)


def varying(service: Service, offers: Offers, family: str, axis: str, most: int | None, own: Path) -> GridAsk:
    """A comparison of one axis, by a sampler that has what varies, with the fewest steps; most: of values that have names."""
    _, text, names, _ = offers.axis(family, f"shapes-{family}", axis)
    values = ",".join([name for _, name in names.choices][:most]) or two_of(choices((family,))[axis][0], text.value)
    samplers = {name: {o.name: o for o in options_of(spec.options)} for name, spec in face_of(family).samplers.items()}
    sampler = next((name for name, options in samplers.items() if axis in options), next(iter(samplers)))
    ask = Ask(family, "a red star", sampler=None if axis in ("sampler", "family", "model") else sampler, count=1, seed=7)
    options: dict[str, Any] = {"steps": 1} if "steps" in samplers[sampler] and axis not in ("steps", "nfe", "seconds") else {}
    if axis in OF_PICTURE:
        options["source"] = service.keep_source(ask, own)
    return GridAsk(replace(ask, options=options), f"{axis}={values}", distance=False)
