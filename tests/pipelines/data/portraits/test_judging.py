"""The judge of portraits reads them, blurred and noisy ones too, and what is none it does not read."""
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from pipelines.data import dataset
from pipelines.data.portraits import reader
from pipelines.data.portraits.judging import UNEXPLAINED, misfit, near_misses
from pipelines.data.portraits.portraits import portraits

SETS = ["faces", "pixels"]


def pictures(x: Tensor) -> np.ndarray:
    return ((x.clamp(-1, 1) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("damage", [*reader.DAMAGES, reader.damaged], ids=lambda damage: damage.__name__)
def test_bound_leaves_room_for_blur_and_noise(name: str, damage: Callable[[Tensor, torch.Generator], Tensor]) -> None:
    of = portraits(name)
    items = [of.drawn(np.random.default_rng([4, k])) for k in range(100)]
    true = of.parts.compose_all(items, of.parts.sides[0])
    x = torch.from_numpy(true).permute(0, 3, 1, 2) / 127.5 - 1
    seen = pictures(damage(x, torch.Generator().manual_seed(4)))
    assert np.mean([misfit(a, b) <= UNEXPLAINED for a, b in zip(seen, true, strict=True)]) >= 0.98


@pytest.mark.slow
@pytest.mark.parametrize("name", SETS)
def test_what_captions_name_is_read_and_near_misses_are_refused(name: str) -> None:
    data = dataset(name)
    judge = data.judge and data.judge()
    assert judge is not None
    false_accepts, true_accepts = judge.rates()
    assert true_accepts >= 0.95 and abs(false_accepts - judge.false_accepts) <= 0.005
    of = portraits(name)
    shares = reader.accuracy(reader.load(name), of, count=500)
    assert min(shares[attribute] for attribute in of.grammar.named) >= 0.99


@pytest.mark.parametrize("name", SETS)
def test_faults_name_what_is_wrong(name: str) -> None:
    data, of = dataset(name), portraits(name)
    judge = data.judge and data.judge()
    assert judge is not None
    for case in data.evaluation("test", 20):
        claim = judge.claim(case.caption)
        assert judge.fault(data.picture(case, judge.size), claim) is None is judge.fault(data.picture(case, 2 * judge.size), claim)
        colour = next(value for value in of.choices["background"] if value != case.attributes["background"])
        other = of.parts.compose({**case.attributes, "background": colour}, judge.size)
        assert judge.fault(other, {**claim, "background": frozenset({case.attributes["background"]})}) == "background"
        assert judge.label_fault(other, {attribute: values for attribute, values in claim.items() if attribute != "background"}) is None
        assert judge.fault(np.full_like(other, 128), claim) == "unreadable"
    kinds = {what for what, _, _ in near_misses(of)}
    assert {*of.grammar.named, "half", "two in one", "strange background"} <= kinds


@pytest.mark.parametrize("name", SETS)
def test_features_tell_pictures_apart(name: str) -> None:
    data = dataset(name)
    space = data.features and data.features()
    assert space is not None
    true = space.true("test", 7, 40)
    assert true.shape == (40, reader.WIDTH) and true.dtype == np.float64
    shown = np.stack([data.picture(data.item("test", 7, k, None), space.size) for k in range(40)])
    np.testing.assert_array_equal(space.of(shown), true)
    distances = np.linalg.norm(space.of(shown[:, ::-1].copy()) - true, axis=1)   # upside down
    assert distances.min() > 0 and np.median(distances) > np.median(np.linalg.norm(true - true.mean(0), axis=1)) / 2
