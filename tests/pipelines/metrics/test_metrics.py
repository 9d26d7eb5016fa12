"""The judge reads what was drawn; distances behave as their formulas say."""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.data.shapes import rendered
from pipelines.data.shapes.captions import Claim, ThingClaim, item
from pipelines.data.shapes.data_set import DATA_SET
from pipelines.data.shapes.faults import fault
from pipelines.data.shapes.features import FeatureNet, features, load_features
from pipelines.data.shapes.judge import read
from pipelines.data.shapes.scenes import COLORS, SHAPES, Scene, Thing, render
from pipelines.metrics.accuracy import accuracy, wilson
from pipelines.metrics.frechet import floor, frechet_distance, kernel_distance, perfect, reference_features
from pipelines.metrics.manifold import precision_recall


def everything(scene: Scene) -> Claim:
    """The strictest claim about a scene."""
    return Claim(tuple(ThingClaim(t.shape, t.color, t.size) for t in scene.things), scene.relation, scene.background)


@pytest.mark.slow
@pytest.mark.parametrize(("size", "count"), [(32, 200), (64, 50)])
def test_the_judge_reads_fresh_renders(size: int, count: int) -> None:
    scenes = [item("test", 21, k)[0] for k in range(count)]
    wrong = [s for s in scenes if (found := read(render(s, size))) is None or not everything(s).holds_for(found)]
    assert len(wrong) <= 0.005 * count, wrong[:3]                       # two things may touch, which is no fault of the judge


def test_the_judge_is_not_fooled() -> None:
    scene = Scene((Thing("star", "red", "large", 80, 90), Thing("ring", "blue", "small", 190, 110)), "white")
    claim = everything(scene)
    main = scene.things[0]
    for other in (replace(main, shape="circle"), replace(main, color="orange"), replace(main, size="medium")):
        assert not claim.holds_for(read(render(Scene((other, scene.things[1]), "white"))))
    mirrored = render(scene)[:, ::-1]
    assert fault(read(mirrored), claim) == "relation"
    assert fault(read(render(Scene(scene.things, "black"))), claim) == "background"
    assert fault(read(render(Scene(scene.things[:1], "white"))), claim) == "count"
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3)).astype(np.uint8)
    assert read(noise) is None and read(np.full((32, 32, 3), 245, np.uint8)) is None
    half = render(scene).copy()
    half[:, :11] = 245                                                      # the star cut in two
    assert fault(read(half), claim) is not None


@pytest.mark.slow
def test_every_pair_is_told_apart() -> None:
    for shape in SHAPES:
        for color in COLORS:
            for background in ("white", "sand"):
                found = read(render(Scene((Thing(shape, color, "medium", 130, 120),), background)))
                assert found is not None and (found.things[0].shape, found.things[0].color) == (shape, color)


def test_accuracy_counts_and_says_why() -> None:
    judge = DATA_SET.judge()
    cases = DATA_SET.evaluation("test", 40)[20:]
    images = np.stack([DATA_SET.picture(case, 32) for case in cases])
    claims = [judge.claim(case.caption) for case in cases]
    assert accuracy(list(map(judge.fault, images, claims))).share == accuracy(list(map(judge.label_fault, images, claims))).share == 1.0
    images[:5] = 0
    result = accuracy(list(map(judge.fault, images, claims)))
    assert (result.correct, result.count, sum(result.reasons.values())) == (15, 20, 5)
    low, high = result.interval
    assert low < 0.75 < high
    assert wilson(0, 10)[0] == pytest.approx(0, abs=1e-9) and wilson(10, 10)[1] == pytest.approx(1)
    assert [case.group for case in DATA_SET.evaluation("holdout", 5)] == ["one"] * 3 + ["two"] * 2


def test_frechet_distance_in_closed_form() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(size=(4000, 3))
    a = (a - a.mean(0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(a.T)).T)      # exactly white
    b = a * np.array([2.0, 1.0, 0.5]) + np.array([1.0, 0.0, 0.0])
    assert frechet_distance(a, b) == pytest.approx(1 + (2 - 1) ** 2 + (0.5 - 1) ** 2, abs=1e-6)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), abs=1e-6)
    assert np.isfinite(frechet_distance(rng.normal(size=(5, 64)), rng.normal(size=(6, 64))))
    with pytest.raises(ValueError, match="at least 2"):
        frechet_distance(a[:1], b)


@pytest.mark.slow
def test_kernel_distances_have_no_bias_and_lie_in_their_intervals() -> None:
    """Where the sets are of one distribution and where they are not; by simulation."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(8, 8))
    real = rng.normal(size=(400, 8)) @ mix
    for shift in (0.0, 0.3):
        truth = 0.0 if shift == 0 else kernel_distance(real, rng.normal(size=(3000, 8)) @ mix + shift)[0]
        found = [kernel_distance(real if shift else rng.normal(size=(400, 8)) @ mix, rng.normal(size=(100, 8)) @ mix + shift)
                 for _ in range(60)]
        values, errors = np.array(found).T
        assert abs(values.mean() - truth) < 3 * values.std() / np.sqrt(60) + 0.02 * truth
        assert np.mean(np.abs(values - truth) <= 1.96 * errors) >= 0.9
    with pytest.raises(ValueError, match="at least 3"):
        kernel_distance(real, real[:2])


@pytest.mark.slow
def test_perfect_pictures_have_a_floor_that_falls_with_their_number_and_no_kernel_distance() -> None:
    space = DATA_SET.features()
    few, more = perfect(space, "test", 48), perfect(space, "test", 144)
    assert few.frechet > 1.5 * more.frechet > 0 and 0.8 < more.precision <= 1 and 0.8 < more.recall <= 1
    fresh = space.of(np.stack([render(item("test", 33, k)[0]) for k in range(96)]))
    value, error = kernel_distance(reference_features(space, "test"), fresh)
    assert abs(value) < 3 * error


def test_kept_features_are_those_of_the_pictures_and_of_no_other_network(tmp_path: Path) -> None:
    net, other = load_features(), FeatureNet().eval()
    for split in rendered.SPLITS:
        for seed, count in rendered.KEPT.items():
            there = rendered.rendered(net, split, seed, count + 2)                       # the last two are not kept
            for places in (range(3), range(count - 2, count + 2)):
                assert np.allclose(there[places.start:places.stop], rendered.drawn(net, split, seed, places), rtol=1e-3, atol=1e-3)
    assert np.array_equal(rendered.rendered(net, "test", 7, 3), rendered.rendered(net, "test", 7, 9)[:3])
    assert np.allclose(rendered.rendered(other, "test", 7, 3), rendered.drawn(other, "test", 7, range(3)), atol=1e-5)
    digest, broken = rendered._digest(), tmp_path / "x.safetensors"
    assert rendered._kept(digest) and not rendered._kept("0" * 64) and not rendered._kept(digest, broken)
    broken.write_bytes(rendered.FILE.read_bytes()[:1000])
    assert not rendered._kept(digest, broken)


@pytest.mark.slow
def test_a_floor_of_the_page_renders_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    space = DATA_SET.features()
    monkeypatch.setattr(rendered, "drawn", lambda *given: pytest.fail("a picture was rendered"))
    rendered.rendered.cache_clear()
    assert floor(space, "test", 480) == pytest.approx(105, abs=1)                          # as it was published
    assert perfect(space, "test", 192).frechet == floor(space, "test", 192)


def test_precision_and_recall_on_known_sets() -> None:
    rng = np.random.default_rng(0)
    a, far = rng.normal(size=(200, 4)), rng.normal(size=(200, 4)) + 100
    assert precision_recall(a, a) == (1.0, 1.0)
    assert precision_recall(a, far) == (0.0, 0.0)
    precision, recall = precision_recall(np.concatenate([a, far]), a)              # one of two modes is never drawn
    assert precision == 1.0 and recall == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_noise_moves_pictures_away_in_feature_space() -> None:
    net, rng = load_features(), np.random.default_rng(0)
    real, fresh = (np.stack([render(item("test", seed, k)[0]) for k in range(150)]) for seed in (31, 32))
    space = features(net, real)
    distances = []
    for noise in (0, 40, 120):
        noisy = np.clip(fresh + rng.normal(0, max(noise, 1e-9), fresh.shape), 0, 255).astype(np.uint8)
        distances.append(frechet_distance(space, features(net, noisy)))
    assert distances[0] < distances[1] < distances[2]
