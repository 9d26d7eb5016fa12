"""Options of the GAN family's networks."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import option

GAMES = ("non-saturating", "minimax", "hinge")


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    game: str = option("non-saturating", "Game", "The losses of the two networks: the original minimax and its non-saturating variant "
                       "(Goodfellow et al. 2014), or hinge (Lim & Ye 2017).", choices=GAMES)
