"""Options of the DALL-E family."""
from __future__ import annotations

import re
from dataclasses import dataclass

from pipelines.options import OptionError, from_picture, option
from pipelines.tokens.samplers import SIDE, TOKENS

TOKENIZERS = ("vqvae", "dvae")


@dataclass(frozen=True)
class Completion:
    """Options that every sampler of the family takes besides its own."""
    candidates: int = option(1, "Candidates", "How many pictures are drawn for each one; the scorer, which has learnt which captions go "
                             "with which pictures, keeps the best (Ramesh et al. 2021, section 2.6).", symbol="n", low=1, high=16,
                             in_plane=False)
    keep_rows: int = option(0, "Rows kept", "With a picture to start from: how many of its eight rows of codes stay, from the top; "
                            "the model goes on from there.", symbol="r", low=0, high=7, in_plane=False, stays=True)
    mask: str = option("", "Mask", "Which of a picture's 64 codes stay besides: 16 hexadecimal digits, a bit for each in raster order, the "
                       "first the highest. The Codes panel paints it.", symbol="M", in_plane=False, stays=True)
    source: str = from_picture("whose upper part stays; empty: a whole new picture", "Codes")

    def __post_init__(self) -> None:
        if (self.keep_rows or self.mask) and not self.source:
            raise OptionError("Codes can be kept of a picture only; choose one in the Codes panel, or keep none.")
        if self.mask and not re.fullmatch("[0-9a-f]{16}", self.mask):
            raise OptionError(f"The mask must be 16 digits of 0-9 and a-f, four codes each; you asked for {self.mask!r}.")
        if self.source and not any(self.kept):
            raise OptionError("Nothing of the picture would stay; keep some rows or paint some codes.")
        if all(self.kept):
            raise OptionError("The whole picture would stay and nothing be drawn; leave some codes unpainted.")

    @property
    def kept(self) -> tuple[bool, ...]:
        """Which of a picture's codes stay, in raster order: the upper rows and those of the mask."""
        bits = int(self.mask or "0", 16)
        return tuple(k < self.keep_rows * SIDE or bool(bits >> (TOKENS - 1 - k) & 1) for k in range(TOKENS))

    @property
    def calls(self) -> int:
        """Of the network for a picture, without guidance: one for each code that is drawn, for each candidate."""
        return self.candidates * self.kept.count(False)


@dataclass(frozen=True)
class NetworkOptions:
    """What is fixed when a new network's training begins."""
    tokens: str = option("vqvae", "Picture tokens", "Who turns pictures into tokens: a VQ-VAE, whose weights --from names, or a "
                         "discrete VAE with Gumbel-softmax, as in the paper.", choices=TOKENIZERS)
