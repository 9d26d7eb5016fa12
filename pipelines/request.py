"""What a person asks for: the same record for the page, the command line, the gallery and the tests."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pipelines.options import OptionError, option, readable

MAX_PROMPT = 4000                 # characters; 512 tokens, the most that a text encoder of ours or of the Hub reads, are about 2,500
MAX_COUNT = 64                    # images in one request
MAX_SEED = 2**32 - 1


@dataclass(frozen=True)
class Request:
    """One request for pictures; image k of it has seed + k and is the picture one gets alone with that seed."""
    family: str
    model: str
    sampler: str
    options: Any                   # the sampler's own options, an instance of its frozen dataclass
    prompt: str = ""
    negative_prompt: str = ""
    adapter: str = ""              # of a pretrained model (pipelines/hub/about.py)
    guidance_scale: float = option(3.0, "Guidance", "How strongly the caption pulls: 1 follows the model, more "
                                   "exaggerates the caption, 0 ignores it.", symbol="w", low=0, high=20)
    seed: int = option(0, "Seed", "Number of the random stream; the same seed gives the same picture again. -1: a new one, which is shown.",
                       low=0, high=MAX_SEED)
    count: int = option(4, "Images", "How many pictures; picture k has the seed plus k.", low=1, high=MAX_COUNT)

    width: int = option(0, "Width", "Of a picture, in pixels; 0 is the model's own. Models of the Hub have a choice.", low=0, high=2048)
    height: int = option(0, "Height", "Of a picture, in pixels; 0 is the model's own. Models of the Hub have a choice.", low=0, high=2048)

    @property
    def seeds(self) -> tuple[int, ...]:
        return tuple((self.seed + k) % (MAX_SEED + 1) for k in range(self.count))


def check_prompt(prompt: str, name: str = "prompt", required: bool = True) -> str:
    """The prompt as it is read and stored, without outer white space. Raises OptionError with a sentence."""
    text = readable(prompt).strip()
    if required and not text:
        raise OptionError(f"The {name} is empty; write what to draw, for example \"a large red star above a small "
                          "blue ring\".")
    if len(text) > MAX_PROMPT:
        raise OptionError(f"The {name} has {len(text):,} characters; at most {MAX_PROMPT:,} are accepted, shorten it.")
    return text
