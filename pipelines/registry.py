"""The families. One folder and one line here, and a family has its tab, options, flags, axes, tests and gallery filter."""
from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipelines.family import Family, FamilySpec, GenerativeModel, Limit
    from pipelines.request import Request

NAMES = ("diffusion", "sde", "flow", "vqvae", "gan", "dalle")


def _module(name: str, part: str) -> Any:
    if name not in NAMES:
        raise KeyError(f"There is no family {name!r}; there are {', '.join(NAMES)}.")
    return import_module(f"pipelines.{name}.{part}")


def face(name: str) -> FamilySpec:
    """What is known of a family before torch is imported. Raises KeyError."""
    return _module(name, "about").SPEC


def faces() -> tuple[FamilySpec, ...]:
    """All of them, in order."""
    return tuple(map(face, NAMES))


def limit_of(request: Request) -> Limit | None:
    """Where more steps of a request's sampler lead. Raises KeyError."""
    return face(request.family).every[request.sampler].limit(request.options)


def reference_solution(request: Request) -> Request | None:
    """Its run of many steps, from the same seeds; None where more steps lead nowhere. Raises KeyError."""
    limit = limit_of(request)
    if limit is None:
        return None
    options = {name: getattr(request.options, name) for name in limit.keeps} | dict(limit.options)
    return replace(request, sampler=limit.sampler, options=face(request.family).every[limit.sampler].options(**options))


def drawing(family_name: str, adapter: str = "") -> GenerativeModel:
    """How a model of a family draws, one of ours or one that an adapter speaks for; imports torch. Raises KeyError."""
    if not adapter:
        return family(family_name)
    from pipelines.hub.load import drawing
    return drawing(adapter)


def family(name: str) -> Family:
    """A family's mathematics; imports torch at the first call. Raises KeyError."""
    return _module(name, "family").FAMILY
