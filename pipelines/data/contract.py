"""What a data set is to the rest of the program: families, training, evaluation and the page know a set by this alone.

Nothing here needs torch; the parts that do are made by the first call that asks for them.
"""
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any

from pipelines.data import FOLDERS, dataset_in

if TYPE_CHECKING:
    import numpy as np

    from pipelines.data.tokenizer import CaptionTokenizer
    from pipelines.training.head_start import Reading


class DataSetError(Exception):
    """The pictures of a set cannot be had; the message is one sentence for the user."""


@dataclass(frozen=True)
class Item:
    """One picture with what is known of it, before it is drawn or read."""
    caption: str
    label: int                               # its class, 0 .. Labels.count - 1
    attributes: Mapping[str, str]            # what is to be seen, by name: {"background": "white", ...}
    group: str = ""                          # which of DataSet.groups it belongs to
    content: Any = None                      # what DataSet.picture makes the picture of


@dataclass(frozen=True)
class Labels:
    """The classes of a set; or, where much can be said of a picture at once, numbers whose digits are classes."""
    count: int
    about: str                               # what a class is, for people: "a colour and a shape"
    examples: tuple[str, ...]                # some of their names
    of: Callable[[str], int | None]          # the class that a prompt names, 0 .. count - 1; None: it names none
    name: Callable[[int], str]               # and back: "red star"
    alike: int = 1                           # classes whose numbers are equal modulo this differ in little
    factors: tuple[int, ...] = ()            # how many values each digit has, the lowest first; 0 says nothing of what it stands for.
    #                                          Their product is `count`; (): a class has no parts


@dataclass(frozen=True)
class Judge:
    """Reads pictures, (H, H, 3) uint8, and says whether they show what a caption claims."""
    rules: int                               # rises with every change of what is read, so that shares judged by others are told apart
    size: int                                # side of the pictures that it reads, in pixels
    claim: Callable[[str], Any]              # what a caption says; None if it is none of the set's
    fault: Callable[[np.ndarray, Any], str | None]           # (picture, claim) -> the first thing that is wrong, in a word; None: it holds
    label_fault: Callable[[np.ndarray, Any], str | None]     # the same, of a claim's class alone
    false_accepts: float                     # share of near misses that it takes for what they are not
    near_misses: str                         # which those are, for people: "other shapes, halves, other colours"
    rates: Callable[[], tuple[float, float]]                 # measured anew: (false accepts, share of true pictures that are read right)
    attributes: Callable[[np.ndarray, Any], Mapping[str, bool]] | None = None    # (picture, claim) -> for each attribute that is claimed
    #                                          whether it is so; of a set whose claims are of attributes


@dataclass(frozen=True)
class FeatureSpace:
    """A network that learnt to read the set's pictures; distances between sets of pictures are measured in its features."""
    size: int                                # side of the pictures that it reads; larger ones are averaged down
    about: str                               # which network it is, for people
    of: Callable[[np.ndarray], np.ndarray]                   # pictures (N, H, H, 3) uint8 -> features (N, D) float64
    true: Callable[[str, int, int], np.ndarray]              # (split, seed, count) -> those of the set's own pictures (count, D), all
    #                                          groups evenly; the same for the same numbers


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Pictures with captions and classes, made or read when they are asked for: a pure function of (split, seed, index)."""
    name: str
    source: str                              # where its pictures come from and under which licence, for a model's card
    size: int                                # side of its pictures in pixels
    channels: int                            # 1 or 3; pictures are handed over with three, which are equal where it has one
    splits: Mapping[str, int | None]         # "train", "test" and perhaps "holdout", what training never shows -> items; None: endless
    prompts: Sequence[str]                   # captions to begin with; the first is what a page shows
    prompt: str                              # a plain one, which every family can read
    surprises: int                           # how many captions of the test split a random one is taken from
    item: Callable[[str, int, int, float | None], Item]      # (split, seed, index from 0 on, pairs); of a set that ends they come round
    #                                          again. pairs: the share that shows two things, where a set has such; None: as they come
    evaluation: Callable[[str, int], list[Item]]             # (split, count) -> the fixed items that models are judged by
    picture: Callable[[Item, int], np.ndarray]               # (item, side) -> (side, side, 3) uint8
    words: Callable[[], frozenset[str]]      # every word of its captions
    tokenizer: Callable[[], CaptionTokenizer]                # imports torch
    labels: Labels
    groups: Mapping[str, str] = dataclass_field(default_factory=dict)        # kinds of items that are judged apart: short name -> in words
    latent_size: int = 0                     # side for models that work on latents of pictures; 0: `size`
    together: tuple[DataSet, ...] = ()       # what a network is built for that learns from several: those
    judge: Callable[[], Judge] | None = None
    features: Callable[[], FeatureSpace] | None = None       # imports torch
    head_start: Callable[[int], Reading] | None = None       # width of a text encoder -> what it learns of captions alone, and is then
    #                                          held; None: it learns along with the pictures

    @property
    def captioned(self) -> bool:
        """Whether its pictures have captions; those of models that learnt from others are drawn without a prompt."""
        return any(self.prompts)

    def __reduce__(self) -> Any:
        """Processes that load items find the set by its name."""
        return dataset_in, (tuple(FOLDERS), self.name)
