"""The judge of portraits: a network reads what a picture shows, and what it read must explain the picture.

1. The reader (`pipelines.data.portraits.reader`) says the value of each attribute.
2. The portrait with these values is put together. How far a pixel is outside of the range that the portrait has within one pixel of it,
   which blur and small shifts never leave, is averaged over 5 x 5 pixels, which leaves little of noise. Where that is more than noise
   leaves, or a part is missing, the picture shows no portrait of the set: it is not read, which counts as an error.
3. Of what was read, all that the caption claims must be so.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator
from functools import cache

import numpy as np
from scipy import ndimage

from pipelines.data.contract import Judge
from pipelines.data.portraits.captions import Claim
from pipelines.data.portraits.parts import GROUND
from pipelines.data.portraits.portraits import Portraits, portraits

RULES = 1                          # rises with every change of what is read, so that shares judged by other rules are measured again
WINDOW = 5
UNEXPLAINED = 40.0                 # RGB distance; see `test_bound_leaves_room_for_blur_and_noise`
NEAR_MISSES = "another value of an attribute, strange colours, halves, missing parts, two faces in one"
STRANGE = ((0, 128, 128), (255, 0, 255), (128, 128, 0), (90, 0, 90), (20, 20, 90), (190, 255, 60))         # colours of no palette
EACH = 20                          # near misses of each kind


def judge(name: str, false_accepts: float) -> Judge:
    """Of a set. false_accepts: what `rates` finds; a page that says it does not measure it anew."""
    of = portraits(name)
    return Judge(RULES, of.parts.sides[0], of.grammar.parse, lambda image, claim: fault(of, name, image, claim),
                 lambda image, claim: fault(of, name, image, claim), false_accepts, NEAR_MISSES, lambda: rates(name),
                 lambda image, claim: attributes(of, name, image, claim))


def attributes(of: Portraits, name: str, image: np.ndarray, claim: Claim) -> dict[str, bool]:
    """For each attribute that is claimed whether the picture (H, H, 3) uint8 shows it so; none is where it shows no portrait."""
    shown = read(of, name, image[None])[0]
    return {attribute: shown is not None and shown[attribute] in values for attribute, values in claim.items()}


def fault(of: Portraits, name: str, image: np.ndarray, claim: Claim) -> str | None:
    """None if the claim holds for the picture (H, H, 3) uint8, else the first attribute that is wrong."""
    return _wrong(of, read(of, name, image[None])[0], claim)


def _wrong(of: Portraits, shown: dict[str, str] | None, claim: Claim) -> str | None:
    if shown is None:
        return "unreadable"
    return next((attribute for attribute in of.grammar.named if attribute in claim and shown[attribute] not in claim[attribute]), None)


def read(of: Portraits, name: str, images: np.ndarray) -> list[dict[str, str] | None]:
    """What each of several pictures (N, H, H, 3) uint8 shows, a value of each attribute; None if it is no portrait of the set."""
    from pipelines.data.portraits import reader
    side, times = of.parts.sides[0], images.shape[1] // of.parts.sides[0]
    small = images.reshape(-1, side, times, side, times, 3).mean((2, 4)).round().astype(np.uint8)
    found = map(of.seen, reader.read(reader.load(name), small))
    return [shown if all(shown.values()) and misfit(image, of.parts.compose(shown, side)) <= UNEXPLAINED else None
            for image, shown in zip(small, found, strict=True)]


def misfit(image: np.ndarray, portrait: np.ndarray) -> float:
    """The largest RGB distance, averaged over 5 x 5 pixels, of a picture from the range of another within a pixel; both (S, S, 3)."""
    low, high = ndimage.minimum_filter(portrait, (3, 3, 1)), ndimage.maximum_filter(portrait, (3, 3, 1))
    outside = ndimage.uniform_filter(image.astype(float) - image.clip(low, high), (WINDOW, WINDOW, 0), mode="nearest")
    return float(np.linalg.norm(outside, axis=-1).max())


def near_misses(of: Portraits) -> Iterator[tuple[str, np.ndarray, Claim]]:
    """(what is wrong, picture (S, S, 3) uint8, a claim that does not hold for it), always the same."""
    rng, side = np.random.default_rng(13), of.parts.sides[0]
    for _ in range(EACH):
        shown = of.drawn(rng)
        claim, picture = of.grammar.claim(shown), of.parts.compose(shown, side)
        for attribute in claim:
            other = _another(of, shown, attribute, claim[attribute], rng)
            if other is not None:
                yield attribute, of.parts.compose(other, side), claim
        for attribute in [attribute for attribute in claim if attribute in of.parts.colours]:
            other = _another(of, shown, attribute, {shown[attribute]}, rng) or {}
            pair = of.parts.colours[attribute][shown[attribute]], of.parts.colours[attribute][other[attribute]]
            strange = STRANGE[int(rng.integers(len(STRANGE)))]
            yield f"strange {attribute}", _recoloured(picture, of.parts.compose(other, side), *pair, strange), claim
        ground = of.parts.colours[GROUND][shown[GROUND]]
        for where in (np.s_[:, :side // 2], np.s_[:, side // 2:], np.s_[:side // 2], np.s_[side // 2:]):
            half = picture.copy()
            half[where] = ground
            yield "half", half, claim
        for attribute in of.always:
            yield f"no {attribute}", of.parts.compose(shown | {attribute: ""}, side), claim
        yield "two in one", ((picture.astype(int) + of.parts.compose(of.drawn(rng), side)) // 2).astype(np.uint8), claim


def _another(of: Portraits, shown: dict[str, str], attribute: str, but: Collection[str], rng: np.random.Generator) -> dict[str, str] | None:
    """The same portrait with another value of an attribute; None if it can have none."""
    others = [other for value in of.values[attribute] if value not in but
              and not of.hides(other := of.seen(shown | {attribute: value})) and other[attribute] == value]
    return others[int(rng.integers(len(others)))] if others else None


def _recoloured(picture: np.ndarray, other: np.ndarray, colour: tuple[int, ...], of_other: tuple[int, ...],
                strange: tuple[int, ...]) -> np.ndarray:
    """A picture in which something has a strange colour, from two that show it in two colours; where and how much comes from the channel
    in which these differ most."""
    channel = int(np.abs(np.subtract(colour, of_other)).argmax())
    weight = (picture[..., channel].astype(float) - other[..., channel]) / (colour[channel] - of_other[channel])
    return (picture + weight[..., None] * np.subtract(strange, colour)).clip(0, 255).round().astype(np.uint8)


@cache
def rates(name: str, renders: int = 200) -> tuple[float, float]:
    """Share of near misses that the judge of a set takes for what they are not, and of portraits that are read as what they are."""
    of = portraits(name)
    _, pictures, claims = zip(*near_misses(of), strict=True)
    missed = [_wrong(of, shown, claim) is None for shown, claim in zip(read(of, name, np.stack(pictures)), claims, strict=True)]
    cases = [of.item("test", 21, k).attributes for k in range(renders)]
    right = [_wrong(of, shown, of.grammar.claim(case)) is None
             for shown, case in zip(read(of, name, of.parts.compose_all(cases, of.parts.sides[0])), cases, strict=True)]
    return sum(missed) / len(missed), sum(right) / len(right)
