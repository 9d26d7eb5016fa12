"""How the families that draw tokens choose the next one. A sampler is a rule: (logits (B, K), the model's own before guidance, options)
-> logits of what may be drawn, -inf for what may not."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from pipelines.family import SamplerSpec, sampler
from pipelines.late import Tensor
from pipelines.numerics.logits import restricted
from pipelines.options import option

SIDE = 8                           # of a picture's map of codes
TOKENS = SIDE ** 2
Rule = Callable[[Tensor, Tensor], Tensor]              # the same with its options


def _each(options: Any) -> int:
    """One call a token."""
    return TOKENS


_rule = partial(sampler, nfe=_each, file="pipelines/numerics/logits.py")


@dataclass(frozen=True)
class Ancestral:
    """What every sampler takes that draws by chance."""
    temperature: float = option(1.0, "Temperature", "1 draws as the model says; less keeps to what is likely, more is bolder.",
                                symbol="τ", low=0.05, high=3)


@dataclass(frozen=True)
class TopP(Ancestral):
    top_p: float = option(0.9, "Top p", "The fewest tokens whose probabilities sum to p may be drawn (nucleus).", symbol="p",
                          low=0.01, high=1)


@_rule("top_p", "Top p", "Draws among the likeliest tokens that together have probability p: many where the model is unsure, one where it "
       "is sure. Guidance, where there is some, only chooses among them.", TopP, source="Holtzman et al. 2020",
       formula=r"z_i \sim \mathrm{softmax}(\ell_i / \tau)\ \text{over the smallest } V:\ \textstyle\sum_{k \in V} p_k \ge p^*")
def top_p(logits: Tensor, own: Tensor, options: TopP) -> Tensor:
    return restricted(logits, options.temperature, top_p=options.top_p, own=own)


@_rule("ancestral", "Ancestral", "Draws every token as the model says; its pictures are samples of the model.", Ancestral,
       source="van den Oord et al. 2016", formula=r"z_i \sim \mathrm{softmax}(\ell_i / \tau)")
def ancestral(logits: Tensor, own: Tensor, options: Ancestral) -> Tensor:
    return restricted(logits, options.temperature)


@dataclass(frozen=True)
class TopK(Ancestral):
    top_k: int = option(16, "Top k", "How many of the likeliest tokens may be drawn.", symbol="k", low=1, high=256)


@_rule("top_k", "Top k", "Draws among the k likeliest tokens, so that no unlikely one spoils a picture. Guidance, where there is some, "
       "only chooses among them.", TopK, source="Fan et al. 2018",
       formula=r"z_i \sim \mathrm{softmax}(\ell_i / \tau)\ \text{over the } k \text{ likeliest}")
def top_k(logits: Tensor, own: Tensor, options: TopK) -> Tensor:
    return restricted(logits, options.temperature, top_k=options.top_k, own=own)


@dataclass(frozen=True)
class Greedy:
    """Nothing is left to choose."""


@_rule("greedy", "Greedy", "Always takes the likeliest token: one picture for a prompt, whatever the seed.", Greedy,
       source="the limit of temperature 0", formula=r"z_i = \mathrm{argmax}\ \ell_i")
def greedy(logits: Tensor, own: Tensor, options: Greedy) -> Tensor:
    return restricted(logits, temperature=0)


def with_options(samplers: Mapping[str, SamplerSpec], more: type, nfe: Callable[[Any], int]) -> dict[str, SamplerSpec]:
    """The same samplers with options that a family has besides (a frozen dataclass); nfe: what a picture then costs."""
    def mixed(spec: SamplerSpec) -> type:
        return dataclass(frozen=True)(type(spec.options.__name__ + more.__name__, (more, spec.options), {"__module__": more.__module__}))
    return {name: replace(spec, options=mixed(spec), nfe=nfe) for name, spec in samplers.items()}
