"""The panel "Seeds": a film from one seed to another, and two seeds mixed."""
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
    walk: gr.Button
    mix: gr.Button
    shown: gr.HTML

    def wire(self, service: Service, ask: Callable[..., Ask], controls: list[Any]) -> None:
        """`ask` makes a request of the tab from the values of `controls`."""
        def answer(kind: str, make: Callable[[Ask], Film]) -> Callable[..., str]:
            return answering()(lambda *values: as_json({kind: asdict(make(ask(*values)))}))

        quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", "concurrency_limit": 2}
        self.walk.click(answer("walk", service.seeds.walk), controls, self.shown, **quiet)
        self.mix.click(answer("mixture", service.seeds.mixture), controls, self.shown, **quiet)


def seeds_panel(family: FamilySpec) -> SeedsPanel:
    """Build the panel."""
    with gr.Tab("Seeds", elem_id=f"{family.name}-seeds"):
        with gr.Row():
            walk = gr.Button("Walk to the second seed", size="sm", elem_id=f"{family.name}-seeds-walk")
            mix = gr.Button("Mix seeds", size="sm", elem_id=f"{family.name}-seeds-mix")
        shown = drawn("seeds", family=family.name, elem_id=f"{family.name}-seeds-shown")
    return SeedsPanel(walk, mix, shown)
