"""What is measured of a cell's pictures: likeness to the reference solution, whether the caption holds and another cell is the same."""
from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import numpy as np

from app.errors import sentences
from app.grids.state import LiveGrid
from pipelines import data
from pipelines.data import DEFAULT, dataset
from pipelines.data.contract import Judge
from pipelines.effects import idle
from pipelines.request import Request, face_of

CLOSE = 1                          # of 255: how far rounding reaches when batches are formed otherwise
BLOCKS = 4                         # by as many: means by which pictures that may be equal are found


def similarity(pixels: np.ndarray, solution: np.ndarray) -> float:
    """Mean structural similarity (Wang et al. 2004) of pictures (B, H, W, 3) uint8; 1 for equal ones."""
    from skimage.metrics import structural_similarity
    return float(np.mean([structural_similarity(a, b, channel_axis=2, data_range=255) for a, b in zip(pixels, solution, strict=True)]))


def caption_check(request: Request, pixels: np.ndarray) -> dict[str, Any]:
    """Whether each picture shows what the caption says, as far as the judge knows its words and the size of the pictures."""
    from pipelines.metrics.accuracy import wilson
    judge = request.data.judge and request.data.judge()
    claim = judge.claim(request.prompt) if judge else None
    if judge is None or claim is None or pixels.shape[1] != judge.size:
        return {}
    problem = judge.label_fault if request.face.label_only else judge.fault
    right = [problem(picture, claim) is None for picture in pixels]
    low, high = wilson(sum(right), len(right))
    share = sum(right) / len(right)
    return {"right": right, "accuracy": {"share": share, "low": low, "high": high, "count": len(right), "rules": judge.rules}}


def terms(live: LiveGrid) -> str:
    """What the numbers of a grid's cells mean, said once for all of them; "" where that is plain."""
    return " ".join([*of_distances(live), *of_judge(live)])


def of_distances(live: LiveGrid) -> list[str]:
    """What a cell's distance is, where it stands for several pictures."""
    return ["The distance of a cell is the geometric mean of its pictures."] \
        if live.count > 1 and any(cell.distance is not None for cell in live.cells) else []


def of_judge(live: LiveGrid) -> list[str]:
    """How far the judges of a grid's captions can be trusted."""
    found = _judges(live)
    told = [f"The judge{f' of {name}' * (len(found) > 1)} takes {100 * judge.false_accepts:.0f} % of near misses ({judge.near_misses}) for "
            "what they are not." for name, (judge, rules) in found.items() if judge.rules in rules]
    earlier = any(rules - {judge.rules} for judge, rules in found.values())
    return told + ["Some captions may have been read by an earlier, looser judge; draw those cells again."] * earlier


def false_accepts(live: LiveGrid) -> float | None:
    """The largest share of near misses that a judge of today takes for what they are not; None where none read a caption of a grid."""
    return max((judge.false_accepts for judge, rules in _judges(live).values() if judge.rules in rules), default=None)


def _judges(live: LiveGrid) -> dict[str, tuple[Judge, set[int | None]]]:
    """By data set its judge of today, and the numbers of those that read a grid's captions; None for one of the time before numbers."""
    found: dict[str, tuple[Judge, set[int | None]]] = {}
    for cell in live.cells:
        name = cell.settings.get("data_set") or DEFAULT
        make = dataset(name).judge if data.there(name) else None             # a set may be gone since
        if make and cell.metrics.get("accuracy"):
            found.setdefault(name, (make(), set()))[1].add(cell.metrics["accuracy"].get("rules"))
    return found


class Duplicates:
    """Finds cells whose pictures are the same to the eye, though memory holds only a few numbers of each.

    saved: a stored picture (H, W, 3) uint8 by its id.
    """

    def __init__(self, saved: Callable[[str], np.ndarray]) -> None:
        self._saved = saved
        self._seen: dict[int, tuple[np.ndarray, tuple[str, ...]]] = {}

    def add(self, i: int, first: np.ndarray, images: tuple[str, ...]) -> None:
        """A finished cell: its first picture (H, W, 3) uint8, and the ids of all."""
        self._seen[i] = _means(first), images

    def find(self, pixels: np.ndarray) -> int | None:
        """The cell whose pictures are these (B, H, W, 3) but for rounding."""
        own = _means(pixels[0])
        for i, (means, images) in self._seen.items():
            near = len(images) == len(pixels) and means.shape == own.shape and np.abs(means - own).max() <= CLOSE
            with suppress(*sentences()):                            # a file may be gone meanwhile
                if near and all(_alike(self._saved(image), picture) for image, picture in zip(images, pixels, strict=True)):
                    return i
        return None


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and int(np.abs(a.astype(np.int16) - b).max()) <= CLOSE


def _means(pixels: np.ndarray) -> np.ndarray:
    """Mean colours of blocks of a picture."""
    side = pixels.shape[0] // BLOCKS, pixels.shape[1] // BLOCKS
    cut = pixels[:side[0] * BLOCKS, :side[1] * BLOCKS].astype(np.float32)
    return cut.reshape(BLOCKS, side[0], BLOCKS, side[1], -1).mean((1, 3))


def why_same(a: Request, b: Request) -> str:
    """"": no reason is known; else " (Greedy draws one picture whatever the seed)"."""
    differ = {name for name in ("family", "model", "sampler", "prompt", "negative_prompt", "guidance_scale", "seed")
              if getattr(a, name) != getattr(b, name)}
    own, other = asdict(a.options), asdict(b.options)
    differ |= {name for name in own.keys() | other.keys() if own.get(name) != other.get(name)}
    if not differ:
        return " (the same settings)"
    reasons = idle(a) | idle(b)
    if differ <= {*reasons}:
        return f" ({'; '.join(dict.fromkeys(reasons[name] for name in sorted(differ)))})"
    if differ == {"sampler"} and {own.get("eta"), other.get("eta")} & {0.0}:
        return " (without noise these samplers are one)"
    if differ == {"prompt"} and face_of(a.family).label_only:
        return " (this model reads nothing but the class)"
    return f" ({', '.join(sorted(differ)).replace('_', ' ')} had no effect here)"
