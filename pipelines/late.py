"""torch and numpy, imported when they are first used.

What a sampler is (its name, options, formula, cost) stands beside the function that draws. Page and command line read it before
anything is drawn, and must not wait the second or more that these take to import.
"""
from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import torch as torch
    from torch import Tensor as Tensor
else:
    Tensor = Any                   # in annotations

    class _Late:
        def __init__(self, name: str) -> None:
            self._name = name

        def __getattr__(self, name: str) -> Any:
            return getattr(import_module(self._name), name)

    np, torch = _Late("numpy"), _Late("torch")
