"""Axes are read, checked before anything runs, and turned into cells that say why they stay empty."""
from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.drawing.ask import Ask
from app.drawing.weights import Weights
from app.errors import BadInput
from app.grids.ask import GridAsk
from app.grids.axes import MAX_VALUES, choices, comma_note, fixed_options, numbers, parse_axis
from app.grids.plan import Plan, PlannedCell, evaluations, make_plan, references, steps_within
from app.models.models import Models
from app.ui.compare import DEFAULTS
from app.web.api_grids import ranges
from pipelines import registry
from pipelines.options import OptionError, build, options_of
from pipelines.request import Request, face_of
from tests.tiny import tiny_diffusion
from weights.load import save

MODELS = Models(Weights(Path("no-runs"), Path("no-models")))
ASK = Ask("diffusion", "a red star", seed=7, count=1, guidance_scale=3)


def plan(x: str, y: str = "", z: str = "", **more: Any) -> Plan:
    return make_plan(GridAsk(Ask(**{**ASK.__dict__, **more}), x, y, z), MODELS)


def request(spot: PlannedCell) -> Request:
    assert spot.request is not None, spot.reason
    return spot.request


def test_an_axis_may_have_the_name_that_it_had_before() -> None:
    assert parse_axis("walk=0-1[3]", ("gan",)) == parse_axis("interpolation=0-1[3]", ("gan",))
    assert fixed_options("walk=0.5") == {"interpolation": "0.5"}


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=20))
def test_a_list_is_read_as_it_is_written(values: list[int]) -> None:
    assert numbers(", ".join(map(str, values)), whole=True) == list(dict.fromkeys(values))


@given(st.integers(0, 1000), st.integers(0, 500), st.integers(1, 50))
def test_a_range_has_its_stride(low: int, more: int, stride: int) -> None:
    assert numbers(f"{low}-{low + more}(+{stride})", whole=True) == list(range(low, low + more + 1, stride))


@given(st.integers(0, 1000), st.integers(1, 1000), st.integers(2, 40))
def test_a_range_of_so_many_has_both_ends(low: int, more: int, count: int) -> None:
    found = numbers(f"{low}-{low + more}[{count}]", whole=True)
    assert (found[0], found[-1]) == (low, low + more) and found == sorted(set(found)) and len(found) <= count
    real = numbers(f"{low}-{low + more}[{count}]", whole=False)
    assert len(real) == count and all(abs((b - a) - more / (count - 1)) < 1e-6 for a, b in zip(real, real[1:], strict=False))


@given(st.integers(0, 1000), st.integers(1, 500), st.integers(1, 50))
def test_a_range_goes_down_where_its_stride_does(high: int, less: int, stride: int) -> None:
    assert numbers(f"{high}-{high - less}(-{stride})", whole=True) == list(range(high, high - less - 1, -stride))
    assert numbers(f"{high}-{high - less}", whole=True) == list(range(high, high - less - 1, -1))
    assert numbers(f"{high}-{high - less}[2]", whole=True) == [high, high - less]
    for wrong in (f"{high}-{high - less}(+{stride})", f"{high - less}-{high}(-{stride})"):
        with pytest.raises(BadInput, match="is empty, since its end lies the other way; write"):
            numbers(wrong, whole=True)


@given(st.floats(0, 100, width=32), st.floats(0.001, 10), st.integers(1, 30))
def test_a_number_is_read_with_all_the_digits_that_it_is_written_with(low: float, stride: float, count: int) -> None:
    """Also those of a stride that is a fraction, as programs write it."""
    assert numbers(f"{low!r}", whole=False) == [low]
    found = numbers(f"{low!r}-{low + count * stride!r} (+{stride!r})", whole=False)
    assert len(found) == count + 1 and abs(found[-1] - (low + count * stride)) < 1e-9


@pytest.mark.parametrize("text", ["0.40-0.95 (+0.07857142857142856)", "0.40-0.95 (+0.0785714285714286)",
                                  "0.95-0.40 (-0.07857142857142856)"])
def test_a_stride_with_many_digits_reaches_the_end(text: str) -> None:
    found = numbers(text, whole=False)
    assert len(found) == 8 and {found[0], found[-1]} == {0.4, 0.95}


def test_a_comma_at_the_end_adds_nothing_and_one_too_many_is_explained() -> None:
    assert numbers("5, 10,", whole=True) == [5, 10]
    assert plan("sampler=ddim,heun,").x.values == ("ddim", "heun") and plan("clip=true,").x.values == (True,)
    for text in ("steps=5,,10", "steps=,", "clip=true,,false"):
        with pytest.raises(BadInput, match="has nothing between two commas"):
            plan(text)


def test_a_seed_of_minus_one_is_a_new_one() -> None:
    """It stands in what is kept of the grid as the number that it became, so that the grid can be drawn further."""
    found = plan("seed=-1, 5, -1")
    first, five, last = found.x.values
    assert five == 5 and len({first, last, 5}) == 3 and all(0 <= seed < 2**32 for seed in found.x.values)
    assert [request(spot).seed for spot in found.spots] == [first, 5, last] and found.x.labels[0] == f"seed {first}"
    assert make_plan(found.asked, MODELS).x == found.x
    assert plan("seed=-1").x.values != plan("seed=-1").x.values
    assert make_plan(GridAsk(Ask("sde", "a star"), "start_seed=-1,7"), MODELS).x.values == (-1, 7)       # there it means none


@pytest.mark.parametrize("family", registry.NAMES)
def test_what_the_page_writes_is_read_again(family: str) -> None:
    """The values that an axis begins with, the default of each option, and the numbers of its labels."""
    for name, options in choices((family,)).items():
        if options[0].type not in (int, float) or name == "training":
            continue
        for text in (DEFAULTS.get(name, str(options[0].default)), ", ".join(str(o.default) for o in options)):
            axis = parse_axis(f"{name}={text}", (family,))
            assert parse_axis(f"{name}={','.join(map(repr, axis.values))}", (family,)).values == axis.values


@pytest.mark.parametrize(("text", "said"), [
    ("guidance_scale=1,5", "guidance_scale=1,5 is read as 1 and 5; a decimal is written with a point, as in 1.5."),
    ("guidance_scale=0,5,1,5", "guidance_scale=0,5,1,5 is read as 0, 5 and 1; a decimal is written with a point, as in 0.5."),
    ("guidance_scale=1, 5", ""), ("guidance_scale=1.5,2", ""), ("steps=1,5", ""), ("guidance_scale=0-1(+0,5)", "")])
def test_two_numbers_that_may_be_one_are_pointed_out(text: str, said: str) -> None:
    assert comma_note(text) == said


@given(st.text(max_size=30))
def test_any_text_is_read_or_gets_a_sentence(text: str) -> None:
    for whole in (True, False):
        try:
            assert 0 < len(numbers(text, whole)) <= 15 * MAX_VALUES
        except (BadInput, OptionError) as error:
            assert str(error).endswith(".")
    try:
        parse_axis(text, ("diffusion",))
    except (BadInput, OptionError) as error:
        assert str(error).endswith(".")


NAMES = [*choices(registry.NAMES), "size", "Steps", "", "nfe ", "a=b"]
THERE = MODELS.views()
WORDS = [*registry.NAMES, *(name for family in registry.NAMES for name in face_of(family).every), *(m.name for m in THERE), "all", "true",
         "nan", "inf", "1e999", "-1e-999", "1e99", "1" * 30, "0", "-0", "5", "2.5", ".5", "1-3", "1-3(+1)", "0-1(+0.5)", "1-10[3]", "5-1",
         "1-5[0]", "1-1000000000000", "1-9(+1e-9)", "٣", "１２", "²", "½", "a red star", "", " ", "|", ",", "=", "-", "[", "]", "(", ")",
         "+", "\t", "\n", "\x00", "\ud800", "\U0001f600", "'", "%s", "{0}"]
written = st.builds(lambda name, parts, gap: f"{name}={gap.join(parts)}",
                    st.one_of(st.sampled_from(["prompt", "seed", "sampler"]), st.sampled_from(NAMES)),
                    st.lists(st.sampled_from(WORDS), max_size=5), st.sampled_from([",", "|", " ", ""]))
odd = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.lists(st.integers(), max_size=2),
                st.dictionaries(st.text(max_size=2), st.integers(), max_size=1), st.just(10**400), st.sampled_from(WORDS))


class Known:
    """The models as they are now, read once."""
    views = staticmethod(lambda family=None: THERE)
    weights = MODELS.weights


def planned(made: GridAsk) -> None:
    """A plan, or a sentence that a page and a terminal can show."""
    try:
        assert make_plan(made, Known(), pace=lambda request: 0.01).requests
    except (BadInput, OptionError) as error:
        assert str(error).endswith(".") and len(str(error).encode()) < 4000


@given(st.one_of(written, st.text(max_size=20)), st.one_of(st.just(""), written), st.one_of(st.just(""), written))
@settings(max_examples=150, deadline=None)
def test_axes_of_any_kind_are_a_plan_or_a_sentence(x: str, y: str, z: str) -> None:
    planned(GridAsk(ASK, x, y, z))


@given(st.dictionaries(st.sampled_from([f.name for f in fields(Ask) if f.name != "options"]), odd, min_size=1, max_size=3),
       st.dictionaries(st.sampled_from(NAMES), odd, max_size=2), st.sampled_from(["sampler=all", "steps=3", "family=all", "temperature=1"]))
@settings(max_examples=150, deadline=None)
def test_requests_of_any_kind_are_a_plan_or_a_sentence(given: dict[str, Any], options: dict[str, Any], x: str) -> None:
    planned(GridAsk(replace(ASK, **given, options=options), x))


@given(st.one_of(written, st.text(), st.just("steps=" + "9" * 400), st.just(",".join(["0-999999999999999"] * 3000))))
def test_settings_that_stay_and_cells_that_are_seen_are_read_from_any_text(text: str) -> None:
    try:
        planned(GridAsk(replace(ASK, options=fixed_options(text)), "seed=1,2"))
    except (BadInput, OptionError) as error:
        assert str(error).endswith(".") and len(str(error)) < 500
    assert len(ranges(text)) <= 5000 and all(i >= 0 for i in ranges(text))


@pytest.mark.parametrize("text", ["prompt=|", "prompt= | |", "model=,", "seed=1-1000000000000", "seed=1-10^12", "seed=1-1e12(+1e-9)",
                                  "seed=" + "0-999," * 10_000 + "1", "seed=" + "1," * 200_000 + "1", "prompt=" + "a|" * 1100_000])
def test_what_holds_nothing_or_far_too_much_is_refused_before_it_is_spelt_out(text: str) -> None:
    counted = []
    with pytest.MonkeyPatch.context() as patch, pytest.raises(BadInput):
        patch.setattr("app.grids.axes._number", lambda value, whole: counted.append(value))
        plan(text)
    assert len(counted) <= MAX_VALUES


def test_without_a_model_there_is_no_model_to_compare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Known, "views", staticmethod(lambda family=None: []))
    with pytest.raises(BadInput, match="no values that there are"):
        make_plan(GridAsk(ASK, "model=all"), Known())


@pytest.mark.parametrize("bad", ["5;6", "-3", "1-2(+0)", "1-2[0]", "1e3", "5,,6", "٣٤٥" * 9])
def test_lists_that_are_none(bad: str) -> None:
    with pytest.raises(BadInput):
        parse_axis(f"steps={bad}", ("diffusion",))


def test_decimals_do_not_drift() -> None:
    assert numbers("0-1(+0.1)", whole=False) == [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]


@pytest.mark.parametrize(("text", "says"), [
    ("steps=", "says no values"), ("steps", "says no values"), ("steps=5-1(+1)", "is empty"), ("steps=2.5", "could not be read"),
    ("steps=0", "between 1 and 1000"), ("eta=2", "between 0 and 1"), ("sampler=nobody", "There is no sampler"),
    ("shape=3", "There is no axis"), ("steps=1-1000000(+1)", "at most"), ("spacing=odd", "There is no spacing"),
    ("clip=perhaps", "true or false"), ("model=no", "There is no model")])
def test_what_can_not_be_is_said_before_anything_runs(text: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        plan(text)


@pytest.mark.parametrize("family", registry.NAMES)
def test_every_option_of_every_family_is_an_axis(family: str) -> None:
    known = choices((family,))
    for spec in face_of(family).samplers.values():
        for o in options_of(spec.options):
            if o.type is not str or o.choices:
                value = o.choices[0] if o.choices else "true" if o.type is bool else o.low if o.low is not None else o.default
                assert o.name in known and parse_axis(f"{o.name}={value}", (family,)).name == o.name


def test_an_axis_that_does_not_apply_leaves_its_cell_empty_with_the_reason() -> None:
    found = plan("eta=0,1", "sampler=ddim,euler")
    assert [spot.reason for spot in found.spots] == [None, None, "Euler has no eta.", "Euler has no eta."]
    assert [request(spot).options.eta for spot in found.spots[:2]] == [0, 1]
    across = plan("guidance_scale=1,3", "family=diffusion,gan")
    assert across.spots[2].reason is None and "GAN has no guidance" in str(across.spots[3].reason)
    with pytest.raises(BadInput, match="has no eta"):
        plan("eta=0,1", "sampler=euler")


def test_families_side_by_side_share_caption_and_seed() -> None:
    found = plan("family=all", "seed=3,4")
    assert [request(spot).family for spot in found.spots[:6]] == list(registry.NAMES)
    assert {(request(spot).prompt, request(spot).seed) for spot in found.spots[6:]} == {("a red star", 4)}
    assert request(found.spots[0]).sampler == next(iter(face_of("diffusion").samplers))


def test_models_prompts_and_layers() -> None:
    found = plan("model=shapes-diffusion,shapes-flow", "prompt=a red star | a cross, blue", "seed=1,2")
    assert [(s.z, s.y, s.x) for s in found.spots] == [(z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1)]
    last = request(found.spots[-1])
    assert (last.family, last.model, last.prompt, last.seed) == ("flow", "shapes-flow", "a cross, blue", 2)
    assert (found.z.labels, found.y.labels) == (("seed 1", "seed 2"), ("a red star", "a cross, blue"))


@pytest.mark.parametrize("budget", [2, 7, 20, 50])
def test_a_budget_is_spent_and_not_overspent(budget: int) -> None:
    for spot in plan(f"nfe={budget}", "sampler=all", guidance_scale=1).spots:
        if spot.request is None:
            assert "more than the budget" in str(spot.reason)
            continue
        more = build(type(spot.request.options), {**spot.request.options.__dict__, "steps": spot.request.options.steps + 1})
        spec = face_of("diffusion").samplers[spot.request.sampler]
        assert spot.request.nfe <= budget < spec.nfe(more)


def test_heun_gets_half_an_autoregressive_model_its_tokens_a_gan_one() -> None:
    found = plan("nfe=20", "family=diffusion,vqvae,gan,dalle", guidance_scale=1)
    assert [request(s).nfe for s in found.spots[2:3]] == [1] and "64 tokens" in str(found.spots[1].note)
    heun = plan("nfe=20", "sampler=heun,euler", guidance_scale=1)
    assert [request(s).options.steps for s in heun.spots] == [10, 20]
    assert steps_within(face_of("diffusion").samplers["heun"], 1) in (None, 1)


def test_seconds_become_calls_by_the_pace_of_the_machine() -> None:
    asked = GridAsk(Ask(**{**ASK.__dict__, "guidance_scale": 1}), "seconds=0.1,0.4", "sampler=euler")
    found = make_plan(asked, MODELS, pace=lambda request: 0.01)
    assert [request(s).options.steps for s in found.spots] == [10, 40]


def test_size_and_cost_are_limited_and_counted() -> None:
    with pytest.raises((BadInput, OptionError), match="cells"):
        plan("seed=1-100(+1)", "steps=1-100(+1)")
    with pytest.raises((BadInput, OptionError), match="NFE in all"):
        plan("steps=1000", "seed=1-900(+1)", count=64)
    with pytest.raises((BadInput, OptionError), match="varies each thing"):
        plan("steps=5", "nfe=10")
    found = plan("steps=5,10", "seed=1-3(+1)")
    assert evaluations(found.requests) == 3 * 2 * 15 and len(references(found)) == 3


@pytest.mark.parametrize("text", ["eta=0-1e5000(+1)", f"seed=1-{'9' * 5000}", f"seed=1-5[{'9' * 5000}]", "eta=0-1e999999999(+1)", "seed=²"])
def test_numbers_beyond_measure_are_a_sentence(text: str) -> None:
    with pytest.raises(BadInput):
        plan(text)


def test_a_family_that_is_none_is_said_whatever_the_other_axes_are() -> None:
    with pytest.raises(BadInput, match="There is no family"):
        plan("model=shapes-flow", "family=bogus")


def test_training_steps_are_the_models_that_a_run_kept(tmp_path: Path) -> None:
    net = tiny_diffusion()
    (tmp_path / "mine" / "steps").mkdir(parents=True)
    for path in (tmp_path / "mine" / "model.safetensors", *(tmp_path / "mine" / "steps" / f"{n}.safetensors" for n in (5, 10, 200))):
        save(path, net.state_dict(), {"family": "diffusion", "title": "mine", "config": net.config.to_dict()})
    found = make_plan(GridAsk(Ask(**{**ASK.__dict__, "model": "mine"}), "training=all"), Models(Weights(tmp_path, tmp_path / "models")))
    assert [request(s).model for s in found.spots] == ["mine@5", "mine@10", "mine@200"] and found.x.labels[2] == "training step 200"
    with pytest.raises(BadInput, match="No run has kept weights"):
        plan("training=all")
    some = make_plan(GridAsk(Ask(**{**ASK.__dict__, "model": "mine"}), "training=5,7"), Models(Weights(tmp_path, tmp_path / "models")))
    assert some.spots[1].request is None and "mine@7" in str(some.spots[1].reason)
