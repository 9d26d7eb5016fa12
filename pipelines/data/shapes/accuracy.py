"""Caption accuracy: the share of pictures in which the judge confirms what the caption claims."""
from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from pipelines.data.shapes.captions import Claim, item
from pipelines.data.shapes.judge import read
from pipelines.data.shapes.scenes import OPPOSITE, Scene


@dataclass(frozen=True)
class Accuracy:
    """share = correct / count with its 95 % interval (Wilson 1927); reasons: what was wrong, by how often."""
    count: int
    correct: int
    share: float
    interval: tuple[float, float]
    reasons: dict[str, int]


def evaluation_captions(split: str, count: int, objects: int) -> list[tuple[Scene, str, Claim]]:
    """The fixed captions that models are judged by: seed 11 of a split, with one or two objects."""
    return [item(split, 11, k, objects) for k in range(count)]


def caption_accuracy(images: np.ndarray, claims: list[Claim]) -> Accuracy:
    """Judge images (N, H, W, 3) uint8 by their captions' claims."""
    return _accuracy([fault(read(image), claim) for image, claim in zip(images, claims, strict=True)])


def label_accuracy(images: np.ndarray, claims: list[Claim]) -> Accuracy:
    """Judge images by their captions' class alone, for models that know no more: shape and colour of the main thing are there."""
    return _accuracy([label_fault(read(image), claim) for image, claim in zip(images, claims, strict=True)])


def _accuracy(faults: list[str | None]) -> Accuracy:
    reasons = Counter(reason for reason in faults if reason is not None)
    wrong, n = sum(reasons.values()), len(faults)
    return Accuracy(n, n - wrong, (n - wrong) / n, wilson(n - wrong, n), dict(reasons.most_common()))


def label_fault(scene: Scene | None, claim: Claim) -> str | None:
    """None if a thing of the claim's main shape and colour was read, whatever else is there."""
    if scene is None:
        return "unreadable"
    main = claim.things[0]
    return None if any((t.shape, t.color) == (main.shape, main.color) for t in scene.things) else "label"


def fault(scene: Scene | None, claim: Claim) -> str | None:
    """None if the claim holds for what was read, else the first thing that is wrong."""
    if scene is None:
        return "unreadable"
    if claim.holds_for(scene):
        return None
    if len(scene.things) != len(claim.things):
        return "count"
    if claim.background not in (None, scene.background):
        return "background"
    orders = [(scene.things, scene.relation)]
    if scene.relation is not None:
        orders.append((scene.things[::-1], OPPOSITE[scene.relation]))
    for attribute in ("color", "shape", "size"):
        if not any(all(getattr(c, attribute) in (None, getattr(t, attribute))
                       for c, t in zip(claim.things, things, strict=True)) for things, _ in orders):
            return attribute
    matching = [relation for things, relation in orders
                if all((c.shape, c.color) == (t.shape, t.color) and c.size in (None, t.size)
                       for c, t in zip(claim.things, things, strict=True))]
    return "relation" if matching else "binding"


def wilson(correct: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """95 % score interval of a share."""
    p, spread = correct / count, z * z / count
    middle, half = p + spread / 2, z * np.sqrt(p * (1 - p) / count + spread / (4 * count))
    return max(0.0, float((middle - half) / (1 + spread))), min(1.0, float((middle + half) / (1 + spread)))
