"""Options of the VQ-VAE family."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.options import option

CODEBOOKS = ("gradient", "ema")


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    codebook: str = option("gradient", "Codebook", "How the codes are learnt: by the gradient of the second term, or as moving "
                           "averages of what is assigned to them (van den Oord et al. 2018, appendix A.1).", choices=CODEBOOKS)


@dataclass(frozen=True)
class MaskedOptions:
    """Options of filling in hidden codes, for models that have learnt it."""
    steps: int = option(12, "Steps", "How often the hidden codes are guessed; each time the surest stay.", symbol="N", low=1, high=200)
    temperature: float = option(2.0, "Temperature", "How much chance there is at first in which guesses stay.", symbol="τ", low=0, high=20)
    last_temperature: float = option(0.0, "Last temperature", "And at the end; it changes in equal steps.", symbol="τ₀", low=0, high=20)
