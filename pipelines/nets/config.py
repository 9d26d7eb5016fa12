"""Configurations of networks: dataclasses that hold all that is needed to build one again, and are stored in its weights file."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from pipelines.data.contract import DataSet


@dataclass(frozen=True)
class NetworkConfig:
    """Base of them; a family's own has a field `training` too, the options that a new network was begun with, and the class method
    `of(data, training)`: what is begun with them for a data set."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)                            # type: ignore[call-overload,no-any-return]


def built(net: Callable[[Any], nn.Module], config: Any) -> Callable[[dict[str, Any]], nn.Module]:
    """A stored configuration -> its network, weights not yet loaded."""
    return lambda values: net(config.from_dict(values))


def begun(net: Callable[[Any], nn.Module], config: Any) -> Callable[[Any, DataSet], nn.Module]:
    """A family's network options and a data set -> a network that has learnt nothing yet."""
    return lambda options, data: net(config.of(data, asdict(options)))
