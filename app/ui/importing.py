"""How gradio is imported and its page begun: without proxies that it could not speak to, and without what is made and never used."""
from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def unproxied() -> Iterator[None]:
    """No proxies for a while: gradio makes clients when it is imported, and fails with a proxy that those cannot speak to."""
    before = {name: os.environ.pop(name) for name in list(os.environ) if name.lower().endswith("_proxy")}
    os.environ["no_proxy"] = "*"                   # else the system's own would be asked for
    try:
        yield
    finally:
        del os.environ["no_proxy"]
        os.environ.update(before)


@contextmanager
def without_stubs() -> Iterator[None]:
    """No type stubs for a while: at each import gradio parses the source of each of its components to write one beside it, which is
    half of the time that the import takes. It passes over those whose source it does not find."""
    getfile = inspect.getfile

    def found(thing: Any) -> str:
        if inspect.isclass(thing) and thing.__module__.startswith("gradio."):
            raise OSError("not asked for")
        return getfile(thing)

    inspect.getfile = found                         # type: ignore[assignment]
    try:
        yield
    finally:
        inspect.getfile = getfile


@contextmanager
def without_servers(app: Any) -> Iterator[None]:
    """No servers for a while: gradio makes one, with all its routes, when a page is begun and another when it is complete; `queue`
    replaces both. app: gradio's class of them."""
    create = app.create_app
    app.create_app = lambda *_, **__: None
    try:
        yield
    finally:
        app.create_app = create
