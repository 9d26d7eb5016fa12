"""The page: head, a tab per family, Families, Compare, Gallery, Models. Layout only; what tabs do is in their own files."""
from __future__ import annotations

from typing import Any

import gradio as gr

from app.service import Service
from app.ui import theme
from app.ui.compare import compare_tab
from app.ui.components import drawn
from app.ui.families import families_tab
from app.ui.family import family_tab
from app.ui.gallery import gallery_tab, wire_sending
from app.ui.models import models_tab, wire_models
from pipelines import registry


def build_page(service: Service) -> gr.Blocks:
    """The Blocks of the whole page; built without torch."""
    with gr.Blocks(title="Sextant", fill_width=True, analytics_enabled=False, delete_cache=(3600, 86400)) as page:
        infos = service.families()
        drawn("head", elem_id="head", titles={info.name: info.title for info in infos},
              inside={info.name: {"state": info.state, "ways": info.unit == "step", "field": info.field, "estimate": info.estimate,
                                  "tangent": info.tangent} for info in infos})
        drawn("notices", elem_id="notices")
        with gr.Tabs(elem_id="tabs") as tabs:
            families = [family_tab(service, info) for info in infos]
            cards = families_tab(service)
            compare = compare_tab(service)
            gallery = gallery_tab()
            models = models_tab(service)
        wire_sending(service, tabs, families, compare, gallery, cards)
        wire_models(service, page, tabs, families, compare, models)
    return page


def look() -> dict[str, Any]:
    """Theme, style and scripts for the server."""
    return theme.look({name: registry.face(name).accent for name in registry.NAMES})
