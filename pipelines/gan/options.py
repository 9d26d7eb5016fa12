"""Options of the GAN family."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import option
from pipelines.request import MAX_SEED

GAMES = ("non-saturating", "minimax", "hinge")
PARTS = ("nothing", "layout", "style")


@dataclass(frozen=True)
class GeneratorOptions:
    """What the generator is given besides the caption: where its z comes from."""
    truncation: float = option(2.0, "Truncation", "Noise is held within ± this: less is safer and more alike, 4 leaves it as it is "
                               "(Brock et al. 2019, section 3.1).", symbol="ψ", low=0.1, high=4)
    walk: float = option(0.0, "Way to the second seed", "0 is the seed's own picture, 1 that of the second seed; between them z goes "
                         "along the sphere.", symbol="s", low=0, high=1)
    mix: str = option("nothing", "Taken from the second seed", "Layout: where things begin; style: what modulates every block (Karras "
                      "et al. 2019, section 3.1).", symbol="m", choices=PARTS)
    second: int = option(1, "Second seed", "Where the way leads and what is mixed in.", symbol="s₂", low=0, high=MAX_SEED)


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    game: str = option("non-saturating", "Game", "The losses of the two networks: the original minimax and its non-saturating variant "
                       "(Goodfellow et al. 2014), or hinge (Lim & Ye 2017).", choices=GAMES)
