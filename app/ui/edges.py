"""What comes in through the page and does not fit is a sentence for whoever sent it, and no error of the program."""
from __future__ import annotations

from typing import Any

import gradio as gr

from app.views import UserError

MISFIT = "What was sent does not fit the controls of this page; reload it and try again."
KINDS: dict[type, Any] = {gr.Textbox: str, gr.Number: (int, float), gr.Slider: (int, float), gr.Checkbox: bool}


def in_words(page: gr.Blocks) -> None:
    """Judge every input of a page before its handlers see it, and let them raise UserError."""
    read, call = page.preprocess_data, page.call_function

    async def preprocess(function: Any, inputs: list[Any], *others: Any, **named: Any) -> Any:
        try:
            if not function.preprocess and not all(map(fits, function.inputs, inputs)):
                raise ValueError("a value of another kind than the control's")
            return await read(function, inputs, *others, **named)
        except gr.Error as error:
            raise gr.Error(str(UserError(error.message)), print_exception=False) from error        # it may quote what no answer could carry
        except Exception as error:
            raise gr.Error(MISFIT, print_exception=False) from error

    async def run(*arguments: Any, **named: Any) -> Any:
        try:
            return await call(*arguments, **named)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    page.preprocess_data, page.call_function = preprocess, run             # type: ignore[method-assign, assignment]


def fits(control: Any, value: Any) -> bool:
    """Whether a value may be that of a control, which may hold a choice that is none any more; for handlers that take it unread."""
    if value is None or isinstance(control, gr.State):         # a state is the server's own
        return True
    if isinstance(control, gr.Dropdown):
        values = value if control.multiselect and isinstance(value, list) else [value]
        return all(isinstance(one, str) for one in values)
    kind = KINDS[type(control)]
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
