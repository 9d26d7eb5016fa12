"""What a client sends for a control: its kind is judged here, its value by the service; either says in a sentence what is wrong."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from pipelines.options import quoted


def judge_controls() -> None:
    """Let handlers have what was sent if it is of the control's kind. Gradio would round it, hold it against choices that may have
    changed meanwhile, or fail without a word. It makes controls anew for each session, from their classes, so these are told."""
    for kind in (gr.Number, gr.Slider, gr.Dropdown, gr.Textbox, gr.Checkbox):
        kind.preprocess = _judged              # type: ignore[method-assign, assignment]


def _judged(control: Any, payload: Any) -> Any:
    """Nothing chosen, nothing written (None) is of every kind. A number field that is empty says "", which the service refuses, and not
    None, by which it would be left the choice."""
    what, fits = _kind(control)
    if payload is None or fits(payload):
        return "" if payload is None and isinstance(control, gr.Number | gr.Slider) else payload
    name = " ".join(str(control.label or "This").split())
    raise gr.Error(f"{name} must be {what}; you gave {quoted(repr(payload))}.", title="Not possible", print_exception=False)


def _kind(control: Any) -> tuple[str, Callable[[Any], bool]]:
    """(what a control holds, whether a value is that)."""
    if isinstance(control, gr.Checkbox):
        return "true or false", lambda value: isinstance(value, bool)
    if isinstance(control, gr.Number | gr.Slider):
        return "a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(control, gr.Dropdown) and control.multiselect:
        return "a list of names", lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value)
    return "text", lambda value: isinstance(value, str)
