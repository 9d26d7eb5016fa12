"""The page: head, a tab per family, Families, Compare, Gallery, Models. Layout only; what tabs do is in their own files."""
from __future__ import annotations

import json
from importlib import import_module
from typing import Any

import gradio as gr

from app.service import Service
from app.ui import theme
from app.ui.compare import compare_tab
from app.ui.components import QUICK, drawn
from app.ui.drafts import wire_drafts
from app.ui.edges import in_words
from app.ui.families import families_tab
from app.ui.family import family_tab
from app.ui.gallery import gallery_tab, wire_sending
from app.ui.models import models_tab, wire_models
from app.ui.sent import judge_controls
from pipelines import registry

ALONE: tuple[str, ...] = ()        # files of this folder with a tab that needs nothing of the others, made by their `tab(service)`


def build_page(service: Service) -> gr.Blocks:
    """The Blocks of the whole page; built without torch."""
    judge_controls()
    with gr.Blocks(title="Sextant", fill_width=True, analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        specs = registry.faces()
        inside = {spec.name: {"state": spec.state, "trajectories": spec.stepwise, "field": spec.field, "estimate": spec.estimate,
                              "tangent": spec.predicts_velocity} for spec in specs}
        head = drawn("head", elem_id="head", program=service.identity, titles={spec.name: spec.title for spec in specs}, inside=inside)
        drawn("notices", elem_id="notices")
        with gr.Tabs(elem_id="tabs") as tabs:
            families = [family_tab(service, spec) for spec in specs]
            cards, beside = families_tab(service)
            compare = compare_tab(service)
            gallery = gallery_tab()
            models = models_tab(service)
            for name in ALONE:
                import_module(f"app.ui.{name}").tab(service)
        wire_drafts(page, head, families, compare, beside)
        wire_sending(service, tabs, families, compare, head, gallery, cards)
        wire_models(service, page, tabs, families, compare, models)
        wire_places(page, head, tabs)
    in_words(page)
    return page


def wire_places(page: gr.Blocks, head: gr.HTML, tabs: gr.Tabs) -> None:
    """Let the address name the tab that is open (assets/core/place.js), once controls are as they were: Gradio loses what it is told of a
    tab that is just closing.
    """
    places = {str(tab.id): tab for tab in tabs.children if isinstance(tab, gr.Tab)}
    head.input(None, None, tabs, js="() => ({selected: sx.place.wanted, __type__: 'update'})", **QUICK)
    for name, tab in places.items():
        tab.select(None, None, None, js=f"() => {{ sx.place.went('{name}'); }}", **QUICK)
    page.load(None, None, None, js=f"() => {{ sx.drafts.back.then(() => sx.place.first({json.dumps(list(places))})); }}", **QUICK)


def look() -> dict[str, Any]:
    """Theme and colours for the server."""
    return theme.look({name: registry.face(name).accent for name in registry.NAMES})
