"""The panel "Picture": how likely a picture is, its way to noise and back, what lies between two, and pictures drawn from it."""
from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import gradio as gr

from app.service import Service
from app.ui.components import drawn, upload
from app.views import Ask, FamilyInfo, UserError


@dataclass
class PicturePanel:
    first: gr.Image
    second: gr.Image
    caption: gr.Textbox
    measure: gr.Button
    morph: gr.Button
    start: gr.Slider
    edit: gr.Button
    shown: gr.HTML

    def wire(self, service: Service, ask: Callable[..., Ask], controls: list[Any]) -> None:
        """`ask` makes a request of the tab from the values of `controls`."""
        def measure(picture: Any, caption: str, *values: Any) -> str:
            try:
                return json.dumps({"examined": asdict(service.examine(replace(ask(*values), prompt=caption or ""), picture))})
            except UserError as error:
                return json.dumps({"error": str(error)})

        def morph(first: Any, second: Any, caption: str, *values: Any) -> str:
            try:
                return json.dumps({"way": service.morph(replace(ask(*values), prompt=caption or ""), first, second)})
            except UserError as error:
                return json.dumps({"error": str(error)})

        quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", "concurrency_limit": 2}
        self.measure.click(measure, [self.first, self.caption, *controls], self.shown, **quiet)
        self.morph.click(morph, [self.first, self.second, self.caption, *controls], self.shown, **quiet)


def picture_panel(info: FamilyInfo) -> PicturePanel | None:
    """Build the panel; None for a family whose pictures have no way back to noise."""
    if not info.two_way:
        return None
    name = info.name
    with gr.Tab("Picture", elem_id=f"{name}-own"):
        with gr.Row():
            first, second = (upload(label, f"{name}-own-{k}", 120) for k, label in enumerate(("Picture", "Another")))
        caption = gr.Textbox("", label="Caption (may stay empty)", lines=1, elem_id=f"{name}-own-caption")
        with gr.Row():
            measure = gr.Button("Measure", size="sm", elem_id=f"{name}-own-measure")
            morph = gr.Button("Way between both", size="sm", elem_id=f"{name}-own-morph")
        option = next(o for s in info.samplers for o in s.options if o.name == "t_start")
        start = gr.Slider(option.low or 0, option.high or 1, value=round((option.low or 0) + (option.high or 1), 1) / 2, step=0.05,
                          label=f"Start time  {option.symbol}", info=option.help, elem_id=f"{name}-own-start")
        edit = gr.Button("Draw from the picture", size="sm", elem_id=f"{name}-own-edit")
        shown = drawn("examined", elem_id=f"{name}-own-shown", family=name)
    return PicturePanel(first, second, caption, measure, morph, start, edit, shown)
