"""What goes wrong behind the page is a sentence for whoever sees it, and no error of the program."""
from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import gradio as gr

from app.as_json import as_json
from app.errors import sentence, sentences

MISFIT = "What was sent does not fit the controls of this page; reload it and try again."


def answering(*others: Any) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A handler whose sentences stand beside what they are about: {"error": ...} for its last output, `others` for those before."""
    def around(handler: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(handler)
        def answered(*values: Any) -> Any:
            try:
                return handler(*values)
            except sentences() as error:
                said = as_json({"error": sentence(error)})
                return (*others, said) if others else said
        return answered
    return around


def in_words(page: gr.Blocks) -> None:
    """Judge every input of a page before its handlers see it, and let them raise sentences."""
    read, call = page.preprocess_data, page.call_function

    async def preprocess(*arguments: Any, **named: Any) -> Any:
        try:
            return await read(*arguments, **named)
        except gr.Error as error:
            # It may quote what no answer could carry.
            raise gr.Error(sentence(error.message), title=error.title, print_exception=False) from error
        except Exception as error:
            raise gr.Error(MISFIT, print_exception=False) from error

    async def run(*arguments: Any, **named: Any) -> Any:
        try:
            return await call(*arguments, **named)
        except sentences() as error:
            raise gr.Error(sentence(error), print_exception=False) from error

    page.preprocess_data, page.call_function = preprocess, run             # type: ignore[method-assign, assignment]
