"""The Compare tab: samplers by step counts, same seeds, one grid that fills cell by cell."""
from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from app.service import Service
from app.ui.components import drawn, sentence
from app.views import Ask, Check, FamilyInfo, ModelView, UserError


@dataclass
class CompareTab:
    """The controls that other tabs fill."""
    families: dict[str, FamilyInfo]
    known: dict[str, list[ModelView]]
    family: gr.Dropdown
    model: gr.Dropdown
    prompt: gr.Textbox
    samplers: gr.Dropdown
    steps: gr.Textbox
    guidance: gr.Slider
    seed: gr.Number
    count: gr.Number

    def receive(self, settings: dict[str, Any] | None) -> list[Any]:
        """Updates for `received()`: family with its model and samplers, prompt, guidance and seed of a picture."""
        if settings is None:
            return [gr.skip() for _ in self.received()]
        family = settings["family"]
        return [family, *self.belonging(family, settings["model"]), settings["prompt"], settings["guidance_scale"], settings["seed"],
                self.axis(family)]

    def belonging(self, family: str, model: str | None = None) -> tuple[Any, Any]:
        """The choices of model and samplers of a family; its first model if none is named."""
        info, models = self.families[family], self.known[family]
        return (gr.Dropdown([(m.title, m.name) for m in models], value=model or (models[0].name if models else None)),
                gr.Dropdown([(s.title, s.name) for s in info.samplers], value=list(info.compared)))

    def axis(self, family: str) -> Any:
        """The values of the columns that suit a family."""
        info = self.families[family]
        return gr.Textbox(info.columns, label=columns_label(info))

    def received(self) -> list[Any]:
        return [self.family, self.model, self.samplers, self.prompt, self.guidance, self.seed, self.steps]


def columns_label(info: FamilyInfo) -> str:
    """What the box of the columns' values says."""
    ranges = " or 10-50(+10)" if info.axis.type is int else ""
    return f"Columns: {info.axis.label.lower()}, like {info.columns}{ranges}"


def summary(check: Check, cells: int) -> str:
    """"9 cells · 210 calls · ≈ 4 s"."""
    time = f" · ≈ {check.estimated_seconds:.0f} s" if check.estimated_seconds else ""
    return f"{cells} cells · {check.images} images · {check.calls:,} calls{time}"


def compare_tab(service: Service) -> CompareTab:
    """Build the tab."""
    families = service.families()
    first = families[0]
    request = {o.name: o for o in first.request}
    with gr.Tab("Compare", id="compare", elem_id="compare-tab"):
        with gr.Row(elem_classes="sx-line"):
            family = gr.Dropdown([(f.title, f.name) for f in families], value=first.name, label="Family", min_width=110,
                                 scale=0, elem_id="compare-family")
            known = {f.name: service.models(f.name) for f in families}
            usual = {m.name: m.usual for models in known.values() for m in models}
            model = gr.Dropdown([(m.title, m.name) for m in known[first.name]], value=known[first.name][0].name if known[first.name]
                                else None, label="Model", min_width=210, scale=0, elem_id="compare-model")
            prompt = gr.Textbox("a large red star above a small blue ring", label="Prompt", scale=3, min_width=260,
                                elem_id="compare-prompt")
            own = known[first.name][0].usual if known[first.name] else {}
            guidance = gr.Slider(0, 20, value=own.get("guidance_scale", request["guidance_scale"].default), step=0.5, label="Guidance  w",
                                 min_width=150, scale=1, elem_id="compare-guidance")
            seed = gr.Number(7, label="Seed", precision=0, min_width=110, scale=0, elem_id="compare-seed")
            count = gr.Number(1, label="Images per cell", precision=0, min_width=110, scale=0, elem_id="compare-count")
        with gr.Row(elem_classes="sx-line"):
            samplers = gr.Dropdown([(s.title, s.name) for s in first.samplers], multiselect=True,
                                   value=list(first.compared), label="Rows: samplers",
                                   scale=3, min_width=260, elem_id="compare-samplers")
            steps = gr.Textbox(first.columns, label=columns_label(first), scale=2, min_width=200,
                               elem_id="compare-steps")
            run = gr.Button("Compare   Ctrl-⏎", variant="primary", scale=0, min_width=150, elem_id="compare-run",
                            elem_classes="sx-generate")
        message = sentence("compare-message")
        grid = drawn("compare", json.dumps({"job": None}), elem_id="compare-grid")
    tab = CompareTab({f.name: f for f in families}, known, family, model, prompt, samplers, steps, guidance, seed, count)
    inputs: list[Any] = [family, model, prompt, samplers, steps, guidance, seed, count]
    quick: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}

    def ask(family: str, model: str, prompt: str, guidance: Any, seed: Any, count: Any) -> Ask:
        return Ask(family, prompt or "", model=model, guidance_scale=guidance, seed=seed, count=count)

    def check(family: str, model: str, prompt: str, samplers: list[str], steps: str, guidance: Any, seed: Any, count: Any) -> str:
        try:
            found = service.check_compare(ask(family, model, prompt, guidance, seed, count), samplers or [], steps)
        except UserError as error:
            return json.dumps({"error": str(error)})
        cells = len(found.settings["samplers"]) * len(found.settings["columns"])
        return json.dumps({"note": " ".join([summary(found, cells), *found.notes])})

    def start(family: str, model: str, prompt: str, samplers: list[str], steps: str, guidance: Any, seed: Any,
              count: Any) -> tuple[Any, Any]:
        try:
            job = service.compare(ask(family, model, prompt, guidance, seed, count), samplers or [], steps)
        except UserError as error:
            return gr.skip(), json.dumps({"error": str(error)})
        return json.dumps({"job": job}), gr.skip()

    def change_model(name: str) -> float:
        return usual.get(name, {}).get("guidance_scale", request["guidance_scale"].default)

    def change_family(name: str) -> tuple[Any, ...]:
        return *tab.belonging(name), tab.axis(name), change_model(known[name][0].name if known[name] else "")

    model.input(change_model, model, guidance, **quick)
    # Unchecked by Gradio: while one control has changed, another may still hold a choice that is no longer one.
    family.input(change_family, family, [model, samplers, steps, guidance], preprocess=False, **quick)
    for control in inputs[1:]:
        control.change(check, inputs, message, trigger_mode="always_last", preprocess=False, **quick)
    run.click(start, inputs, [grid, message], **quick)
    return tab
