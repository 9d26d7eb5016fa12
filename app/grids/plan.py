"""A comparison before anything runs: every cell's request, or why its axes do not apply to it; calls and time."""
from __future__ import annotations

import bisect
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from typing import Any

from app.drawing.ask import Ask, make_request, with_seed
from app.drawing.weights import Weights
from app.errors import BadInput, sentence, sentences
from app.grids.ask import GridAsk
from app.grids.axes import BUDGETS, NONE, OWN, Axis, families_of, label_of, models_of, parse_axis, with_new_seeds
from app.grids.staying import IMPLIED, note_on, unread, without
from app.models.models import Models
from app.models.views import ModelView
from app.text import readable
from pipelines.effects import never
from pipelines.family import SamplerSpec
from pipelines.options import build, options_of, quoted
from pipelines.registry import limit_of, reference_solution
from pipelines.request import Request, face_of, samplers_of

MAX_CELLS = 3000
MOST_STEPS = 1000                  # that a budget is turned into
MAX_EVALUATIONS = 2_000_000        # of networks, in one grid
REQUEST = ("prompt", "negative_prompt", *(o.name for o in options_of(Request)))       # what of a request may vary besides its options
SAME = (("steps", *BUDGETS), ("size", "width"), ("size", "height"))      # axes that cannot stand beside one another


Pace = Callable[[Request], float]            # seconds that a call takes for a picture of this request


@dataclass(frozen=True)
class PlannedCell:
    """A cell: what is to be drawn in it, or why nothing is."""
    z: int
    y: int
    x: int
    request: Request | None
    reason: str | None = None
    note: str | None = None                  # what a person should know of its settings


@dataclass(frozen=True)
class Plan:
    """All cells, in the order z, y, x."""
    asked: GridAsk
    x: Axis
    y: Axis
    z: Axis
    spots: tuple[PlannedCell, ...]
    notes: tuple[str, ...] = ()              # what is to be known of all cells

    @property
    def varied(self) -> set[str]:
        """Names of its axes."""
        return {axis.name for axis in (self.x, self.y, self.z) if axis.name}

    @property
    def requests(self) -> list[Request]:
        return [spot.request for spot in self.spots if spot.request is not None]


def make_plan(asked: GridAsk, models: Models, pace: Pace | None = None, dropped: Collection[str] = ()) -> Plan:
    """Check all of a comparison. Raises BadInput with a sentence.

    pace: without it, a budget in seconds is only read; cells then hold what their family is used to.

    dropped: names of settings that may be left out, which the plan then notes, where no cell reads them; others are refused.
    """
    asked = readable(asked)
    asked = replace(asked, ask=with_seed(asked.ask), x=with_new_seeds(asked.x), y=with_new_seeds(asked.y), z=with_new_seeds(asked.z))
    texts, views = (asked.x, asked.y, asked.z), models.views()
    families = families_of(texts, asked.ask.family, views)
    drawn = models_of(texts, asked.ask.model, views)
    axes = [parse_axis(text, families, views, drawn, bool(asked.ask.options.get("source"))) for text in texts]
    names = [axis.name for axis in axes if axis.name]
    if len({*names}) < len(names) or any(sum(name in same for name in names) > 1 for same in SAME):
        raise BadInput(f"Two axes say the same ({', '.join(names)}); a grid varies each thing, and steps or one budget, once.")
    x, y, z = axes
    cells = len(x.values) * len(y.values) * len(z.values)
    if cells > MAX_CELLS:
        raise BadInput(f"The grid would have {cells:,} cells; at most {MAX_CELLS:,} are possible, so name fewer values.")
    spots = [_spot(asked.ask, (z, y, x), place, views, models.weights, pace)
             for place in product(*(range(len(axis.values)) for axis in (z, y, x)))]
    plan = Plan(asked, x, y, z, tuple(spots))
    if not plan.requests:
        raise BadInput(spots[0].reason or "No cell of this grid can be drawn.")
    plan = _noted(_without_unread(plan, dropped))
    if (calls := evaluations(plan.requests)) > MAX_EVALUATIONS:
        raise BadInput(f"The grid would need {calls:,} NFE in all; at most {MAX_EVALUATIONS:,} are accepted, so use fewer "
                       "steps, values or images.")
    if asked.snapshots and not snapshots_wanted(plan):
        plan = replace(plan, notes=(*plan.notes, "There are no snapshots, since no two cells differ in their number of steps alone."))
    return plan


def _without_unread(plan: Plan, dropped: Collection[str]) -> Plan:
    """The same plan without settings that no cell reads. Raises BadInput for one that may not be dropped."""
    lost = unread(plan.asked.ask, plan.varied, plan.requests)
    for name, why in lost.items():
        if name not in dropped:
            raise BadInput(why)
    return replace(plan, asked=replace(plan.asked, ask=without(plan.asked.ask, lost)), notes=tuple(lost.values()))


def _noted(plan: Plan) -> Plan:
    """The same plan, whose cells say what is to be known of them and not of all: what has no effect there, and which settings of theirs
    differ from cell to cell though no axis says so."""
    notes = {id(request): request.notes for request in plan.requests}
    common = [note for note in next(iter(notes.values()), []) if all(note in found for found in notes.values())]
    unsaid = _unsaid(plan.requests, plan.varied | {name for axis in plan.varied for name in IMPLIED.get(axis, ())})
    spots = []
    for spot in plan.spots:
        if (request := spot.request) is not None:
            own = [", ".join(_worded(request, name) for name in unsaid if name in _settings(request)), spot.note,
                   note_on(request, plan.asked.ask), *(note for note in notes[id(request)] if note not in common)]
            spot = replace(spot, note="; ".join(filter(None, own)) or None)
        spots.append(spot)
    return replace(plan, spots=tuple(spots), notes=(*plan.notes, *common))


def _settings(request: Request) -> dict[str, Any]:
    """What a picture depends on besides what every axis of another name leaves alone: guidance if there is some, sampler, its options."""
    found = {"guidance_scale": request.guidance_scale, "sampler": request.sampler}
    found |= {o.name: getattr(request.options, o.name) for o in request.own_options if o.type is not str or o.choices}
    return {name: value for name, value in found.items() if name not in never(request.face, request.adapter)}


def _unsaid(requests: list[Request], said: set[str]) -> list[str]:
    """Names of settings that are not the same in all of these requests, though no axis says so."""
    values: dict[str, set[Any]] = {}
    for request in requests:
        for name, value in _settings(request).items():
            values.setdefault(name, set()).add(value)
    return [name for name, found in values.items() if len(found) > 1 and name not in said]


def _worded(request: Request, name: str) -> str:
    """A setting and its value: "guidance 3", "DDIM", "50 steps", "η = 0.5"."""
    if name == "guidance_scale":
        return f"guidance {request.guidance_scale:g}"
    if name == "sampler":
        return request.spec.title
    option, value = next(o for o in request.own_options if o.name == name), getattr(request.options, name)
    return f"{option.label}: {value}" if option.choices else label_of(option, value, (request.family,))


def _spot(ask: Ask, axes: tuple[Axis, ...], place: tuple[int, ...], views: list[ModelView], weights: Weights,
          pace: Pace | None) -> PlannedCell:
    """The cell at a place, with what its axes say put into the request."""
    said, (z, y, x) = {axis.name: axis.values[k] for axis, k in zip(axes, place, strict=True) if axis is not NONE}, place
    try:
        request, note = _request(ask, said, views, weights, pace)
        return PlannedCell(z, y, x, request, note=note)
    except sentences() as error:
        return PlannedCell(z, y, x, None, reason=sentence(error))


def _request(ask: Ask, said: dict[str, Any], views: list[ModelView], weights: Weights, pace: Pace | None) -> tuple[Request, str | None]:
    """(request, note). Raises UserError with the reason why the axes do not apply."""
    family = said.get("family") or next((m.family for m in views if m.name == said.get("model")), ask.family)
    if family != ask.family:                 # a family's own habits, and none of another's
        ask = replace(ask, family=family, model=None, sampler=None, options={}, guidance_scale=None)
    if "model" in said:
        ask = replace(ask, data_set="")                            # that of the model
    ask = replace(ask, **{name: value for name, value in said.items() if name in ("model", "sampler", *REQUEST)})
    if "size" in said:
        ask = replace(ask, width=said["size"][0], height=said["size"][1])
    if "replace" in said:
        ask = replace(ask, prompt=_replaced(ask.prompt, *said["replace"]))
    if "training" in said:
        ask = replace(ask, model=f"{str(weights.resolved(ask).model).partition('@')[0]}@{said['training']}")
    ask, face = weights.resolved(ask), face_of(ask.family)
    spec = face.every.get(ask.sampler or samplers_of(face, ask.adapter)[0])
    if spec is None:
        raise BadInput(f"{face.title} has no sampler {ask.sampler!r}.")
    own = {o.name: o for o in options_of(spec.options)}
    varied = {name: value for name, value in said.items() if name not in (*OWN, *REQUEST)}
    for name in varied:
        if name not in own:
            raise BadInput(f"{spec.title} has no {name.replace('_', ' ')}.")
    # An option that a sampler does not have is no error while the samplers vary.
    options = {name: value for name, value in ask.options.items() if name in own} | varied
    request = make_request(replace(ask, sampler=spec.name, options=options))
    if "nfe" in said:
        return _spending(request, spec, lambda: said["nfe"])
    if "seconds" in said and pace is not None:
        return _spending(request, spec, lambda: said["seconds"] / pace(request))
    return request, None


def _replaced(prompt: str, words: str, other: str) -> str:
    """The prompt with other words wherever some stood. Raises BadInput where they do not stand."""
    if words not in prompt:
        raise BadInput(f"The prompt has no {quoted(repr(words))} that could be replaced.")
    return " ".join(prompt.replace(words, other).split())


def _spending(request: Request, spec: SamplerSpec, budget: Callable[[], float]) -> tuple[Request, str | None]:
    """The request with as many steps as the budget of NFE pays for, and a note where it can not choose."""
    cost = request.guidance_calls
    if "steps" not in {o.name for o in options_of(spec.options)}:
        return request, f"takes its {request.amount} whatever the budget"
    if spec.adaptive:
        return request, "chooses its steps itself, whatever the budget"
    given = {o.name: getattr(request.options, o.name) for o in options_of(spec.options)}
    calls = budget()
    steps = steps_within(spec, int(calls) // cost, given)
    if steps is None:
        needed = spec.nfe(build(spec.options, given | {"steps": 1})) * cost
        raise BadInput(f"One step of {spec.title} costs {needed} NFE, more than the budget of {calls:.0f}.")
    return replace(request, options=replace(request.options, steps=steps)), None


def steps_within(spec: SamplerSpec, calls: int, given: dict[str, Any] | None = None, most: int = MOST_STEPS) -> int | None:
    """The most steps that cost at most so many evaluations, beside other options; None where even one step costs more."""
    costs = _costs(spec, tuple((given or {}).items()))
    return bisect.bisect_right(costs, calls, hi=min(calls, most, len(costs))) or None


@lru_cache(maxsize=64)
def _costs(spec: SamplerSpec, given: tuple[tuple[str, Any], ...]) -> list[int]:
    """Evaluations of 1, 2, 3 ... steps, as many as the sampler takes."""
    most = next(o.high for o in options_of(spec.options) if o.name == "steps") or MOST_STEPS
    return [spec.nfe(build(spec.options, dict(given) | {"steps": n})) for n in range(1, min(int(most), MOST_STEPS) + 1)]


def evaluations(requests: Iterable[Request]) -> int:
    """Network calls, each for one picture."""
    return sum(request.nfe * request.count for request in requests)


def reference_of(request: Request, plan: Plan) -> Request | None:
    """The reference solution from which a distance is measured: the limit of the request's sampler. None: it has none, or none is asked."""
    return reference_solution(request) if plan.asked.distance else None


def references(plan: Plan) -> set[Request]:
    """All of a plan."""
    return {run for request in plan.requests if (run := reference_of(request, plan)) is not None}


def limit_text(request: Request) -> str | None:
    """To what its distance is: "ODE (Heun, 100 steps)", or None."""
    limit, run = limit_of(request), reference_solution(request)
    if limit is None or run is None:
        return None
    return f"{limit.equation} ({run.spec.title}, {run.amount})"


def snapshots_wanted(plan: Plan) -> dict[int, list[tuple[int, int]]]:
    """For the longest run of each line (all equal but the steps): (step, number of the shorter run's cell)."""
    lines: dict[Request, list[tuple[int, int]]] = {}
    for i, spot in enumerate(plan.spots):
        request = spot.request
        if request is not None and request.face.stepwise and not request.spec.adaptive:
            key = replace(request, options=replace(request.options, steps=1))
            lines.setdefault(key, []).append((request.options.steps, i))
    found = {}
    for line in lines.values():
        longest = max(line)
        shorter = [(steps, i) for steps, i in line if steps < longest[0]]
        if shorter:
            found[longest[1]] = shorter
    return found
