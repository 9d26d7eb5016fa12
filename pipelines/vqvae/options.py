"""Options of the VQ-VAE family's network."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import option

CODEBOOKS = ("gradient", "ema")


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    codebook: str = option("gradient", "Codebook", "How the codes are learnt: by the gradient of the second term, or as moving "
                           "averages of what is assigned to them (van den Oord et al. 2018, appendix A.1).", choices=CODEBOOKS)
