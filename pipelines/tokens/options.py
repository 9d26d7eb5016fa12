"""What the families that draw tokens share and may be known before torch: how the next token is chosen."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pipelines.family import SamplerSpec
from pipelines.options import option

SIDE = 8                           # of a picture's map of codes
TOKENS = SIDE ** 2
_FILE = "pipelines/numerics/logits.py"


@dataclass(frozen=True)
class Ancestral:
    """What every sampler takes that draws by chance."""
    temperature: float = option(1.0, "Temperature", "1 draws as the model says; less keeps to what is likely, more is bolder.",
                                symbol="τ", low=0.05, high=3)


@dataclass(frozen=True)
class TopK(Ancestral):
    top_k: int = option(16, "Top k", "How many of the likeliest tokens may be drawn.", symbol="k", low=1, high=256)


@dataclass(frozen=True)
class TopP(Ancestral):
    top_p: float = option(0.9, "Top p", "The fewest tokens whose probabilities sum to p may be drawn (nucleus).", symbol="p",
                          low=0.01, high=1)


@dataclass(frozen=True)
class Greedy:
    """Nothing is left to choose."""


def specs(ancestral: type, top_k: type, top_p: type, greedy: type, nfe: Callable[[Any], int]) -> dict[str, SamplerSpec]:
    """The four ways to choose a token, with a family's own options, the default one first; nfe: what a picture costs."""
    found = (
        SamplerSpec("top_p", "Top p", "Draws among the likeliest tokens that together have probability p: many where the model is "
                    "unsure, one where it is sure. Guidance, where there is some, only chooses among them.", "Holtzman et al. 2020",
                    r"z_i \sim \mathrm{softmax}(\ell_i / \tau)\ \text{over the smallest } V:\ \textstyle\sum_{k \in V} p_k \ge p^*",
                    _FILE, top_p, nfe),
        SamplerSpec("ancestral", "Ancestral", "Draws every token as the model says; its pictures are samples of the model.",
                    "van den Oord et al. 2016", r"z_i \sim \mathrm{softmax}(\ell_i / \tau)", _FILE, ancestral, nfe),
        SamplerSpec("top_k", "Top k", "Draws among the k likeliest tokens, so that no unlikely one spoils a picture. "
                    "Guidance, where there is some, only chooses among them.",
                    "Fan et al. 2018", r"z_i \sim \mathrm{softmax}(\ell_i / \tau)\ \text{over the } k \text{ likeliest}", _FILE, top_k,
                    nfe),
        SamplerSpec("greedy", "Greedy", "Always takes the likeliest token: one picture for a prompt, whatever the seed.",
                    "the limit of temperature 0", r"z_i = \mathrm{argmax}\ \ell_i", _FILE, greedy, nfe),
    )
    return {spec.name: spec for spec in found}
