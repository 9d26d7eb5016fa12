"""A family's tab: controls, canvas, look inside. Made from the family's options, so that it serves all families."""
from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr

from app.drawing.ask import NEW, Ask, seed_of
from app.lab.lab import bench
from app.models.views import ModelView
from app.service import Service
from app.ui.codes import CodesPanel, codes_panel
from app.ui.components import HIDDEN, QUICK, control, drawn, labelled, put, sentence, told
from app.ui.edges import answering
from app.ui.picture import PicturePanel, picture_panel
from app.ui.seeds import SeedsPanel, seeds_panel
from pipelines.data import DEFAULT, dataset
from pipelines.family import FamilySpec, SamplerSpec
from pipelines.options import Option, options_of
from pipelines.request import Request

LATEX: list[dict[str, str | bool]] = [{"left": "$$", "right": "$$", "display": True},
                                       {"left": "$", "right": "$", "display": False}]
KINDS = ("process", "path")        # options that change which equation is solved


@dataclass
class FamilyTab:
    """The controls of a tab, so that other tabs can send settings to it."""
    family: FamilySpec
    tab_id: str
    model: gr.Dropdown
    prompt: gr.Textbox
    negative: gr.Textbox
    sampler: gr.Dropdown
    options: dict[str, Any]        # option name -> control; the union over the samplers
    guidance: Any
    seed: gr.Number
    count: Any
    sides: tuple[gr.Number, gr.Number]       # width and height, of models that have a choice
    lock: gr.Checkbox
    summary: gr.Markdown
    formula: gr.Markdown
    tips: gr.HTML
    canvas: gr.HTML
    message: gr.HTML
    panels: list[Any]              # controls of the panels that look inside; they depend on no other
    models: Callable[[], list[ModelView]]    # those there are now

    def inputs(self) -> list[Any]:
        return [self.model, self.prompt, self.negative, self.sampler, self.guidance, self.seed, self.count, *self.sides,
                *self.options.values()]

    def ask(self, model: str, prompt: str, negative: str, sampler: str, guidance: Any, seed: Any, count: Any, width: Any, height: Any,
            *options: Any) -> Ask:
        """What the controls say; only the chosen sampler's options."""
        chosen = {name: value for name, value in zip(self.options, options, strict=True) if name in self.own(sampler)}
        return Ask(self.family.name, prompt or "", negative or "", model, sampler, chosen, guidance, seed, count, width, height)

    def model_view(self, name: str) -> ModelView | None:
        return next((m for m in self.models() if m.name == name), None)

    def choices(self, view: ModelView | None) -> list[tuple[str, str]]:
        """The samplers that work with a model."""
        return [(s.title, s.name) for s in self.family.every.values() if view is None or not view.samplers or s.name in view.samplers]

    def own(self, sampler: str) -> dict[str, Option]:
        """The options of a sampler by name; none where there is no such sampler."""
        spec = self.family.every.get(sampler)
        return {o.name: o for o in options_of(spec.options)} if spec else {}

    def shown(self, sampler: str) -> list[dict[str, Any]]:
        """Updates for the options' controls: only the sampler's own are there, in its own words."""
        own = self.own(sampler)
        return [gr.update(visible=True, label=labelled(own[name]), **({"info": own[name].help} if control.info else {}))
                if name in own else gr.update(visible=False) for name, control in self.options.items()]

    def using(self, view: ModelView | None) -> list[Any]:
        """Updates for `used()`: a model's defaults, and the family's own where only other models have some."""
        own, every = view.defaults if view else {}, self.family.every
        sampler = own.get("sampler", next(iter(every)))
        begin = {o.name: o.default for s in (*reversed(every.values()), every[sampler]) for o in options_of(s.options)}
        differing = {"steps", *(name for model in self.models() for name in model.defaults)} & set(self.options)
        shown = self.shown(sampler)
        for update, name in zip(shown, self.options, strict=True):
            if name in differing:
                update["value"] = own.get(name, begin[name])
        return [gr.update(choices=self.choices(view), value=sampler),
                gr.update(value=own.get("guidance_scale", Request.guidance_scale), visible=view.guided if view else self.family.guided),
                *(gr.update(value=0, visible=sized(view)) for _ in self.sides), *describe(self.family, every[sampler]), *shown]

    def used(self) -> list[Any]:
        return [self.sampler, self.guidance, *self.sides, self.summary, self.formula, self.tips, *self.options.values()]

    def restore(self, settings: dict[str, Any] | None) -> list[Any]:
        """Updates for `restored()`: every control as the settings say; none of them if settings is None."""
        if settings is None:
            return [gr.skip() for _ in self.restored()]
        options = settings["options"]
        view = self.model_view(settings["model"])
        sides = (settings.get("width", 0), settings.get("height", 0)) if sized(view) else (0, 0)
        return [settings["model"], settings["prompt"], settings["negative_prompt"],
                gr.update(choices=self.choices(view), value=settings["sampler"]),
                gr.update(value=settings["guidance_scale"], visible=view.guided if view else self.family.guided),
                settings["seed"], settings["count"], *(gr.update(value=side, visible=sized(view)) for side in sides),
                *(update | ({"value": options[name]} if name in options else {})
                  for update, name in zip(self.shown(settings["sampler"]), self.options, strict=True)),
                True, *describe(self.family, self.family.every.get(settings["sampler"]))]

    def restored(self) -> list[Any]:
        return [*self.inputs(), self.lock, self.summary, self.formula, self.tips]

    def kept(self) -> list[Any]:
        """The controls whose values outlive a reload."""
        return [*self.inputs(), self.lock, *self.panels]

    def put_back(self, found: dict[str, Any]) -> list[Any]:
        """Updates for `restored()` and the panels: values by the ids of their controls, whatever has changed of the models since."""
        panels = put(self.panels, found)
        if not any(control.elem_id in found for control in (*self.inputs(), self.lock)):
            return [*self.restore(None), *panels]
        model, prompt, negative, sampler, guidance, seed, count, width, height, *options = (
            found.get(str(control.elem_id), control.value) for control in self.inputs())
        view = self.model_view(model) or next(iter(self.models()), None)
        working = [name for _, name in self.choices(view)]
        updates = self.restore({
            "model": view.name if view else None, "prompt": prompt, "negative_prompt": negative,
            "sampler": sampler if sampler in working else working[0], "guidance_scale": guidance, "seed": seed, "count": count,
            "width": width, "height": height, "options": dict(zip(self.options, options, strict=True))})
        updates[len(self.inputs())] = found.get(str(self.lock.elem_id), self.lock.value)
        return [*updates, *panels]


def sized(view: ModelView | None) -> bool:
    """Whether a model draws other sizes than its own."""
    return view is not None and "width" not in view.idle


def tips_of(family: FamilySpec, sampler: SamplerSpec) -> str:
    """What each control does, for `tips`: a sampler's options as it has them."""
    name, named = family.name, {"guidance_scale": "guidance"}
    tips = {f"{name}-{named.get(o.name, o.name)}": o.help for o in (*options_of(Request), *options_of(sampler.options))}
    return json.dumps(tips | {f"{name}-lock": "Keep this seed; otherwise each run takes a new one.", f"{name}-dice": "A new random seed."})


def describe(family: FamilySpec, spec: SamplerSpec | None) -> tuple[str, str, str]:
    """(summary line, formula panel, tips) of a sampler."""
    if spec is None:
        return "", "", "{}"
    formula = rf"\begin{{gathered}} {spec.formula} \end{{gathered}}"
    return (spec.summary, f"**{spec.title}**, one step\n\n$${formula}$$\n\n{spec.source} · {source_link(spec.file)}",
            tips_of(family, spec))


def kept_of(panel: PicturePanel | None, codes: CodesPanel | None) -> list[Any]:
    """The controls of panels whose values outlive a reload."""
    caption = [panel.both.caption] if panel and panel.both else []
    return [*caption, *([panel.start] if panel else []), *([codes.rows] if codes and codes.rows else [])]


def source_link(file: str) -> str:
    """A Markdown link to a file of ours, which the server shows as text."""
    return f"[{file}](source/{file})"


def family_tab(service: Service, family: FamilySpec) -> FamilyTab:
    """Build the tab; returns its controls."""
    name = family.name
    known = service.models(name)
    models = [(m.title, m.name) for m in known]
    request, samplers = {o.name: o for o in options_of(Request)}, family.every.values()
    union = {o.name: o for s in reversed(samplers) for o in options_of(s.options)}         # the first sampler's defaults count
    union = {o.name: union[o.name] for s in samplers for o in options_of(s.options)}
    first = next(iter(samplers))
    first_options = {o.name for o in options_of(first.options)}
    with gr.Tab(family.title, id=name, elem_id=f"{name}-tab", elem_classes="sx-family"), gr.Row(elem_classes="sx-columns"):
        with gr.Column(min_width=300, scale=0, elem_classes="sx-controls"):
            model = gr.Dropdown(models, value=models[0][1] if models else None, label="Model", elem_id=f"{name}-model")
            with gr.Accordion("About this model", open=False, elem_id=f"{name}-card"):
                card = gr.Markdown(known[0].card if known else "", elem_classes="sx-about")
            prompts = known[0].prompts if known else dataset(DEFAULT).prompts
            prompt = gr.Textbox(prompts[0], label="Prompt", lines=2, max_lines=4, elem_id=f"{name}-prompt")
            chips = drawn("chips", json.dumps(prompts), elem_id=f"{name}-chips")
            own = known[0].samplers if known else ()
            sampler = gr.Dropdown([(s.title, s.name) for s in samplers if not own or s.name in own], value=first.name, label="Sampler",
                                  elem_id=f"{name}-sampler", filterable=False)
            summary = gr.Markdown(first.summary, elem_classes="sx-quiet")
            with gr.Row(elem_classes="sx-pair"):
                main = union[family.axis]                         # what the family is tuned by: steps, temperature, truncation
                options = {main.name: gr.Number(main.default, label=labelled(main), min_width=80,
                                                elem_id=f"{name}-{main.name}", precision=0 if main.type is int else None)}
                count = gr.Number(request["count"].default, label="Images", precision=0, min_width=80,
                                  elem_id=f"{name}-count")
            begin = known[0].defaults if known else {}
            guidance = gr.Slider(0, 20, value=begin.get("guidance_scale", request["guidance_scale"].default), step=0.5, label="Guidance  w",
                                 elem_id=f"{name}-guidance", visible=family.guided)
            with gr.Row(elem_classes="sx-pair sx-seed"):
                seed = gr.Number(7, label="Seed", precision=0, min_width=120, elem_id=f"{name}-seed")
                dice = gr.Button("⚄", size="sm", min_width=36, elem_id=f"{name}-dice", elem_classes="sx-icon")
                lock = gr.Checkbox(False, label="keep", elem_id=f"{name}-lock", min_width=60,
                                   container=False)
            with gr.Accordion("More", open=False, elem_id=f"{name}-more"):
                negative = gr.Textbox("", label="Negative prompt", lines=1, elem_id=f"{name}-negative",
                                      info="What to lean away from; takes the place of the empty caption in guidance.")
                with gr.Row(elem_classes="sx-pair"):
                    sides = tuple(gr.Number(0, label=request[side].label, precision=0, min_width=80, visible=False,
                                            elem_id=f"{name}-{side}") for side in ("width", "height"))
                for option in union.values():
                    if option.name not in options:
                        options[option.name] = control(option, f"{name}-{option.name}", option.name in first_options)
            message = sentence(f"{name}-message")
            generate = gr.Button("Generate   Ctrl-⏎", variant="primary", elem_id=f"{name}-generate",
                                 elem_classes="sx-generate")
        with gr.Column(scale=1, min_width=420, elem_classes="sx-middle"):
            canvas = drawn("canvas", json.dumps({"job": None}), elem_id=f"{name}-canvas", family=name, model=models[0][1] if models else "")
            tips = drawn("tips", tips_of(family, first))
        with gr.Column(min_width=340, scale=0, elem_classes="sx-inside"), gr.Tabs():
            with gr.Tab("Process"):
                drawn("process", elem_id=f"{name}-process", family=name)
                formula = gr.Markdown(describe(family, first)[1], latex_delimiters=LATEX, elem_classes="sx-formula")
            with gr.Tab("2-D", elem_id=f"{name}-plane"):
                drawn("lab", bench=bench(name), elem_id=f"{name}-lab")
            panel = picture_panel(family)
            codes = codes_panel(family) if family.draws_tokens else None
            seeds = seeds_panel(family) if family.single_call else None
            with gr.Tab("How it works"):
                about = family.about
                gr.Markdown("\n\n".join(f"#### {term.title}\n{term.text}\n\n$${term.formula}$$\n\n{source_link(term.file)}"
                                        for term in (about.network, about.objective, about.sampling, *about.more)),
                            latex_delimiters=LATEX, elem_classes="sx-about")
    tab = FamilyTab(family, name, model, prompt, negative, sampler, options, guidance, seed, count, (sides[0], sides[1]), lock, summary,
                    formula, tips, canvas, message, kept_of(panel, codes), lambda: service.models(name))
    _wire(service, tab, chips, dice, generate, (panel, codes, seeds))

    def card_of(chosen: str) -> str:
        view = tab.model_view(chosen)
        return view.card if view else ""

    model.change(card_of, model, card, **QUICK)
    return tab


def _wire(service: Service, tab: FamilyTab, chips: gr.HTML, dice: gr.Button, generate: gr.Button,
          panels: tuple[PicturePanel | None, CodesPanel | None, SeedsPanel | None]) -> None:
    """What the controls do; every handler asks the service and draws its answer."""
    # What reads a picture of one's own stands in line, so that those who only draw never wait for it.
    in_line = HIDDEN | {"concurrency_id": "pictures", "concurrency_limit": 2}

    steps_of = {s.name: o.default for s in tab.family.every.values() for o in options_of(s.options) if o.name == "steps"}
    # In the browser, since an answer that comes late would overwrite what was typed meanwhile.
    own_steps = f"(name, steps) => {{ const own = {json.dumps(steps_of)}; return Object.values(own).includes(steps) ? own[name] : steps; }}"

    def change_sampler(name: str) -> list[Any]:
        return [*describe(tab.family, tab.family.every.get(name)), *tab.shown(name)]

    def choose_prompt(model: str, event: gr.EventData) -> str:
        text = told(event, "text")
        return text or service.surprise(tab.family.name, model)

    def begin_with(model: str) -> tuple[str, str]:
        """Prompts and examples of what a model learnt from."""
        view = tab.model_view(model)
        return json.dumps([text for text in view.prompts if text] if view else []), json.dumps({"model": model})

    @answering(gr.skip(), gr.skip())
    def draw(keep: bool, seed: Any, values: Sequence[Any], change: Callable[[Ask], Ask] = lambda ask: ask) -> tuple[Any, Any, str]:
        used, index = seed_of(seed if keep else NEW), tab.inputs().index(tab.seed)
        job = service.generate(change(tab.ask(*values[:index], used, *values[index + 1:])))
        return used, json.dumps({"job": job}), json.dumps({})

    def run(keep: bool, seed: Any, *values: Any) -> tuple[Any, Any, str]:
        return draw(keep, seed, values)

    def draw_from(picture: Any, option: str, value: Any, keep: bool, seed: Any, values: Sequence[Any]) -> tuple[Any, Any, str]:
        """Draw from a picture; the option says how much of it stays."""
        def change(ask: Ask) -> Ask:
            start = {"source", *(o.name for o in tab.own(ask.sampler or "").values() if o.stays)}
            others = {name: own for name, own in ask.options.items() if name not in start}
            source = service.keep_source(replace(ask, options=others), picture)
            return replace(ask, options=others | {"source": source, option: value})
        return draw(keep, seed, values, change)

    def edit(option: str) -> Callable[..., tuple[Any, Any, str]]:
        def handler(picture: Any, value: Any, keep: bool, seed: Any, *values: Any) -> tuple[Any, Any, str]:
            return draw_from(picture, option, value, keep, seed, values)
        return handler

    def paint(event: gr.EventData, picture: Any, keep: bool, seed: Any, *values: Any) -> tuple[Any, Any, str]:
        return draw_from(picture, "mask", told(event, "mask"), keep, seed, values)

    if steps_of:
        tab.sampler.input(None, [tab.sampler, tab.options["steps"]], tab.options["steps"], js=own_steps, **QUICK)
    tab.sampler.input(change_sampler, tab.sampler, [tab.summary, tab.formula, tab.tips, *tab.options.values()], **QUICK)
    tab.model.input(lambda name: tab.using(tab.model_view(name)), tab.model, tab.used(), **QUICK)
    tab.model.change(begin_with, tab.model, [chips, tab.canvas], **QUICK)
    chips.select(choose_prompt, tab.model, tab.prompt, **QUICK)
    dice.click(lambda: seed_of(NEW), None, tab.seed, **QUICK)
    controls, shown = [tab.lock, tab.seed, *tab.inputs()], [tab.seed, tab.canvas, tab.message]
    generate.click(run, controls, shown, **QUICK)
    own, codes, seeds = panels
    if codes is not None:
        codes.wire(service, tab.family.name, tab.model)
        if codes.edit is not None:
            codes.edit.click(edit("keep_rows"), [codes.picture, codes.rows, *controls], shown, **in_line)
            codes.shown.select(paint, [codes.picture, *controls], shown, **in_line)
    if seeds is not None:
        seeds.wire(service, tab.ask, tab.inputs())
    if own is not None:
        own.edit.click(edit(own.option), [own.first, own.start, *controls], shown, **in_line)
    if own is not None and own.both is not None:
        kinds = [name for name in KINDS if name in tab.options]

        def ask(model: str, *chosen: str) -> Ask:
            options = dict(zip(kinds, chosen, strict=True))
            return Ask(tab.family.name, "", model=model, sampler=next(iter(tab.family.every)), options=options)

        own.wire(service, ask, [tab.model, *(tab.options[name] for name in kinds)])
