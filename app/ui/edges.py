"""What comes in through the page and does not fit is a sentence for whoever sent it, and no error of the program."""
from __future__ import annotations

from typing import Any

import gradio as gr

from app.errors import UserError

MISFIT = "What was sent does not fit the controls of this page; reload it and try again."


def in_words(page: gr.Blocks) -> None:
    """Judge every input of a page before its handlers see it, and let them raise UserError."""
    read, call = page.preprocess_data, page.call_function

    async def preprocess(*arguments: Any, **named: Any) -> Any:
        try:
            return await read(*arguments, **named)
        except gr.Error as error:
            # It may quote what no answer could carry.
            raise gr.Error(str(UserError(error.message)), title=error.title, print_exception=False) from error
        except Exception as error:
            raise gr.Error(MISFIT, print_exception=False) from error

    async def run(*arguments: Any, **named: Any) -> Any:
        try:
            return await call(*arguments, **named)
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    page.preprocess_data, page.call_function = preprocess, run             # type: ignore[method-assign, assignment]
