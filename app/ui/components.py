"""Parts that tabs share: our own drawn components, and controls made from options."""
from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.data_classes import ImageData

from app.models.views import ModelView
from pipelines.options import Option

# Of an event whose progress is shown nowhere. Where no such place is named, Gradio takes the outputs, and tells every output that any event
# ever had of each event's beginning and end: here nearly all controls, at each of which it goes through the tree of the page.
HIDDEN: dict[str, Any] = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
QUICK = HIDDEN | {"queue": False}


def drawn(kind: str, value: str = "", **props: Any) -> gr.HTML:
    """A component of a kind that assets/main.js names; its value is JSON text, which no template ever sees."""
    return gr.HTML(value, html_template=f'<div class="sx-{kind}"></div>', apply_default_css=False,
                   js_on_load=f"sx.mount('{kind}', element, props, trigger, watch)", **props)


def control(option: Option, elem_id: str, visible: bool = True) -> Any:
    """A Gradio control for an option; the service checks the value again."""
    common: dict[str, Any] = {"label": labelled(option), "elem_id": elem_id, "visible": visible, "interactive": True}
    if option.type is bool:
        return gr.Checkbox(option.default, info=option.help, **common)
    if option.choices:
        return gr.Dropdown(list(option.choices), value=option.default, info=option.help, **common)
    if option.type is str:
        return gr.Textbox(option.default, info=option.help, max_lines=1, **common)
    low, high = option.low, option.high
    if option.type is float and low is not None and high is not None and not 0 < 100 * low < high:     # else spans orders
        return gr.Slider(low, high, value=option.default, step=(high - low) / 40, info=option.help, **common)
    return gr.Number(option.default, precision=0 if option.type is int else None, info=option.help, **common)


def labelled(option: Option) -> str:
    """What stands above the control of an option."""
    return f"{option.label}  {option.symbol}" if option.symbol else option.label


def upload(label: str, elem_id: str, min_width: int) -> gr.Image:
    """A place for a picture from the user's disk; handlers get its path, and the service reads it under its own limits."""
    image = gr.Image(label=label, type="filepath", sources=["upload", "clipboard"], height=130, min_width=min_width, elem_id=elem_id,
                     buttons=[], image_mode=None)
    image.preprocess = _path                 # type: ignore[assignment, method-assign]
    return image


def _path(payload: ImageData | None) -> str | None:
    """Gradio would open the file, of any kind and size, before anybody is asked."""
    if payload is not None and payload.path is None:
        raise gr.Error("A picture comes as an uploaded file; choose one from your disk.", title="Not a file", print_exception=False)
    return payload.path if payload is not None else None


def told(event: gr.EventData, name: str) -> str:
    """What a script of the page says along with an event; nothing where it does not."""
    return str(event._data.get(name, "")) if isinstance(event._data, dict) else ""


def sentence(elem_id: str) -> gr.HTML:
    """The quiet line by the button, for notes and errors; drawn as text, never as HTML."""
    return drawn("sentence", elem_id=elem_id)


def fits(control: Any, value: Any) -> bool:
    """Whether a value is of the kind that a control holds; which of them is chosen from a list is not looked at."""
    if isinstance(control, gr.Checkbox):
        return isinstance(value, bool)
    if isinstance(control, gr.Number | gr.Slider):
        empty = value is None and isinstance(control, gr.Number)
        return empty or isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 2**53
    if isinstance(control, gr.Dropdown) and control.multiselect:
        return isinstance(value, list) and all(isinstance(one, str) for one in value)
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def put(controls: list[Any], found: dict[str, Any]) -> list[Any]:
    """Updates for controls that depend on no other."""
    return [found.get(control.elem_id, gr.skip()) for control in controls]


def still(models: list[ModelView], chosen: Any, choose: bool = False) -> Any:
    """An update for a list of models: those there are now; what is chosen stays, unless it is gone."""
    names = [m.name for m in models]
    kept = {"value": chosen} if choose else {} if chosen in names else {"value": names[0] if names else None}
    return gr.update(choices=[(m.title, m.name) for m in models], **kept)
