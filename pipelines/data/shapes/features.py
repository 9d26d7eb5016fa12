"""The feature space of our Fréchet distance, precision and recall: a small network that learned to read scenes.

This is not Inception: its numbers compare models of this project with each other and with nothing else.
Trained by `python -m pipelines.data.shapes.features --images 400000`.
"""
from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from pipelines.data.batches import to_tensor
from pipelines.data.shapes.captions import item
from pipelines.data.shapes.scenes import BACKGROUNDS, COLORS, SHAPES, SIZES, Scene, render

FILE = Path(__file__).parents[3] / "weights" / "bundled" / "features.safetensors"
WIDTH = 64
_NAMES = (*BACKGROUNDS, *SHAPES, *COLORS, *SIZES, *(f"{color} {shape}" for shape in SHAPES for color in COLORS), "two")


class FeatureNet(nn.Module):
    """(B, 3, 32, 32) in [-1, 1] -> features (B, 64); `heads` says from them what the scene holds."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 32, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(32, 64, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(64, 96, 3, padding=1), nn.SiLU(),
            nn.Conv2d(96, 96, 3, stride=2, padding=1), nn.SiLU(),
            nn.Flatten(), nn.Linear(96 * 16, WIDTH))
        self.heads = nn.Linear(WIDTH, len(_NAMES))

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x)


def targets(scene: Scene) -> Tensor:
    """(len(_NAMES),) of 0 and 1: background, shapes, colours, sizes and pairs that occur, and whether there are two."""
    present = {scene.background} | ({"two"} if len(scene.things) == 2 else set())
    for thing in scene.things:
        present |= {thing.shape, thing.color, thing.size, f"{thing.color} {thing.shape}"}
    return torch.tensor([float(name in present) for name in _NAMES])


def loss(net: FeatureNet, x: Tensor, y: Tensor) -> Tensor:
    """Binary cross-entropy of all statements about the scene."""
    return F.binary_cross_entropy_with_logits(net.heads(F.silu(net(x))), y)


def _pairs(split: str, count: int, start: int = 0) -> tuple[Tensor, Tensor]:
    scenes = [item(split, 2, start + k)[0] for k in range(count)]
    return (torch.stack([to_tensor(render(scene)) for scene in scenes]), torch.stack([targets(s) for s in scenes]))


def train(net: FeatureNet, images: int, batch: int = 64, seed: int = 0) -> Iterator[tuple[int, float]]:
    """Train in place, yielding (images seen, loss). A little noise is added: drawn pictures are never as clean as rendered."""
    torch.manual_seed(seed)
    optimizer = torch.optim.AdamW(net.parameters(), lr=2e-3)
    decay = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, images // batch)
    for step in range(images // batch):
        x, y = _pairs("train", batch, step * batch)
        value = loss(net, x + 0.1 * torch.rand(batch, 1, 1, 1) * torch.randn_like(x), y)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        decay.step()
        yield (step + 1) * batch, value.item()


@cache
def load_features(path: Path = FILE) -> FeatureNet:
    """The bundled feature network."""
    net = FeatureNet()
    net.load_state_dict({name: z.float() for name, z in load_file(path).items()})
    return net.eval()


def features(net: FeatureNet, images: np.ndarray) -> np.ndarray:
    """(N, 32, 32, 3) uint8 -> (N, 64) float64; larger pictures are averaged down to that size."""
    x = F.adaptive_avg_pool2d(torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1, 32)
    with torch.inference_mode():
        return torch.cat([net(part) for part in x.split(256)]).double().numpy()


def accuracy(net: FeatureNet, count: int = 1000) -> float:
    """Share of test scenes of which every statement is right."""
    x, y = _pairs("test", count)
    with torch.inference_mode():
        said = net.heads(F.silu(net(x))) > 0
    return (said == y.bool()).all(1).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the feature network.")
    parser.add_argument("--images", type=int, default=400_000)
    parser.add_argument("--out", type=Path, default=FILE)
    args = parser.parse_args()
    net = FeatureNet()
    for seen, value in train(net, args.images):
        if seen % 6400 == 0:
            print(f"{seen} images, loss {value:.4f}", file=sys.stderr, flush=True)
    share = accuracy(net)
    save_file({name: z.half() for name, z in net.state_dict().items()}, args.out,
              metadata={"features": json.dumps({"images": args.images, "seed": 0, "scenes_read_whole": share})})
    print(f"every statement right for {100 * share:.1f} % of 1000 test scenes")


if __name__ == "__main__":
    main()
