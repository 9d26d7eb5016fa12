"""What looking inside finds."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Examined:
    """A picture of the user's own under a model."""
    bits_per_dim: float                      # mean of `draws` draws of the dequantisation, with a direction of the divergence each,
    bits_per_dim_se: float                   # and its standard error
    log_p: float                             # nats; likewise
    log_p_se: float
    draws: int
    likelihood_calls: int                    # of all draws
    encode_calls: int
    seconds: float
    picture: str                             # data URLs: as the model sees it, its noise, and what the noise becomes
    noise: str
    back: str
    noise_std: float                         # 1 for a picture that the model finds typical
    difference: int                          # largest, in levels of 0..255, between the picture and what came back
    note: str | None
    said: dict[str, str]                     # bits per dimension and log p for people


@dataclass(frozen=True)
class TokenTrace:
    """What an autoregressive model thought of each of a picture's L codes when it stood before it."""
    p: list[float]                           # (L) probability of the code that was drawn
    top: list[list[int]]                     # (L, 5) the likeliest codes
    top_p: list[list[float]]                 # and their probabilities
    words: tuple[str, ...]                   # what stands before the picture
    attention: list[list[float]]             # (L, words) how much it looked at each, mean of layers and heads


@dataclass(frozen=True)
class CodeView:
    """A picture as codes."""
    codes: list[list[int]]                   # rows of the map
    decoded: str                             # data URLs: what the decoder makes of them,
    picture: str | None                      # and the picture that they come from, if there is one
    psnr: float | None                       # dB between the two
    thought: TokenTrace | None
    model: str                               # whose codes they are


@dataclass(frozen=True)
class Codebook:
    """All codes: a picture of each as a data URL, its share among the codes of test pictures, its colour in maps."""
    tiles: tuple[str, ...]
    usage: tuple[float, ...]
    colours: tuple[str, ...]


@dataclass(frozen=True)
class Film:
    """Pictures in order, as data URLs, with a few words on each."""
    pictures: tuple[str, ...]
    captions: tuple[str, ...]
