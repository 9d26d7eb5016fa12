"""The Models tab: what is here, the user's own files, the Hub, downloads; and how the other tabs get to know new models."""
from __future__ import annotations

from typing import Any

import gradio as gr

from app.models.views import SORTED, ModelView
from app.service import Service
from app.ui.compare import CompareTab
from app.ui.components import QUICK, drawn, still, told
from app.ui.family import FamilyTab
from pipelines import registry
from pipelines.hub.about import ADAPTERS

LICENCES = ("apache-2.0", "mit", "openrail", "openrail++", "creativeml-openrail-m", "cc-by-4.0", "cc-by-nc-4.0")


def models_tab(service: Service) -> gr.HTML:
    """Build the tab, which assets/models/page.js draws from the JSON routes."""
    kinds = [{"title": info.title, "family": info.family, "example": info.example} for info in ADAPTERS.values() if info.example]
    with gr.Tab("Models", id="models", elem_id="models-tab"):
        return drawn("models", elem_id="models-view", licences=list(LICENCES), sorts=list(SORTED), kinds=kinds,
                     families={family.name: family.title for family in registry.faces()})


def wire_models(service: Service, page: gr.Blocks, tabs: gr.Tabs, families: list[FamilyTab], compare: CompareTab, models: gr.HTML) -> None:
    """Let the page draw with a model, and let its lists follow what is installed and removed while it is open."""
    lists, chosen = [tab.model for tab in families], len(families)

    def refresh(*values: Any) -> list[Any]:
        updates = [still(tab.models(), value) for tab, value in zip(families, values[:chosen], strict=True)]
        return [*updates, *compare.refreshed(*values[chosen:])]

    def draw(event: gr.EventData) -> list[Any]:
        view = service.library.drawable(told(event, "name"))
        return [gr.Tabs(selected=view.family), *(u for tab in families for u in updates(tab, view))]

    def updates(tab: FamilyTab, view: ModelView) -> list[Any]:
        if view.family != tab.family.name:
            return [gr.skip()] * (1 + len(tab.used()))
        return [still(tab.models(), view.name, choose=True), *tab.using(view)]

    gr.on([page.load, tabs.select], refresh, [*lists, *compare.seen()], [*lists, *compare.lists()], **QUICK)
    models.select(draw, None, [tabs, *(control for tab in families for control in (tab.model, *tab.used()))], **QUICK)
