"""Options of the DALL-E family."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import OptionError, option
from pipelines.tokens import Ancestral, Greedy, TopK, TopP

TOKENIZERS = ("vqvae", "dvae")


@dataclass(frozen=True)
class Completion:
    """Options that every sampler of the family takes besides its own."""
    candidates: int = option(1, "Candidates", "How many pictures are drawn for each one; the scorer, which has learnt which captions go "
                             "with which pictures, keeps the best (Ramesh et al. 2021, section 2.6).", symbol="n", low=1, high=16)
    keep_rows: int = option(0, "Rows kept", "With a picture to start from: how many of its eight rows of codes stay, from the top; "
                            "the model goes on from there.", symbol="r", low=0, high=7)
    source: str = option("", "Start from a picture", "Checksum of the picture whose upper part stays; empty: a whole new picture. The "
                         "Picture panel fills it in.", symbol="x⁽⁰⁾")

    def __post_init__(self) -> None:
        if self.keep_rows and not self.source:
            raise OptionError("Rows can be kept of a picture only; choose one in the Picture panel, or keep 0 rows.")


@dataclass(frozen=True)
class AncestralOptions(Completion, Ancestral):
    pass


@dataclass(frozen=True)
class TopKOptions(Completion, TopK):
    pass


@dataclass(frozen=True)
class TopPOptions(Completion, TopP):
    pass


@dataclass(frozen=True)
class GreedyOptions(Completion, Greedy):
    pass


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    tokens: str = option("vqvae", "Picture tokens", "Who turns pictures into tokens: a VQ-VAE, whose weights --from names, or a "
                         "discrete VAE with Gumbel-softmax, as in the paper.", choices=TOKENIZERS)
