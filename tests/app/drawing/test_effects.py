"""Every option that is offered does something to the picture or is said to do nothing; and so does each prompt."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from pipelines.effects import idle, never
from pipelines.hub.about import ADAPTERS
from pipelines.options import OptionError, options_of
from pipelines.request import Request, face_of
from tests.app.kinds import KINDS, drawn, model, others, request, samplers

# What lets other settings do nothing.
CONTEXTS: tuple[dict[str, Any], ...] = (
    {"karras": True}, {"start_seed": 5}, {"corrector_steps": 0}, {"top_k": 1}, {"interpolation": 1.0}, {"mix": "style"},
    {"guidance_scale": 1.0}, {"guidance_scale": 0.0}, {"guidance_scale": 0.0, "negative_prompt": "a blue circle"})


def traits(kind: str) -> tuple[Any, ...]:
    """All on which it depends what is said."""
    info = ADAPTERS.get(kind)
    return (info.family, info.samplers[0], info.guided, info.negative, info.guidance_distilled, info.reads, info.sized,
            *info.fixed) if info else (kind,)


# The first of those of whom the same is said.
SAMPLE = {traits(kind): kind for kind in reversed(KINDS)}.values()


def idles(asked: Request) -> dict[str, str]:
    """All that is said to do nothing."""
    return idle(asked) | (model(asked.adapter).idle(asked) if asked.adapter else {})


def changed(asked: Request) -> Iterator[tuple[str, Request]]:
    """The same with another value of one setting, of each in turn."""
    texts = ("8", "9") if asked.prompt == "7" else ("a blue circle", "a green ring")
    values: dict[str, Any] = {"prompt": texts, "negative_prompt": texts, "seed": (4, 5), "guidance_scale": (2.0, 9.0)}
    fixed = never(face_of(asked.family), asked.adapter)
    for name in [name for name in values if name not in ("guidance_scale",) or name not in fixed]:
        yield from ((name, replace(asked, **{name: value})) for value in values[name] if value != getattr(asked, name))
    limits = ("steps",) if hasattr(asked.options, "rtol") else ()            # which a solver with a tolerance need not come to
    for o in [o for o in options_of(type(asked.options)) if o.name not in limits]:
        for value in others(o, getattr(asked.options, o.name)) if o.name not in fixed else ():
            try:
                yield o.name, replace(asked, options=replace(asked.options, **{o.name: value}))
            except OptionError:
                continue                                     # it needs a picture to start from, and says so


def judged(asked: Request, only: set[str] | None = None) -> None:
    """Each setting changes the pictures, or is said not to."""
    first, moved = drawn(asked), dict[str, bool]()
    assert first.isfinite().all()
    for name, other in changed(asked):
        if not moved.get(name) and (only is None or name in only):
            moved[name] = not torch.equal(first, drawn(other))
    said = idles(asked)
    assert {name for name, did in moved.items() if not did} == {name for name in moved if name in said}, (asked.sampler, said)


def with_context(kind: str, sampler: str, context: dict[str, Any]) -> Request | None:
    """A request in which others of its settings may do nothing, where it has those that the context sets."""
    base = request(kind, sampler)
    able = {o.name for o in options_of(type(base.options))} | {"negative_prompt"}
    able |= set() if "guidance_scale" in never(face_of(base.family), base.adapter) else {"guidance_scale"}
    return request(kind, sampler, **context) if context.keys() <= able and base.prompt != "7" else None


def one_sampler(kind: str, sampler: str) -> None:
    judged(request(kind, sampler))
    for context in CONTEXTS:
        if (asked := with_context(kind, sampler, context)) is not None and (only := {*idles(asked)} - {*idles(request(kind, sampler))}):
            judged(asked, only)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kind if kind in SAMPLE else pytest.param(kind, marks=pytest.mark.long) for kind in KINDS])
def test_every_option_does_what_is_said(kind: str) -> None:
    """Those of the first sampler of a kind; test_counts.py draws with the others."""
    one_sampler(kind, samplers(kind)[0])


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_every_option_of_every_sampler_does_what_is_said(kind: str) -> None:
    for sampler in samplers(kind)[1:]:
        one_sampler(kind, sampler)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [name for name, info in ADAPTERS.items() if info.reads == "text" and not info.tokens])
def test_what_is_said_to_be_left_out_is_not_read_and_all_else_is(kind: str) -> None:
    net = model(kind)

    def ids(text: str, negative: bool) -> list[list[int]]:
        first, more = net.words(["red", text] if negative else [text])
        return [z.tolist() for z in (first, *more.values())]

    for negative in (False, True):
        readers = net.readers(negative)
        longest = next(n for n in range(1, 2000) if all(reader.beyond("cat " * n + "cat") for reader in readers))
        whole = "cat " * next(n for n in range(longest + 1) if any(reader.beyond("cat " * (n + 1) + "cat") for reader in readers))
        assert ids("cat " * longest + "cat", negative) == ids("cat " * longest + "cat red", negative)
        assert not any(reader.beyond(whole + "cat") for reader in readers) and ids(whole + "cat", negative) != ids(whole + "red", negative)
