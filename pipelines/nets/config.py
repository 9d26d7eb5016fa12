"""Configurations of networks: dataclasses that hold all that is needed to build one again, and are stored in its weights file."""
from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.data.contract import DataSet


@dataclass(frozen=True)
class NetworkConfig:
    """Base of them; a family's own has a field `training` too, the options that a new network was begun with, and the class method
    `of(data, training)`: what is begun with them for a data set."""

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)                            # type: ignore[call-overload,no-any-return]

    def at(self, data: DataSet) -> Any:
        """The configuration of a network for several sets, as it is for pictures of one of them."""
        size = getattr(self, "sizes", {}).get(data.name)
        return self if size is None else replace(self, **{"size": size})

    @property
    def tables(self) -> dict[str, int]:
        """Parameters with a row for each token -> how many come before those that close the table, which new tokens stand between."""
        return {}


def sizes_of(data: DataSet) -> dict[str, int]:
    """The sides of those of several sets whose pictures have another size than the first one's."""
    return {one.name: one.size for one in data.together if one.size != data.size}


def inherited(own: Mapping[str, Tensor], other: Mapping[str, Tensor], tables: Mapping[str, int]) -> dict[str, Tensor]:
    """What a network takes over of another one's parameters: those of the same names and shapes, and the rows of its `tables`."""
    found = {}
    for name, z in other.items():
        if name in own and own[name].shape == z.shape:
            found[name] = z
        elif name in own and name in tables and own[name].shape[1:] == z.shape[1:] and len(own[name]) > len(z):
            first = tables[name]
            found[name] = torch.cat([z[:first], own[name][first:len(own[name]) - len(z) + first], z[first:]])
    return found


def built(net: Callable[[Any], nn.Module], config: Any) -> Callable[[dict[str, Any]], nn.Module]:
    """A stored configuration -> its network, weights not yet loaded."""
    return lambda values: net(config.from_dict(values))


def begun(net: Callable[[Any], nn.Module], config: Any) -> Callable[[Any, DataSet], nn.Module]:
    """A family's network options and a data set -> a network that has learnt nothing yet."""
    return lambda options, data: net(config.of(data, asdict(options)))
