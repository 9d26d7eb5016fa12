"""The panel "Picture": how likely a picture is, its way to noise and back, what lies between two, and pictures drawn from it."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import gradio as gr

from app.as_json import as_json
from app.drawing.ask import Ask
from app.service import Service
from app.ui.components import drawn, upload
from app.ui.edges import answering
from pipelines.family import FamilySpec
from pipelines.options import options_of


@dataclass
class Both:
    """Controls for what only an ODE can do that leads from pictures to noise."""
    second: gr.Image
    caption: gr.Textbox
    measure: gr.Button
    interpolation: gr.Button
    shown: gr.HTML


@dataclass
class PicturePanel:
    first: gr.Image
    option: str                    # which says how much of the picture stays
    start: gr.Slider
    edit: gr.Button
    both: Both | None

    def wire(self, service: Service, ask: Callable[..., Ask], controls: list[Any]) -> None:
        """Measuring and the interpolation between two pictures; `ask` makes a request of the tab from the values of `controls`."""
        assert self.both is not None
        both = self.both

        @answering()
        def measure(picture: Any, caption: str, *values: Any) -> str:
            return as_json({"examined": asdict(service.examine(replace(ask(*values), prompt=caption or ""), picture))})

        @answering()
        def interpolation(first: Any, second: Any, caption: str, *values: Any) -> str:
            return as_json({"interpolation": service.interpolation(replace(ask(*values), prompt=caption or ""), first, second)})

        quiet: dict[str, Any] = {"show_progress": "minimal", "api_visibility": "private", "concurrency_limit": 2}
        both.measure.click(measure, [self.first, both.caption, *controls], both.shown, **quiet)
        both.interpolation.click(interpolation, [self.first, both.second, both.caption, *controls], both.shown, **quiet)


def picture_panel(family: FamilySpec) -> PicturePanel | None:
    """Build the panel; None for a family that starts from no pictures but codes, or from none."""
    if not family.starts_from_pictures:
        return None
    option = next(o for s in family.every.values() for o in options_of(s.options) if o.stays)
    name, both = family.name, None
    with gr.Tab("Picture", elem_id=f"{name}-own"):
        with gr.Row():
            first = upload("Picture", f"{name}-own-0", 120)
            second = upload("Another", f"{name}-own-1", 120) if family.invertible else None
        if second is not None:
            caption = gr.Textbox("", label="Caption (may stay empty)", lines=1, elem_id=f"{name}-own-caption")
            with gr.Row():
                measure = gr.Button("Measure", size="sm", elem_id=f"{name}-own-measure")
                interpolation = gr.Button("Latent interpolation", size="sm", elem_id=f"{name}-own-interpolation")
        start = gr.Slider(option.low or 0, option.high or 1, value=round((option.low or 0) + (option.high or 1), 1) / 2, step=0.05,
                          label=f"{option.label}  {option.symbol}", info=option.help, elem_id=f"{name}-own-start")
        edit = gr.Button("Draw from the picture", size="sm", elem_id=f"{name}-own-edit")
        if second is not None:
            both = Both(second, caption, measure, interpolation, drawn("examined", elem_id=f"{name}-own-shown", family=name))
    return PicturePanel(first, option.name, start, edit, both)
