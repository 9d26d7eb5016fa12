"""From what a person asked for, unchecked, to a request."""
from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from pipelines.request import MAX_SEED, Request, plain

NEW = -1                           # as a seed: another one each time


@dataclass(frozen=True)
class Ask:
    """What a person asked for on the page or the command line, unchecked."""
    family: str
    prompt: str
    negative_prompt: str = ""
    model: str | None = None                 # None: the family's first model
    sampler: str | None = None               # None: the family's default sampler
    options: dict[str, Any] = field(default_factory=dict)      # of the sampler: steps, eta, ...
    guidance_scale: Any = None
    seed: Any = 0
    count: Any = 4
    width: Any = 0                           # pixels; 0: the model's own
    height: Any = 0
    adapter: str = ""                        # of a pretrained model; the catalog of models fills it in,
    data_set: str = ""                       # and the data set that a model of ours learnt from

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Ask:
        """What drew a picture or a cell, from its stored values of any version."""
        return cls(**{"count": 1} | plain(values))


def is_new(seed: Any) -> bool:
    """Whether a seed, as it was written, stands for another one each time."""
    return str(seed).strip() in (str(NEW), f"{NEW}.0")


def seed_of(seed: Any) -> Any:
    """A seed as it was written, or a new one in place of -1."""
    return random.randrange(MAX_SEED + 1) if is_new(seed) else seed


def with_seed(ask: Ask) -> Ask:
    return replace(ask, seed=seed_of(ask.seed))


def make_request(ask: Ask) -> Request:
    """The checked request, for the model that is named in it. Raises OptionError with a sentence for the first thing that is wrong."""
    return Request.from_dict({f.name: getattr(ask, f.name) for f in fields(ask)})


def standing_for(ask: Ask) -> Request:
    """The checked request that stands for a picture; unlike for drawing, its prompt may be empty."""
    if ask.prompt.strip():
        return make_request(replace(ask, count=1))
    return replace(make_request(replace(ask, prompt="-", count=1)), prompt="")
