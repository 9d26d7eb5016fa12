"""One colour for all pictures, learnt from their means."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.data.batches import Batch
from pipelines.data.contract import DataSet
from pipelines.family import Family
from pipelines.nets.config import NetworkConfig, begun, built
from pipelines.numerics.guidance import guided
from pipelines.numerics.rng import RowNoise
from pipelines.protocol import Call, Cond, Net, NetKey, Preview, Sampler
from pipelines.request import Request
from pipelines.toy2d.toy2d import KEY, CloudNoise, Part, Toy2D

from .sampler import FadeOptions


@dataclass(frozen=True)
class BlobsConfig(NetworkConfig):
    size: int = 32
    training: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, data: DataSet, training: dict[str, Any]) -> BlobsConfig:
        return cls(data.size, training)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> BlobsConfig:
        return cls(**values)


class Blobs(nn.Module):
    def __init__(self, config: BlobsConfig) -> None:
        super().__init__()
        self.config = config
        self.colour = nn.Parameter(torch.zeros(3, 1, 1))

    def predict(self, x: Tensor, t: Tensor, cond: Cond) -> Tensor:
        return self.colour.expand_as(x)


def loss(net: nn.Module, batch: Batch, rng: torch.Generator) -> Tensor:
    assert isinstance(net, Blobs)
    return (net.colour - batch.x0).square().mean()


def start(request: Request, weights: str, net: nn.Module, device: torch.device) -> Sampler:
    assert isinstance(net, Blobs)
    x = RowNoise(request.seeds, (3, net.config.size, net.config.size), device).normal()
    picture = guided(NetKey(weights, "predict"), {}, {}, 1.0)
    return (yield from request.spec(picture, x, request.options))


class Point(nn.Module):
    """The same for points: one place."""

    def __init__(self) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.zeros(2))

    @property
    def nets(self) -> Mapping[NetKey, Net]:
        return {KEY: lambda x, cond: self.place.expand_as(x)}


def point_loss(net: Point, x0: Tensor, rng: torch.Generator) -> Tensor:
    return (net.place - x0).square().mean()


def start_points(name: str, options: FadeOptions, x: Tensor, noise: CloudNoise) -> Sampler:
    yield Preview(x, x, 0, 1, 0.0, 0.0)
    (found,) = yield (Call(KEY, x, None, {}),)
    return found + options.softness * (x - found)


FAMILY = Family(build=built(Blobs, BlobsConfig), fresh=begun(Blobs, BlobsConfig), loss=loss, start=start, methods=("predict",),
                toy2d=Toy2D({"": Part(point_loss)}, start_points, noise_at=0.0, data_at=1.0, pace=0.01, network=lambda options: Point()))
