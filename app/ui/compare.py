"""The Compare tab: up to three axes of anything that can vary, one grid that fills cell by cell and stays."""
from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.drawing.ask import Ask
from app.errors import BadInput
from app.grids.ask import GridAsk
from app.grids.axes import ALL, WRITTEN, choices, fixed_options, offered
from app.grids.grids import GridCheck
from app.models.views import ModelView
from app.service import Service
from app.ui.components import QUICK, drawn, sentence, still, told
from app.ui.edges import answering
from pipelines import registry
from pipelines.data import DEFAULT, dataset
from pipelines.effects import SIDES
from pipelines.family import FamilySpec
from pipelines.options import Option, options_of, quoted
from pipelines.request import Request, face_of

TITLES = {"x": "Columns vary", "y": "Rows vary", "z": "Layers vary"}
NOTHING = "nothing"
PARTS = 4                          # components of an axis


@dataclass(frozen=True)
class Known(Mapping[str, list[ModelView]]):
    """The models of each family, as they are at the moment of asking."""
    service: Service
    families: tuple[str, ...]

    def __getitem__(self, family: str) -> list[ModelView]:
        return self.service.models(face_of(family).name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.families)

    def __len__(self) -> int:
        return len(self.families)


@dataclass(frozen=True)
class Offers:
    """What the lists offer with a model of a family."""
    families: dict[str, FamilySpec]
    known: Mapping[str, list[ModelView]]

    def axes(self, family: str, model: str | None) -> list[tuple[str, str]]:
        """What may vary, as (title, name)."""
        models = self.known[family]
        found = offered((family,), models, [m for m in models if m.name == model], picture=False)
        return [("nothing", NOTHING), *((options[0].label, name) for name, options in found.items())]

    def samplers(self, family: str, model: str | None) -> list[tuple[str, str]]:
        """Those that work with a model; all of the family's where there is no such model."""
        own = next((m.samplers for m in self.known[family] if m.name == model), None)
        return [(s.title, s.name) for s in self.families[family].every.values() if own is None or s.name in own]

    def values(self, family: str, model: str | None, axis: str) -> list[tuple[str, str]]:
        """Those of an axis that has names; none for one that is written."""
        if axis == "family":
            return [(spec.title, spec.name) for spec in self.families.values()]
        if axis == "model":
            return [(m.title, m.name) for models in self.known.values() for m in models if m.problem is None]
        if axis == "sampler":
            return self.samplers(family, model)
        options: list[Option] = choices((family,)).get(axis, [])
        if options and options[0].type is bool:
            return [("yes", "true"), ("no", "false")]
        return [(name, name) for name in dict.fromkeys(c for o in options for c in o.choices)]

    def axis(self, family: str, model: str | None, axis: str, values: Any = None) -> list[Any]:
        """Updates for an axis: what varies, its written values and its named ones. Raises BadInput."""
        known, axes = choices((family,)), self.axes(family, model)
        if axis != NOTHING and axis not in known:
            raise BadInput(f"There is no {axis} that could vary in that family; choose what varies from the list.")
        if axis not in {name for _, name in axes}:               # as in a grid of other models
            axes.append((known[axis][0].label, axis))
        names = self.values(family, model, axis)
        start = values if values is not None else [name for _, name in names] if names else self.example(family, model, axis)
        if not names and axis not in (NOTHING, *WRITTEN) and not start:
            start = str(known[axis][0].default)
        return [gr.Dropdown(axes, value=axis),
                gr.Textbox("" if names else str(start), visible=axis != NOTHING and not names, label=hint(family, axis)),
                gr.Dropdown(names, value=start if names else [], visible=bool(names)), axis]

    def refitted(self, family: str, model: str | None, axis: str, names: list[str] | None) -> list[Any]:
        """The same when another model is chosen: it stays as far as it works with that one."""
        axes = self.axes(family, model)
        if axis not in {name for _, name in axes}:
            return self.axis(family, model, NOTHING)
        there = self.values(family, model, axis)
        kept = [name for name in names or [] if name in {name for _, name in there}] or [name for _, name in there]
        return [gr.update(choices=axes), gr.skip(), gr.update(choices=there, value=kept) if there else gr.skip(), gr.skip()]

    def example(self, family: str, model: str | None, axis: str) -> str:
        """What an axis says at first; captions are those of the data set that a model knows."""
        view = next((m for m in self.known[family] if m.name == model), None)
        return " | ".join(view.prompts[:2]) if axis == "prompt" and view else DEFAULTS.get(axis, "")

    def compared(self, family: str, model: str | None) -> list[str]:
        """The samplers that a comparison of a model begins with."""
        there = [name for _, name in self.samplers(family, model)]
        return [name for name in self.families[family].compared if name in there] or there

    def beginning(self, family: str, model: str | None) -> list[Any]:
        """The axes that a comparison of a model begins with."""
        spec = self.families[family]
        return [*self.axis(family, model, spec.axis, spec.columns), *self.axis(family, model, "sampler", self.compared(family, model)),
                *self.axis(family, model, NOTHING)]


@dataclass
class CompareTab:
    """The controls that other tabs fill."""
    offers: Offers
    family: gr.Dropdown
    model: gr.Dropdown
    prompt: gr.Textbox
    negative: gr.Textbox
    sampler: gr.Dropdown
    fixed: gr.Textbox
    guidance: gr.Slider
    seed: gr.Number
    count: gr.Number
    switches: list[gr.Checkbox]              # distance, snapshots, batch_invariant
    axes: list[Any]                          # for x, y and z: what varies, its numbers or words, its names, what varied before

    def receive(self, settings: dict[str, Any] | None) -> list[Any]:
        """Updates for `received()`: all settings of a picture, and axes that begin with samplers by steps, as far as those read them."""
        if settings is None:
            return [gr.skip() for _ in self.received()]
        family, model = settings["family"], settings["model"]
        spec = self.offers.families[family]
        read = {o.name for name in self.offers.compared(family, model) for o in options_of(spec.every[name].options)} | {*SIDES}
        stay = settings["options"] | {side: settings[side] for side in SIDES if settings.get(side)}
        fixed = ", ".join(f"{name}={value}" for name, value in stay.items() if name in read - {spec.axis} and value not in ("", None))
        return [family, *self.belonging(family, model, settings["sampler"]), settings["prompt"], settings.get("negative_prompt", ""), fixed,
                settings["guidance_scale"], settings["seed"], *self.offers.beginning(family, model)]

    def loaded(self, made: GridAsk) -> list[Any]:
        """Updates for `restored()`: what a grid was made from, with numbers for the texts of a command line. Raises BadInput."""
        ask, axes = made.ask, []
        model = next((m for m in self.offers.known[ask.family] if ask.model in (None, "", m.name)), None)
        weight = default_guidance(model.defaults if model else {}) if ask.guidance_scale is None else ask.guidance_scale
        for text in (made.x, made.y, made.z):
            name, _, values = (part.strip() for part in text.partition("="))
            name = name.replace("-", "_")
            named = self.offers.values(ask.family, ask.model, name)
            given: Any = None if values == ALL else [v.strip() for v in values.split(",") if v.strip()] if named else values
            axes += self.offers.axis(ask.family, ask.model, name or NOTHING, given)
        sides = {side: getattr(ask, side) for side in SIDES if getattr(ask, side)}
        fixed = ", ".join(f"{name}={value}" for name, value in (ask.options | sides).items())
        return [ask.family, *self.belonging(ask.family, ask.model, ask.sampler), ask.prompt, ask.negative_prompt, fixed,
                number("guidance_scale", weight), number("seed", ask.seed), *axes, number("count", ask.count),
                made.distance, made.snapshots, made.batch_invariant]

    def received(self) -> list[Any]:
        return [self.family, self.model, self.sampler, self.prompt, self.negative, self.fixed, self.guidance, self.seed, *self.axes]

    def restored(self) -> list[Any]:
        return [*self.received(), self.count, *self.switches]

    def kept(self) -> list[Any]:
        """The controls whose values outlive a reload."""
        return [control for control in self.restored() if not isinstance(control, gr.State)]

    def put_back(self, found: dict[str, Any]) -> list[Any]:
        """Updates for `restored()`: values by the ids of their controls, whatever has changed of the models since."""
        if not any(control.elem_id in found for control in self.kept()):
            return [gr.skip() for _ in self.restored()]

        def value(control: Any) -> Any:
            return found.get(control.elem_id, control.value)

        family = value(self.family) if value(self.family) in self.offers.families else next(iter(self.offers.families))
        models = {m.name: m for m in self.offers.known[family]}
        model = value(self.model) if value(self.model) in models else next(iter(models), None)
        sampler = value(self.sampler) if model and value(self.sampler) in models[model].samplers else None
        axes: list[Any] = []
        for what, text, names, _ in (self.axes[PARTS * k:PARTS * k + PARTS] for k in range(3)):
            axis = value(what) if value(what) in {name for _, name in self.offers.axes(family, model)} else NOTHING
            there = {name for _, name in self.offers.values(family, model, axis)}
            axes += self.offers.axis(family, model, axis, [name for name in value(names) if name in there] if there else value(text))
        own = (self.prompt, self.negative, self.fixed, self.guidance, self.seed)
        return [family, *self.belonging(family, model, sampler), *map(value, own), *axes, value(self.count), *map(value, self.switches)]

    def belonging(self, family: str, model: str | None = None, sampler: str | None = None) -> tuple[Any, Any]:
        """The choices of model and sampler of a family; its first of each if none is named."""
        models = self.offers.known[family]
        chosen = model or (models[0].name if models else None)
        return gr.Dropdown([(m.title, m.name) for m in models], value=chosen), self.samplers(family, chosen, sampler)

    def samplers(self, family: str, model: str | None, sampler: str | None = None) -> Any:
        """The choices of sampler that work with a model; its default one if none is named."""
        view = next((m for m in self.offers.known[family] if m.name == model), None)
        first = view.defaults.get("sampler", view.samplers[0]) if view else next(iter(self.offers.families[family].every))
        return gr.Dropdown(self.offers.samplers(family, model), value=sampler or first)

    def seen(self) -> list[Any]:
        """What `refreshed` has to be told."""
        return [self.family, self.model, *(a for k in range(3) for a in (self.axes[PARTS * k + 3], self.axes[PARTS * k + 2]))]

    def lists(self) -> list[Any]:
        """The lists of models."""
        return [self.model, *(self.axes[PARTS * k + 2] for k in range(3))]

    def refreshed(self, family: str, model: str, *axes: Any) -> list[Any]:
        """Updates for `lists()`: the models that there are now."""
        there = self.offers.values(family, model, "model")
        names = {name for _, name in there}
        return [still(self.offers.known[family], model),
                *(gr.update(choices=there, value=[v for v in values or [] if v in names]) if axis == "model" else gr.skip()
                  for axis, values in zip(axes[::2], axes[1::2], strict=True))]

def hint(family: str, axis: str) -> str:
    """How the values of an axis are written."""
    o = choices((family,))[axis][0] if axis != NOTHING else None
    if o is None or axis in WRITTEN:
        return o.help if o else ""
    bounds = f"{o.low:g} to {o.high:g}" if o.low is not None and o.high is not None and o.high < 1e6 else "Numbers"
    new = "; -1 is a new one" if axis == "seed" else ""
    return f"{bounds}, like 5,10,20 or {'10-50(+10) or 1-100[5]' if o.type is int else '0-1(+0.25)'}{new}"


DEFAULTS = {"steps": "5, 10, 20", "nfe": "10, 20, 50", "seconds": "0.05, 0.1, 0.2", "seed": "1-4(+1)", "guidance_scale": "1, 2, 3, 5",
            "replace": "red | green | yellow", "negative_prompt": "| a small ring", "size": "0, 64, 96x64", "eta": "0-1(+0.5)",
            "temperature": "0.7, 1, 1.3"}


def written(axis: str | None, text: str | None, names: list[str] | None) -> str:
    """An axis as the service reads it."""
    return "" if axis in (NOTHING, None) else f"{axis}={','.join(names) if names else (text or '').strip()}"


def summary(check: GridCheck) -> str:
    """"9 cells · 9 images · 210 NFE · ≈ 4 s"."""
    parts = [f"{check.cells} cells", f"{check.images} images"]
    parts += ["NFE as the seconds allow" if check.calls is None else f"{check.calls:,} NFE"]
    if check.references:
        parts += [f"{check.reference_calls:,} for {check.references} reference solution{'s' * (check.references != 1)}"]
    parts += [f"≈ {check.seconds:.0f} s"] if check.seconds else []
    parts += [f"{check.empty} cell{'s stay' if check.empty != 1 else ' stays'} empty: {check.reason}"] if check.empty else []
    return " · ".join([*parts, *check.notes])


@dataclass
class Beneath:
    """The controls beneath the axes, and what they lead to."""
    extend: gr.Button
    run: gr.Button
    message: Any
    current: gr.Textbox                      # the grid that the page shows, which only its scripts know
    comma: gr.Checkbox                       # whether decimals are written with a comma where the person is; likewise
    grid: Any


def compare_tab(service: Service) -> CompareTab:
    """Build the tab."""
    with gr.Tab("Compare", id="compare", elem_id="compare-tab"):
        tab, beneath = controls(service)
    listen(service, tab, beneath)
    return tab


def number(name: str, value: Any) -> Any:
    """What a request says under a name, however it was written. Raises OptionError."""
    return next(o for o in options_of(Request) if o.name == name).parse(value)


def default_guidance(defaults: dict[str, Any]) -> float:
    """What guidance a model begins with."""
    return defaults.get("guidance_scale", Request.guidance_scale)


def controls(service: Service) -> tuple[CompareTab, Beneath]:
    """Draw what the tab shows."""
    families = {spec.name: spec for spec in registry.faces()}
    first = next(iter(families.values()))
    offers = Offers(families, Known(service, tuple(families)))
    models = offers.known[first.name]
    chosen, defaults = (models[0].name, models[0].defaults) if models else (None, {})
    with gr.Row(elem_classes="sx-line"):
        family = gr.Dropdown([(spec.title, spec.name) for spec in families.values()], value=first.name, label="Family", min_width=110,
                             scale=0, elem_id="compare-family")
        model = gr.Dropdown([(m.title, m.name) for m in models], value=chosen, label="Model", min_width=210, scale=0,
                            elem_id="compare-model")
        prompt = gr.Textbox((models[0].prompts if models else dataset(DEFAULT).prompts)[0], label="Prompt", scale=3, min_width=260,
                            elem_id="compare-prompt")
        negative = gr.Textbox("", label="Negative prompt", min_width=150, scale=1, elem_id="compare-negative")
        guidance = gr.Slider(0, 20, value=default_guidance(defaults), step=0.5, label="Guidance  w", min_width=150, scale=1,
                             elem_id="compare-guidance")
        seed = gr.Number(7, label="Seed", precision=0, min_width=110, scale=0, elem_id="compare-seed")
        count = gr.Number(1, label="Images per cell", precision=0, min_width=110, scale=0, elem_id="compare-count")
    axes: list[Any] = []
    begin = {"x": (first.axis, first.columns), "y": ("sampler", list(first.compared)), "z": (NOTHING, "")}
    with gr.Row(elem_classes="sx-line sx-axes"):
        for letter, (what, values) in begin.items():
            names = offers.values(first.name, chosen, what)
            with gr.Column(min_width=240, scale=2 if letter != "z" else 1):
                axes += [
                    gr.Dropdown(offers.axes(first.name, chosen), value=what, label=TITLES[letter], elem_id=f"compare-{letter}"),
                    gr.Textbox("" if names else str(values), label=hint(first.name, what), visible=what != NOTHING and not names,
                               max_lines=2, elem_id=f"compare-{letter}-values"),
                    gr.Dropdown(names, value=values if names else [], multiselect=True, label="Values", visible=bool(names),
                                elem_id=f"compare-{letter}-names"),
                    gr.State(what)]
    with gr.Row(elem_classes="sx-line"):
        sampler = gr.Dropdown(offers.samplers(first.name, chosen), value=next(iter(first.every)), min_width=180, scale=0,
                              label="Default sampler", elem_id="compare-sampler")
        fixed = gr.Textbox("", label="Fixed settings", placeholder="steps=20, eta=0.5", scale=1, min_width=200,
                           elem_id="compare-fixed")
        distance = gr.Checkbox(True, label="Distance to a reference solution", min_width=200, scale=0, elem_id="compare-distance")
        snapshots = gr.Checkbox(False, label="Snapshots of the longest run", min_width=200, scale=0, elem_id="compare-snapshots")
        batch_invariant = gr.Checkbox(False, label="Exactly repeatable", min_width=150, scale=0, elem_id="compare-exact")
        extend = gr.Button("Extend this grid", scale=0, min_width=140, elem_id="compare-extend")
        run = gr.Button("Compare   Ctrl-⏎", variant="primary", scale=0, min_width=150, elem_id="compare-run",
                        elem_classes="sx-generate")
    message = sentence("compare-message")
    current = gr.Textbox(visible=False)          # the grid that the page shows, which only its scripts know,
    comma = gr.Checkbox(False, visible=False)    # and so is how decimals are written where the person is
    grid = drawn("compare", json.dumps({"grid": None}), elem_id="compare-grid")
    switches = [distance, snapshots, batch_invariant]
    return (CompareTab(offers, family, model, prompt, negative, sampler, fixed, guidance, seed, count, switches, axes),
            Beneath(extend, run, message, current, comma, grid))


def listen(service: Service, tab: CompareTab, beneath: Beneath) -> None:
    """Say what happens when a control is used."""
    family, model, axes, grid, message = tab.family, tab.model, tab.axes, beneath.grid, beneath.message
    inputs: list[Any] = [family, model, tab.prompt, tab.negative, tab.sampler, tab.fixed, tab.guidance, tab.seed, tab.count,
                         *tab.switches, *axes]

    def asked(family: str, model: str, prompt: str, negative: str, sampler: str, fixed: str, guidance: Any, seed: Any, count: Any,
              distance: bool, snapshots: bool, batch_invariant: bool, *axes: Any) -> GridAsk:
        x, y, z = (written(*axes[PARTS * k:PARTS * k + 3]) for k in range(3))
        options = fixed_options(fixed or "")
        sides: dict[str, Any] = {side: options.pop(side, 0) for side in SIDES}
        ask = Ask(family, prompt or "", negative or "", model, sampler, options, guidance, seed, count, **sides)
        return GridAsk(ask, x, y, z, distance=bool(distance), snapshots=bool(snapshots), batch_invariant=bool(batch_invariant))

    @answering()
    def check(comma: bool, *values: Any) -> str:
        return json.dumps({"note": summary(service.grids.check(asked(*values), bool(comma)))})

    @answering(gr.skip())
    def start(*values: Any) -> tuple[Any, Any]:
        return json.dumps({"grid": service.grids.start(asked(*values))}), gr.skip()

    @answering(gr.skip())
    def further(current: str, *values: Any) -> tuple[Any, Any]:
        if not current:
            raise BadInput("There is no grid to extend yet; press Compare first.")
        return json.dumps({"grid": service.grids.extend(current, asked(*values)), "again": time.time_ns()}), gr.skip()

    def load(event: gr.EventData) -> list[Any]:
        return tab.loaded(service.grids.asked(told(event, "id")))

    def known(family: str | None) -> str:
        """A family's name. Raises gr.Error for any other."""
        if family not in tab.offers.families:
            raise gr.Error(f"There is no family {quoted(repr(family))}; choose one of the list.", print_exception=False)
        return family

    def used(family: str, name: str) -> tuple[Any, float]:
        defaults = next((m.defaults for m in tab.offers.known[known(family)] if m.name == name), {})
        return tab.samplers(family, name), default_guidance(defaults)

    def change_model(family: str, name: str, *axes: Any) -> tuple[Any, ...]:
        refitted = (tab.offers.refitted(family, name, axis, names) for axis, names in zip(axes[::PARTS], axes[2::PARTS], strict=True))
        return *used(family, name), *(update for updates in refitted for update in updates)

    def change_axis(family: str, model: str, axis: str, before: str) -> list[Any]:
        if axis not in {name for _, name in tab.offers.axes(known(family), model)}:
            raise gr.Error(f"There is no axis {quoted(repr(axis))}; choose one of the list.", print_exception=False)
        # Gradio says "input" too when the box is left as it was; what was written meanwhile must stay.
        return tab.offers.axis(family, model, axis) if axis != before else [gr.skip()] * PARTS

    def change_family(name: str) -> tuple[Any, ...]:
        models = tab.offers.known[known(name)]
        first = models[0].name if models else ""
        return tab.belonging(name)[0], *used(name, first), *tab.offers.beginning(name, first)

    model.input(change_model, [family, model, *axes], [tab.sampler, tab.guidance, *axes], **QUICK)
    family.input(change_family, family, [model, tab.sampler, tab.guidance, *axes], **QUICK)
    for k in range(3):
        axis = axes[PARTS * k:PARTS * k + PARTS]
        axis[0].input(change_axis, [family, model, axis[0], axis[3]], axis, **QUICK)
    for control in [component for component in inputs[1:] if not isinstance(component, gr.State)]:
        control.change(check, [beneath.comma, *inputs], message, trigger_mode="always_last",
                       js="(comma, ...rest) => [sx.comma, ...rest]", **QUICK)
    beneath.run.click(start, inputs, [grid, message], **QUICK)
    beneath.extend.click(further, [beneath.current, *inputs], [grid, message],
                         js="(current, ...rest) => [sx.recall('compare') || '', ...rest]", **QUICK)
    grid.select(load, None, tab.restored(), **QUICK)
