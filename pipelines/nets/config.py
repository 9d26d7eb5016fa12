"""Configurations of networks: dataclasses that hold all that is needed to build one again, and are stored in its weights file."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn


@dataclass(frozen=True)
class NetworkConfig:
    """Base of them; a family's own has a field `training` too, the options that a new network was begun with."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)                            # type: ignore[call-overload,no-any-return]


def built(net: Callable[[Any], nn.Module], config: Any) -> Callable[[dict[str, Any]], nn.Module]:
    """A stored configuration -> its network, weights not yet loaded."""
    return lambda values: net(config.from_dict(values))


def begun(net: Callable[[Any], nn.Module], config: Any) -> Callable[[Any], nn.Module]:
    """A family's network options -> a network that has learnt nothing yet."""
    return lambda options: net(config(training=asdict(options)))
