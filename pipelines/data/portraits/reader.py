"""A small network that reads portraits: for every attribute of a set, which of its values is to be seen.

Trained by `python -m pipelines.data.portraits.reader faces --images 400000` on fresh portraits, most of them damaged as pictures of models
are; prints how often each attribute is read right.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.data.contract import FeatureSpace
from pipelines.data.portraits.portraits import Portraits, portraits

BUNDLED = Path(__file__).parents[3] / "weights" / "bundled"
WIDTH = 96
ABSENT = 0.04                      # share of the pictures that it learns from which lack a part that every portrait has


class Reader(nn.Module):
    """(B, 3, S, S) in [-1, 1] -> features (B, 96); `heads` says from them how likely every value of every attribute is."""

    def __init__(self, values: Mapping[str, Sequence[str]], side: int) -> None:
        """values: what may be read of each attribute. side: of the pictures that it reads, 16 or 32."""
        super().__init__()
        self.values, self.side = values, side
        self.body = nn.Sequential(
            nn.Conv2d(3, 24, 3, padding=1), nn.SiLU(),
            nn.Conv2d(24, 48, 3, stride=side // 16, padding=1), nn.SiLU(),                 # to 16 x 16
            nn.Conv2d(48, 64, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(64, 72, 3, padding=1), nn.SiLU(),
            nn.Conv2d(72, 80, 3, stride=2, padding=1), nn.SiLU(),
            nn.Flatten(), nn.Linear(80 * 16, WIDTH))
        self.heads = nn.Linear(WIDTH, sum(map(len, values.values())))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)

    def scores(self, x: Tensor) -> dict[str, Tensor]:
        """Logits (B, values) of each attribute."""
        logits = self.heads(F.silu(self(x))).split([len(values) for values in self.values.values()], dim=1)
        return dict(zip(self.values, logits, strict=True))


def _tensor(images: np.ndarray, side: int) -> Tensor:
    """(B, H, H, 3) uint8 -> (B, 3, side, side) in [-1, 1], averaged down where it is larger."""
    return F.adaptive_avg_pool2d(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1, side)


def file_of(name: str) -> Path:
    """Where a set's reader is kept."""
    return BUNDLED / f"{name}-reader.safetensors"


@cache
def load(name: str) -> Reader:
    """The bundled reader of a set."""
    of = portraits(name)
    net = Reader(readings(of), of.parts.sides[0])
    net.load_state_dict({name: z.float() for name, z in load_file(file_of(name)).items()})
    return net.eval()


def read(net: Reader, images: np.ndarray) -> list[dict[str, str]]:
    """What pictures (N, H, H, 3) uint8 show: a value of each attribute."""
    return read_tensor(net, _tensor(images, net.side))


def read_tensor(net: Reader, x: Tensor) -> list[dict[str, str]]:
    """The same of pictures (N, 3, S, S) in [-1, 1]."""
    with torch.inference_mode():
        parts = [net.scores(part) for part in x.split(256)]
    best = {attribute: torch.cat([part[attribute] for part in parts]).argmax(1).tolist() for attribute in net.values}
    return [{attribute: values[best[attribute][k]] for attribute, values in net.values.items()} for k in range(len(x))]


def features(net: Reader, images: np.ndarray) -> np.ndarray:
    """(N, H, H, 3) uint8 -> (N, 96) float64."""
    with torch.inference_mode():
        return torch.cat([net(x) for x in _tensor(images, net.side).split(256)]).double().numpy()


def feature_space(name: str) -> FeatureSpace:
    """Of a set: the features of its reader."""
    of, net = portraits(name), load(name)

    @lru_cache(8)
    def true(split: str, seed: int, count: int) -> np.ndarray:
        return features(net, of.parts.compose_all((of.item(split, seed, k).attributes for k in range(count)), net.side))

    return FeatureSpace(net.side, "our own, not Inception", lambda images: features(net, images), true)


Damage = Callable[[Tensor, torch.Generator], Tensor]         # pictures (B, 3, S, S) -> as many


def mean(x: Tensor, rng: torch.Generator) -> Tensor:
    """Of 3 x 3 pixels."""
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)


def halved(x: Tensor, rng: torch.Generator) -> Tensor:
    """To half of the side and back."""
    return F.interpolate(F.avg_pool2d(x, 2), scale_factor=2, mode="bilinear")


def shifted(x: Tensor, rng: torch.Generator) -> Tensor:
    """By up to half a pixel, and larger or smaller by up to 3 %."""
    pose = torch.eye(2, 3).repeat(len(x), 1, 1) * (1 + 0.03 * (2 * torch.rand(len(x), 1, 1, generator=rng) - 1))
    pose[:, :, 2] = (2 * torch.rand(len(x), 2, generator=rng) - 1) / x.shape[-1]
    return F.grid_sample(x, F.affine_grid(pose, list(x.shape), align_corners=False), padding_mode="border", align_corners=False)


def tinted(x: Tensor, rng: torch.Generator) -> Tensor:
    """Every channel lighter or darker by up to 10 of 255."""
    return x + 0.08 * (2 * torch.rand(len(x), 3, 1, 1, generator=rng) - 1)


def noisy(x: Tensor, rng: torch.Generator) -> Tensor:
    """With noise of 16 of 255, in one half of the pictures of single pixels and in the other of blots."""
    fine = torch.randn(x.shape, generator=rng)
    blots = 2 * mean(torch.randn(x.shape, generator=rng), rng)
    return x + 0.125 * torch.where(torch.rand(len(x), 1, 1, 1, generator=rng) < 0.5, fine, blots)


DAMAGES: tuple[Damage, ...] = (shifted, mean, halved, tinted, noisy)


def damaged(x: Tensor, rng: torch.Generator) -> Tensor:
    """Each picture by some of the damages, each to a degree; a quarter of the pictures by none."""
    for damage in DAMAGES:
        degree = torch.rand(len(x), 1, 1, 1, generator=rng) * (torch.rand(len(x), 1, 1, 1, generator=rng) < 0.25)
        x = x + degree * (damage(x, rng) - x)
    return x.clamp(-1, 1)


def readings(of: Portraits) -> dict[str, tuple[str, ...]]:
    """What may be read of each attribute: its values, and "" where every portrait shows a part and a picture does not."""
    return {attribute: (*values, "") if attribute in of.always else values for attribute, values in of.choices.items()}


def some(of: Portraits, rng: np.random.Generator, count: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pictures (count, S, S, 3) uint8 of all splits, some of which lack a part, and for each attribute which of its readings is right
    (count,)."""
    known, items = readings(of), []
    for _ in range(count):
        lacking = {attribute: "" for attribute in of.always if rng.random() < ABSENT}
        items.append(of.drawn(rng) | lacking)
    shown = {attribute: np.array([values.index(item[attribute]) for item in items]) for attribute, values in known.items()}
    return of.parts.compose_all(items, of.parts.sides[0]), shown


def train(net: Reader, of: Portraits, images: int, batch: int = 64, seed: int = 0) -> Iterator[tuple[int, float]]:
    """Train in place, yielding (images seen, loss)."""
    torch.manual_seed(seed)
    rng, noise = np.random.default_rng([seed, 1]), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=0.01)
    decay = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, images // batch, pct_start=0.05)
    for step in range(images // batch):
        pictures, shown = some(of, rng, batch)
        scores = net.scores(damaged(_tensor(pictures, net.side), noise))
        loss = torch.stack([F.cross_entropy(scores[attribute], torch.from_numpy(right)) for attribute, right in shown.items()]).sum()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()
        yield (step + 1) * batch, loss.item()


def accuracy(net: Reader, of: Portraits, damage: Damage | None = None, count: int = 5000) -> dict[str, float]:
    """For each attribute the share of portraits, damaged or not, of which it is read right: what captions name as closely as they can."""
    rng, noise = np.random.default_rng([2, 2]), torch.Generator().manual_seed(2)
    items = [of.drawn(rng) for _ in range(count)]
    x = _tensor(of.parts.compose_all(items, net.side), net.side)
    found = read_tensor(net, x if damage is None else damage(x, noise).clamp(-1, 1))
    claims = [{attribute: frozenset({value}) for attribute, value in item.items()} | of.grammar.claim(item) for item in items]
    return {attribute: sum(shown[attribute] in claim[attribute] for shown, claim in zip(found, claims, strict=True)) / count
            for attribute in of.choices}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the network that reads the portraits of a set.")
    parser.add_argument("name", help="the set")
    parser.add_argument("--images", type=int, default=400_000)
    parser.add_argument("--out", type=Path, help="default: where it ships")
    args = parser.parse_args()
    of = portraits(args.name)
    net = Reader(readings(of), of.parts.sides[0])
    for seen, value in train(net, of, args.images):
        if seen % 6400 == 0:
            print(f"{seen} images, loss {value:.4f}", file=sys.stderr, flush=True)
    net.eval().half().float()                                # as it will be loaded
    found = {said: accuracy(net, of, damage) for said, damage in (("clean", None), ("mean", mean), ("noisy", noisy))}
    save_file({name: z.half() for name, z in net.state_dict().items()}, args.out or file_of(args.name),
              metadata={"reader": json.dumps({"images": args.images, "seed": 0, "read_right": found})})
    for attribute in of.choices:
        print(f"| {attribute} | " + " | ".join(f"{100 * shares[attribute]:.1f} %" for shares in found.values()) + " |")


if __name__ == "__main__":
    main()
