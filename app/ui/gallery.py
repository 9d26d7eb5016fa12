"""The Gallery tab: everything that was made, found again by its settings."""
from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import gradio as gr

from app.service import Service
from app.ui.compare import CompareTab
from app.ui.components import QUICK, drawn, told
from app.ui.family import FamilyTab


def gallery_tab() -> gr.HTML:
    """Build the tab; the filter line, thumbnails and details are drawn by assets/panels/gallery.js from the JSON routes."""
    with gr.Tab("Gallery", id="gallery", elem_id="gallery-tab"):
        return drawn("gallery", elem_id="gallery-view")


def wire_sending(service: Service, tabs: gr.Tabs, families: list[FamilyTab], compare: CompareTab,
                 head: gr.HTML, gallery: gr.HTML, cards: gr.HTML) -> None:
    """Let canvas, gallery and cards of all families send a picture's settings to a family's tab or to Compare, or open it."""
    outputs = [tabs, *compare.received(), gallery, *(c for tab in families for c in tab.restored())]

    def updates(selected: str | None, to_compare: dict[str, Any] | None, opened: str | None,
                settings: dict[str, Any] | None) -> list[Any]:
        return [gr.Tabs(selected=selected) if selected else gr.skip(), *compare.receive(to_compare),
                json.dumps({"open": opened}) if opened else gr.skip(),
                *(u for tab in families
                  for u in tab.restore(settings if settings and settings["family"] == tab.family.name else None))]

    def send(event: gr.EventData) -> list[Any]:
        action, target = told(event, "action"), told(event, "id")
        if action == "example":
            found = [p for tab in families for p in service.gallery.examples(tab.family.name) if p.id == target]
            return updates(None, None, None, found[0].settings if found else None)
        if action == "job":
            return updates(None, None, None, service.settings_of_job(target))
        picture = service.gallery.picture(target)
        if action == "gallery":
            return updates("gallery", None, picture.id, None)
        if action == "compare":
            return updates("compare", picture.settings, None, None)
        return updates(picture.family, None, None, picture.settings)

    listeners: list[Callable[..., Any]] = [head.select, gallery.select, cards.select, *(tab.canvas.select for tab in families)]
    for listen in listeners:
        listen(send, None, outputs, **QUICK)
