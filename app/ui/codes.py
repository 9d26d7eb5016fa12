"""The panel "Codes": a picture as a map of codes, to reconstruct, change and, where the model can, continue."""
from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from app.as_json import as_json
from app.drawing.ask import Ask
from app.errors import sentence, sentences
from app.service import Service
from app.ui.components import drawn, upload
from pipelines.family import FamilySpec
from pipelines.options import options_of

HINT = "The codes of the latest picture appear here; or drop a picture of your own and reconstruct it."


@dataclass
class CodesPanel:
    picture: gr.Image
    reconstruct: gr.Button
    rows: Any                      # how many rows stay; None for a family that cannot continue a picture
    edit: gr.Button | None
    shown: gr.HTML

    def wire(self, service: Service, family: str, model: Any) -> None:
        """`model`: the control that names the weights."""
        def reconstruct(name: str, picture: Any) -> str:
            try:
                found: dict[str, Any] = {"view": asdict(service.codes.reconstruct(Ask(family, "", model=name), picture))}
            except sentences() as error:
                found = {"error": sentence(error)}
            return as_json(found | {"answer": time.time_ns()})           # the page draws changes, and the same may be asked twice

        self.reconstruct.click(reconstruct, [model, self.picture], self.shown, show_progress="minimal", api_visibility="private",
                               concurrency_limit=2)


def codes_panel(family: FamilySpec) -> CodesPanel:
    """Build the panel."""
    name = family.name
    keep = next((o for s in family.every.values() for o in options_of(s.options) if o.stays), None)
    with gr.Tab("Codes", elem_id=f"{name}-codes"):
        with gr.Row(elem_classes="sx-pair"):
            picture = upload("Your picture", f"{name}-codes-picture", 140)
            with gr.Column(min_width=150):
                reconstruct = gr.Button("Reconstruct", size="sm", elem_id=f"{name}-codes-reconstruct")
                rows = edit = None
                if keep is not None:
                    rows = gr.Slider(1, keep.high or 7, value=4, step=1, label=f"{keep.label}  {keep.symbol}", elem_id=f"{name}-codes-rows")
                    edit = gr.Button("Go on from its upper part", size="sm", elem_id=f"{name}-codes-edit")
        shown = drawn("codes", family=name, hint=HINT, paint=keep is not None, elem_id=f"{name}-codes-shown")
    return CodesPanel(picture, reconstruct, rows, edit, shown)


