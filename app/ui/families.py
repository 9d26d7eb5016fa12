"""The Families tab: one caption drawn by all families at once, and what was measured of them side by side."""
from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import gradio as gr

from app.drawing.ask import NEW, seed_of
from app.service import Service
from app.ui.components import QUICK, drawn, sentence, told
from app.ui.edges import answering
from pipelines import registry
from pipelines.data import DEFAULT, dataset


def families_tab(service: Service) -> tuple[gr.HTML, list[Any]]:
    """Build the tab; returns the cards, whose pictures can be sent to their families' tabs, and the controls."""
    prompts = dataset(DEFAULT).prompts
    with gr.Tab("Families", id="families", elem_id="families-tab"):
        with gr.Row(elem_classes="sx-line"):
            prompt = gr.Textbox(prompts[0], label="Prompt for all families", scale=3, min_width=260, max_lines=1, elem_id="families-prompt")
            count = gr.Number(1, label="Images each", precision=0, min_width=90, scale=0, elem_id="families-count")
            seed = gr.Number(7, label="Seed", precision=0, min_width=120, scale=0, elem_id="families-seed")
            dice = gr.Button("⚄", size="sm", min_width=36, scale=0, elem_id="families-dice", elem_classes="sx-icon")
            run = gr.Button("Draw all   Ctrl-⏎", variant="primary", scale=0, min_width=150, elem_id="families-run",
                            elem_classes="sx-generate")
        chips = drawn("chips", json.dumps(prompts), elem_id="families-chips")
        message = sentence("families-message")
        cards = drawn("families", json.dumps({}), elem_id="families-cards",
                      samplers={family.name: {s.name: s.title for s in family.every.values()} for family in registry.faces()})
        drawn("measured", elem_id="families-measured")
        drawn("tips", json.dumps({"families-dice": "A new random seed.", "families-seed": "The same seed for every family.",
                                  "families-count": "Pictures of each family; picture k has the seed plus k."}))

    @answering(gr.skip(), gr.skip())
    def draw(prompt: str, seed: Any, count: Any) -> tuple[Any, Any, str]:
        used = seed_of(seed)
        drawings = service.side_by_side.draw(prompt or "", used, count)
        return used, json.dumps({"drawings": [asdict(drawing) for drawing in drawings]}), json.dumps({})

    def choose_prompt(event: gr.EventData) -> str:
        return told(event, "text") or service.surprise(registry.NAMES[0])

    chips.select(choose_prompt, None, prompt, **QUICK)
    dice.click(lambda: seed_of(NEW), None, seed, **QUICK)
    run.click(draw, [prompt, seed, count], [seed, cards, message], **QUICK)
    return cards, [prompt, seed, count]
