"""What stands in the controls outlives a reload: the page (assets/core/drafts.js) keeps it and asks for it back when loaded again."""
from __future__ import annotations

import json
from typing import Any

import gradio as gr

from app.ui.compare import CompareTab
from app.ui.components import QUICK, fits, put
from app.ui.family import FamilyTab


def wire_drafts(page: gr.Blocks, head: gr.HTML, families: list[FamilyTab], compare: CompareTab, plain: list[Any]) -> None:
    """Keep the values of all controls, and put them back; `plain` ones depend on no other."""
    kept = [*(control for tab in families for control in tab.kept()), *compare.kept(), *plain]
    outputs = [*(control for tab in families for control in (*tab.restored(), *tab.panels)), *compare.restored(), *plain]

    def put_back(text: str) -> list[Any]:
        found = read(text, kept)
        return [*(update for tab in families for update in tab.put_back(found)), *compare.put_back(found), *put(plain, found)]

    carrier = gr.Textbox(visible=False)          # changes only if there is something to put back
    # Gradio goes through the tree of the page for each value that it reads, and for each event of each control when the page is made:
    # so it is told of no event here, is asked for no value that is known, and for all others at once (assets/core/drafts.js says when).
    head.apply(None, kept, None, js="(...values) => { sx.drafts.all(values); }", **QUICK)
    begun = json.dumps({control.elem_id: control.value for control in kept})
    page.load(None, None, carrier, js=f"() => sx.drafts.read({begun})", **QUICK)
    carrier.change(put_back, carrier, outputs, **QUICK).then(None, kept, None, js="(...values) => { sx.drafts.begin(values); }", **QUICK)



def read(text: str, controls: list[Any]) -> dict[str, Any]:
    """Values by the ids of their controls, without those that are as they begin or cannot be; the page may send anything."""
    try:
        given = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(given, dict):
        return {}
    known = {control.elem_id: control for control in controls}
    return {name: value for name, value in given.items()
            if name in known and fits(known[name], value) and value != known[name].value}
