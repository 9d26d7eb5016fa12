"""The 2-D laboratory's world: densities in the plane, small networks, noise for a cloud of points.

Objectives and samplers are those of the families; only the networks are smaller and a point takes the place of a picture.
"""
from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipelines.nets.codes import UNKNOWN
from pipelines.nets.denoiser import vjp
from pipelines.numerics.guidance import guided
from pipelines.numerics.ode import Control
from pipelines.numerics.rng import BrownianPaths, RowNoise
from pipelines.protocol import Call, Cond, MemoryShape, Net, NetKey, Predict, Preview, Remembering, Sampler, Steps
from pipelines.tokens.samplers import Rule
from pipelines.tokens.sampling import Drawn, continued

WEIGHTS = "plane"
KEY, KEY_VJP = NetKey(WEIGHTS, "predict"), NetKey(WEIGHTS, "predict_vjp")
KEY_READ, KEY_DECODE, KEY_LIKELIHOOD = (NetKey(WEIGHTS, method) for method in ("read", "decode", "likelihood"))
DENSITIES = ("moons", "gaussians", "spiral", "drawn")
SPAN = 1.5                         # half the side of the window that is looked at
CONTROL = Control(1e-4, 1e-3, 200)         # of the likelihood's solver, for densities as narrow as those above
STEPS = 1500                       # of training at pace 1: about four seconds on two cores


@dataclass(frozen=True)
class Part:
    """A part of a network with an objective of its own, as each player of a game has."""
    loss: Callable[[Any, Tensor, torch.Generator], Tensor]        # (network, points (B, 2), rng) -> what it minimises
    prefix: str = ""                         # of the names of its parameters; all others are held
    span: tuple[float, float] = (0.0, 1.0)   # when in a training it learns
    lr: float = 4e-3
    betas: tuple[float, float] = (0.9, 0.999)


@dataclass(frozen=True)
class View:
    """What a network says of points (B, 2) besides arrows."""
    shade: Tensor | None = None              # (B,) in [-1, 1]: how much it speaks for a point, or against it
    cells: Tensor | None = None              # (B, n) codes: points that share all of them share a cell
    places: Tensor | None = None             # (K, 2): where the cells are drawn


@dataclass(frozen=True)
class Toy2D:
    """A family in the plane: its own objectives, samplers and field, on points instead of pictures."""
    parts: Mapping[str, Part]                                     # what is trained, in order
    start: Callable[[str, Any, Tensor, CloudNoise], Sampler]      # (sampler, options, white noise (B, 2), noise)
    noise_at: float                                               # time of pure noise, or before the first token
    data_at: float                                                # time of data
    pace: float = 1.0                                             # length of a training, times STEPS
    batch: int = 512                                              # points of a step
    field: Callable[[Any, Tensor, float, Any], Tensor] | None = None       # (network, points, t, options) -> arrows (B, 2)
    log_density: Callable[[Tensor, Any], Steps] | None = None     # (points, options) -> an Outcome of log p (B, 1); None: undefined
    network: Callable[[Any], nn.Module] = lambda options: Toy2DNet()       # the family's network options -> a new network
    nets: Callable[[Any], Mapping[NetKey, Net]] = lambda net: net.nets     # what samplers may call
    view: Callable[[Any, Tensor, Tensor, float], View] = lambda net, x, data, t: View()      # (network, points, some data, t)
    figures: Callable[[Any, Tensor], dict[str, float]] = lambda net, data: {}      # how it does, on data (N, 2); NAME_se: error of NAME


def sample_density(name: str, count: int, rng: np.random.Generator, points: np.ndarray | None = None) -> Tensor:
    """(count, 2) points of a density, spread over about [-1, 1]^2 as the pixels of pictures are.

    "drawn" takes `points` (N, 2) with a little blur. Raises ValueError for a name that is none.
    """
    if name == "moons":
        angle, upper = rng.uniform(0, math.pi, count), rng.integers(2, size=count)
        x = np.where(upper, np.cos(angle), 1 - np.cos(angle)) - 0.5
        y = np.where(upper, np.sin(angle), 0.5 - np.sin(angle)) - 0.25
        found = np.stack([x, y], 1) / 1.5 + 0.04 * rng.standard_normal((count, 2))
    elif name == "gaussians":
        angle = rng.integers(8, size=count) * math.pi / 4
        found = 0.8 * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.06 * rng.standard_normal((count, 2))
    elif name == "spiral":
        way = np.sqrt(rng.uniform(0.03, 1, count))
        found = way[:, None] * np.stack([np.cos(3 * math.pi * way), np.sin(3 * math.pi * way)], 1)
        found = found + 0.03 * rng.standard_normal((count, 2))
    elif name == "drawn" and points is not None and len(points):
        found = points[rng.integers(len(points), size=count)] + 0.03 * rng.standard_normal((count, 2))
    else:
        raise ValueError(f"There is no density {name!r}; there are {', '.join(DENSITIES)}, and the last needs points.")
    return torch.from_numpy(found).float()


class Toy2DNet(nn.Module):
    """The smallest denoiser v(z, phi): what `nets.denoiser.Denoiser` is for pictures, for points (B, 2)."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        # Sines and cosines of the point itself: without them a net this small blurs what is narrow (Tancik et al. 2020).
        self.octaves = torch.tensor([1.0, 2.0, 4.0, 8.0])
        self.layers = nn.Sequential(nn.Linear(2 + 8 + 16, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
                                    nn.Linear(width, width), nn.SiLU(), nn.Linear(width, 2))

    def predict(self, z: Tensor, phi: Tensor, cond: Cond) -> Tensor:
        """v, (B, 2), from z (B, 2) and phi (B,)."""
        angles, waves = phi[:, None] * self.octaves, (1.5 * z[:, :, None] * self.octaves).flatten(1)
        return self.layers(torch.cat([z, angles.cos(), angles.sin(), waves.cos(), waves.sin()], dim=1))

    @property
    def nets(self) -> dict[NetKey, Net]:
        """What a sampler of the plane may call."""
        return {KEY: self.predict, KEY_VJP: lambda z, phi, cond: vjp(self.predict, z, phi, cond)}


def predictor() -> Predict:
    """The network as samplers ask for it: no condition, no guidance."""
    return guided(KEY, {}, {}, 1.0)


class CloudNoise:
    """Noise for B points at once from one seed; where pictures have a stream each, a cloud of particles shares one."""

    def __init__(self, seed: int, count: int) -> None:
        self.seeds, self.shape, self.device = (seed,) * count, (2,), torch.device("cpu")
        self.generators = [torch.Generator().manual_seed(seed)]

    def normal(self) -> Tensor:
        """(B, 2)."""
        return torch.randn(len(self.seeds), 2, generator=self.generators[0])

    def rows(self) -> RowNoise:
        """A stream for each point, where a sampler draws whole rows."""
        return RowNoise(tuple((seed + k) % 2**32 for k, seed in enumerate(self.seeds)), (1,))

    def brownian(self, start: float, end: float, finest: float | None = None) -> CloudPaths:
        """Brownian paths of all points, fixed by the seed."""
        return CloudPaths(BrownianPaths(self.seeds[:1], (len(self.seeds), 2), start, end, self.device, finest))


@dataclass(frozen=True)
class CloudPaths:
    """The single row of `BrownianPaths`, its points as rows."""
    paths: BrownianPaths

    def increment(self, a: float, b: float) -> Tensor:
        return self.paths.increment(a, b)[0]


def perceptron(*widths: int, activation: Callable[[], nn.Module] = nn.SiLU) -> nn.Sequential:
    """Linear layers of these widths with activations between them."""
    layers = [layer for a, b in zip(widths, widths[1:], strict=False) for layer in (nn.Linear(a, b), activation())]
    return nn.Sequential(*layers[:-1])


def token_nets(net: Any, memory: MemoryShape) -> dict[NetKey, Net]:
    """What `by_token` calls of a network that reads and decodes tokens."""
    return {KEY_READ: Remembering(net.read, memory), KEY_DECODE: net.decode}


def by_token(prompt: Tensor, length: int, noise: CloudNoise, rule: Rule) -> Sampler:
    """Points (B, 2) whose tokens follow a prompt (B, n), drawn one after the other; each time those so far are decoded and shown."""
    def decoded(tokens: Tensor) -> Steps:
        (x,) = yield (Call(KEY_DECODE, tokens[:, None].clone(), None, {}),)                          # a map of one row
        return x

    def show(tokens: Tensor, count: int) -> Iterator[Any]:
        if count < length:
            x = yield from decoded(tokens)
            yield Preview(x, x, count, length, float(count), 0.0)

    def preview(drawn: Drawn) -> Iterator[Any]:
        return show(drawn.tokens, drawn.index + 1)

    nothing = torch.full((len(prompt), length), UNKNOWN)
    yield from show(nothing, 0)
    tokens = yield from continued(KEY_READ, prompt, prompt, 1.0, nothing, noise.rows(), rule, preview)
    return (yield from decoded(tokens))


class Training:
    """A network of the plane that learns a density, step by step; `drawn` needs its points (N, 2)."""

    def __init__(self, net: nn.Module, toy2d: Toy2D, density: str, points: np.ndarray | None = None, seed: int = 0) -> None:
        self.net, self.toy2d, self.density, self.points = net, toy2d, density, points
        self.data, self.rng = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        self.optimizers = {name: torch.optim.AdamW([p for n, p in net.named_parameters() if n.startswith(part.prefix) and p.requires_grad],
                                                   lr=part.lr, betas=part.betas) for name, part in toy2d.parts.items()}

    def step(self, names: Collection[str], decay: float = 1.0) -> dict[str, float]:
        """Each of the named parts, one after the other, takes a step on points of its own; returns their losses.

        decay: of the learning rates.
        """
        found = {}
        for name in names:
            part, optimizer = self.toy2d.parts[name], self.optimizers[name]
            value = part.loss(self.net, sample_density(self.density, self.toy2d.batch, self.data, self.points), self.rng)
            self.net.zero_grad()
            value.backward()
            for group in optimizer.param_groups:
                group["lr"] = decay * part.lr
            optimizer.step()
            found[name] = value.item()
        return found

    def run(self, steps: int) -> Iterator[tuple[int, dict[str, float]]]:
        """A whole training, every part in its own time with a learning rate that falls along a cosine; yields (step, losses)."""
        for step in range(steps):
            done, losses = step / steps, dict[str, float]()
            for name, part in self.toy2d.parts.items():
                begin, end = part.span
                if begin <= done < end:
                    losses |= self.step([name], 0.5 * (1 + math.cos(math.pi * (done - begin) / (end - begin))))
            yield step + 1, losses
