"""A tiny model of every kind that draws, and its pictures: the six families' own, and one of each adapter."""
from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from pipelines import registry
from pipelines.hub.about import ADAPTERS
from pipelines.options import Option, build, options_of
from pipelines.protocol import Outcome, run_alone
from pipelines.request import Request
from tests import tiny
from tests.pipelines.hub import models, tiny_more
from tests.weights import tiny_models

KINDS = (*registry.NAMES, *ADAPTERS)
BEGIN = {"steps": 3, "temperature": 1.0, "top_k": 4}       # where a picture is to be drawn soon, and there are few tokens
PICTURE = torch.linspace(-1, 1, 3 * 32 * 32).view(3, 32, 32)


@cache
def _folders() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tiny-kinds-")


@cache
def model(kind: str) -> Any:
    """The network of a family or an adapter."""
    if kind in registry.NAMES:
        net: Any = tiny.tiny(kind)
        if kind == "vqvae":                                  # its random prior hardly looks at a class
            net.prior.embed.weight.data.mul_(40)
        if kind == "dalle":                                  # nor its random attention at a caption
            for block in net.model.transformer.blocks:
                block.qkv.weight.data.mul_(3)
                block.out.weight.data.mul_(3)
        return net
    folder = Path(_folders().name) / kind
    getattr(tiny_models if hasattr(tiny_models, kind) else tiny_more, kind)(folder)
    return models.loaded(kind, folder)


def family_of(kind: str) -> str:
    return kind if kind in registry.NAMES else ADAPTERS[kind].family


def samplers(kind: str) -> tuple[str, ...]:
    return tuple(registry.face(kind).samplers) if kind in registry.NAMES else ADAPTERS[kind].samplers


def request(kind: str, sampler: str, **more: Any) -> Request:
    """A small request for a kind of model; more: of the request and of the sampler's options by name."""
    info, face = ADAPTERS.get(kind), registry.face(family_of(kind))
    spec = face.every[sampler]
    begin_with = {**BEGIN, **({"steps": 40, "rtol": 0.1, "atol": 0.1} if spec.adaptive else {}), **(info.fixed if info else {}), **more}
    own = {o.name: begin_with.get(o.name, o.default) for o in options_of(spec.options)}
    plain = {name: value for name, value in more.items() if name not in own}
    guided = info.guided if info else face.guided
    side = 0 if info is None or not info.sized else {"sana": 64, "emu3": 16}.get(kind, 32)
    begin = {"guidance_scale": 5.0 if guided else 1.0, "seed": 3, "count": 1, "prompt": "7" if kind == "dit" else "a red star",
             "width": side, "height": side}
    return Request(family_of(kind), "m", sampler, build(spec.options, own), adapter=kind if info else "", **(begin | plain))


def drawn(asked: Request) -> Tensor:
    """Pictures (B, 3, H, W)."""
    kind = asked.adapter or asked.family
    net = model(kind)
    drawing = registry.drawing(asked.family, asked.adapter)
    nets = models.nets_of(net, "t") if asked.adapter else tiny.nets_of(asked.family, net)
    side = (asked.height or net_side(kind), asked.width or net_side(kind))
    source = {"source": torch.nn.functional.interpolate(PICTURE[None], side)[0] * (1 if asked.options.source == "1" else -1)} \
        if getattr(asked.options, "source", "") else {}
    with torch.inference_mode():
        found = run_alone(drawing.start(asked, "t", net, torch.device("cpu"), **source), nets)
    return found.x if isinstance(found, Outcome) else found


def net_side(kind: str) -> int:
    return int(getattr(model(kind), "size", 32)) if kind in ADAPTERS else 32


def others(option: Option, value: Any) -> list[Any]:
    """Other values of an option than this one."""
    if option.type is bool:
        return [not value]
    if option.choices:
        return [c for c in option.choices if c != value]
    if option.type is str:
        return []
    low, high = option.low or 0, option.high if option.high is not None else 100
    found = {value + 1, value - 1} if option.type is int else {(value + high) / 2, (value + low) / 2, low, high}
    return [v for v in found if low <= v <= high and v != value]
