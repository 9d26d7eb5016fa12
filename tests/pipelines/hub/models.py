"""What the tests of the adapters share: a tiny repository loaded by ours, a request, and the library's pipeline with the same seeds."""
from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import diffusers
import torch
from torch import Tensor

from pipelines import registry
from pipelines.engine.precision import keyed
from pipelines.hub.about import ADAPTERS
from pipelines.hub.load import load
from pipelines.hub.model import HubModel
from pipelines.options import options_of
from pipelines.protocol import Net, NetKey, Outcome, run_alone
from pipelines.request import Request
from tests.weights import tiny_models

CPU = torch.device("cpu")
PROMPT = "a red circle, photo"
# What rounding in fp32 may do to a picture in [0, 1]: 6e-8 each time, some hundred times in a row, in thirty layers, a few steps and
# guidance, which triples it. Prompts, seeds and options do more than 1e-3.
ROUNDING = 2e-5
AMONG = 5 * ROUNDING               # in [-1, 1], through more steps and in batches of other sizes


@cache
def folder_of(name: str, **options: Any) -> Path:
    """The repository that a builder of `tiny_models` writes, made once."""
    folder = Path(tempfile.mkdtemp(prefix=f"tiny-{name}-", dir=_all().name))
    getattr(tiny_models, name)(folder, **options)
    return folder


@cache
def _all() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="tiny-models-")


def library(kind: str, folder: Path, **parts: Any) -> Any:
    """The library's own pipeline, read from the same files."""
    pipe = getattr(diffusers, kind).from_pretrained(folder, use_safetensors=True, **parts)
    pipe.set_progress_bar_config(disable=True)
    for part in pipe.components.values():
        if isinstance(part, torch.nn.Module):
            part.eval()
    return pipe


@cache
def loaded(adapter: str, folder: Path) -> HubModel:
    return load(adapter, folder, CPU, torch.float32)


def nets_of(net: HubModel, weights: str = "w") -> dict[NetKey, Net]:
    return keyed(weights, net, net.drawing.methods, CPU, net.drawing.memory(net), own_dtype=True)


def options_for(adapter: str, sampler: str, steps: int, **more: Any) -> Any:
    """Options as the page makes them: the adapter's defaults and what is fixed for it, then what is asked for."""
    info = ADAPTERS[adapter]
    kind = registry.face(info.family).every[sampler].options
    values = {**info.defaults, **info.fixed, "steps": steps, **more}
    return kind(**{o.name: values[o.name] for o in options_of(kind) if o.name in values})


def ask(adapter: str, sampler: str, steps: int = 4, *, prompt: str = PROMPT, negative: str = "", guidance: float = 1.0, seed: int = 3,
        count: int = 1, size: tuple[int, int] = (0, 0), **options: Any) -> Request:
    """A request; size is width and height."""
    return Request(ADAPTERS[adapter].family, "m", sampler, options_for(adapter, sampler, steps, **options), prompt, negative,
                   adapter=adapter, guidance_scale=guidance, seed=seed, count=count, width=size[0], height=size[1])


def drawn(request: Request, net: HubModel, source: Tensor | None = None) -> Tensor:
    """Its pictures (B, 3, H, W), by `run_alone`."""
    given = {} if source is None else {"source": source}
    with torch.inference_mode():
        found = run_alone(net.drawing.start(request, "w", net, CPU, **given), nets_of(net))
    return found.x if isinstance(found, Outcome) else found


def seeded(request: Request) -> dict[str, Any]:
    """The arguments that make the library's pipeline draw the same noise, and give its pictures as a tensor."""
    return {"generator": [torch.Generator().manual_seed(seed) for seed in request.seeds], "output_type": "pt"}


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Between our pictures in [-1, 1] and the library's in [0, 1]."""
    return float(((ours / 2 + 0.5).clamp(0, 1) - theirs).abs().max())
