"""What the page says of the family."""
from __future__ import annotations

from dataclasses import dataclass

from pipelines.family import About, FamilySpec, Term, samplers_in

from . import sampler

TERM = Term("A blob", "The network knows one colour.", "G", "pipelines/family.py")


@dataclass(frozen=True)
class NetworkOptions:
    """Nothing is to be chosen."""


SPEC = FamilySpec("blobs", "Blobs", "#000000", "nobody", samplers_in(sampler), About(TERM, TERM, TERM), NetworkOptions, ("fade",))
