"""The panel "Seeds": the latent interpolation from one seed to another, and style mixing."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import gradio as gr

from app.as_json import as_json
from app.drawing.ask import Ask
from app.inspect.views import Film
from app.service import Service
from app.ui.components import drawn
from app.ui.edges import answering
from pipelines.family import FamilySpec


@dataclass
class SeedsPanel:
    interpolation: gr.Button
    mixing: gr.Button
    shown: gr.HTML

    def wire(self, service: Service, ask: Callable[..., Ask], controls: list[Any]) -> None:
        """`ask` makes a request of the tab from the values of `controls`."""
        def answer(kind: str, make: Callable[[Ask], Film]) -> Callable[..., str]:
            return answering()(lambda *values: as_json({kind: asdict(make(ask(*values)))}))

        quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", "concurrency_limit": 2}
        self.interpolation.click(answer("interpolation", service.seeds.interpolation), controls, self.shown, **quiet)
        self.mixing.click(answer("mixing", service.seeds.style_mixing), controls, self.shown, **quiet)


def seeds_panel(family: FamilySpec) -> SeedsPanel:
    """Build the panel."""
    with gr.Tab("Seeds", elem_id=f"{family.name}-seeds"):
        with gr.Row():
            interpolation = gr.Button("Latent interpolation", size="sm", elem_id=f"{family.name}-seeds-interpolation")
            mixing = gr.Button("Style mixing", size="sm", elem_id=f"{family.name}-seeds-mixing")
        shown = drawn("seeds", family=family.name, elem_id=f"{family.name}-seeds-shown")
    return SeedsPanel(interpolation, mixing, shown)
