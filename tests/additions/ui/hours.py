"""A tab of one file."""
from __future__ import annotations

import gradio as gr

from app.service import Service


def tab(service: Service) -> None:
    with gr.Tab("Hours", id="hours", elem_id="hours-tab"):
        said = gr.Markdown(elem_id="hours-said")
        gr.Button("Count", elem_id="hours-count").click(lambda: f"{len(service.artist.weights.entries())} models", None, said,
                                                        api_name="hours-count", queue=False)
