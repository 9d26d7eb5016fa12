"""How gradio is imported and its page begun: without proxies that it could not speak to, and without what is made and never used."""
from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest.mock import patch

# Of each gradio names something when it is imported and uses it in what no page of ours has: data frames, its own command line,
# models that are drawn with elsewhere.
SELDOM = ("pandas", "gradio.cli", "gradio.external", "gradio.workflow", "hf_gradio.cli", "httpx._main")


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


class Later(ModuleType):
    """Stands for a module that is imported when something of it is used. What is taken out of it until then is called, if at all."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found: Callable[[], Any] = lambda: getattr(import_module(self.__name__), name)           # noqa: E731
        return (lambda *given, **named: found()(*given, **named)) if sys.modules.get(self.__name__) is self else found()


@contextmanager
def later(*names: str) -> Iterator[None]:
    """For a while, modules that were not imported yet are not when they are named, but when they are used."""
    standing = {name: Later(name) for name in names if name not in sys.modules}
    sys.modules.update(standing)
    try:
        yield
    finally:
        for name in standing:
            del sys.modules[name]


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
def without_servers(library: Any) -> Iterator[None]:
    """No servers for a while, and no descriptions of the page: gradio makes both when a page is begun, when it is complete and when it gets
    its queue, and all of them anew when it is mounted."""
    with patch.object(library.routes.App, "create_app", _nothing), patch.object(library.Blocks, "get_config_file", _nothing):
        yield


def _nothing(*_: Any, **__: Any) -> None:
    """Made later."""


@contextmanager
def remembering() -> Iterator[None]:
    """For a while, what a function takes is looked up once: gradio asks for it whenever it makes a component or describes one."""
    with patch("inspect.signature", cache(inspect.signature)), patch("inspect.getfullargspec", cache(inspect.getfullargspec)):
        yield
